"""OpenAI's SDK on the path for it, sync and async."""

import asyncio
import json
import os
from typing import Any

import openai
import pydantic
from openai import AsyncOpenAI, OpenAI
from rows import check, run_rows

URL = f"{os.environ['EMULATOR_URL']}/v1beta/openai"
MODEL = "gemini-2.5-flash"
CLIENT = OpenAI(api_key="any-key", base_url=URL, max_retries=0)
WHY: Any = [{"role": "user", "content": "Why?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Recipe(pydantic.BaseModel):
    name: str
    minutes: int


def generate() -> None:
    completion = CLIENT.chat.completions.create(model=MODEL, messages=WHY)
    check("You asked: “Why?”" in completion.choices[0].message.content, completion)
    check(completion.usage.total_tokens > 0, completion)


def generate_async() -> None:
    async def create() -> Any:
        async with AsyncOpenAI(api_key="any-key", base_url=URL) as client:
            return await client.chat.completions.create(model=MODEL, messages=WHY)

    completion = asyncio.run(create())
    check("Why?" in completion.choices[0].message.content, completion)


def stream() -> None:
    options: Any = {"include_usage": True}
    chunks = list(CLIENT.chat.completions.create(model=MODEL, messages=WHY, stream=True, stream_options=options))
    text = "".join(each.choices[0].delta.content or "" for each in chunks)
    check("Why?" in text and chunks[-1].usage.total_tokens > 0, chunks[-1])


def stream_with_helper() -> None:
    with CLIENT.chat.completions.stream(model=MODEL, messages=WHY) as events:
        for _ in events:
            pass
        completion = events.get_final_completion()
    check("Why?" in completion.choices[0].message.content, completion)


def tools_round_trip() -> None:
    completion = CLIENT.chat.completions.create(model=MODEL, messages=WHY, tools=[WEATHER], tool_choice="required")
    message = completion.choices[0].message
    (call,) = message.tool_calls
    check(completion.choices[0].finish_reason == "tool_calls", completion)
    city = json.loads(call.function.arguments)["city"]
    answer: Any = {"role": "tool", "tool_call_id": call.id, "content": f"fine in {city}"}
    second = CLIENT.chat.completions.create(model=MODEL, messages=[*WHY, message, answer], tools=[WEATHER])
    check("fine in Why?" in second.choices[0].message.content, second)


def streamed_tool_call() -> None:
    chunks = list(
        CLIENT.chat.completions.create(model=MODEL, messages=WHY, tools=[WEATHER], tool_choice="required", stream=True)
    )
    calls = [call for each in chunks for call in each.choices[0].delta.tool_calls or ()]
    check([each.function.name for each in calls] == ["get_weather"], chunks)


def streamed_tool_call_with_helper() -> None:
    with CLIENT.chat.completions.stream(model=MODEL, messages=WHY, tools=[WEATHER], tool_choice="required") as events:
        for _ in events:
            pass
        completion = events.get_final_completion()
    check(completion.choices[0].message.tool_calls, completion)


def structured_output() -> None:
    completion = CLIENT.chat.completions.parse(model=MODEL, messages=WHY, response_format=Recipe)
    check(isinstance(completion.choices[0].message.parsed, Recipe), completion)


def json_object() -> None:
    completion = CLIENT.chat.completions.create(model=MODEL, messages=WHY, response_format={"type": "json_object"})
    check(json.loads(completion.choices[0].message.content), completion)


def image_as_input() -> None:
    parts: Any = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
    ]
    completion = CLIENT.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": parts}])
    check("1 image/png" in completion.choices[0].message.content, completion)


def reasoning_effort() -> None:
    completion = CLIENT.chat.completions.create(model=MODEL, messages=WHY, reasoning_effort="low")
    check(completion.choices[0].message.content, completion)


def thinking_config() -> None:
    extra = {"extra_body": {"google": {"thinking_config": {"thinking_budget": 800, "include_thoughts": True}}}}
    completion = CLIENT.chat.completions.create(model=MODEL, messages=WHY, extra_body=extra)
    check(completion.choices[0].message.content, completion)


def several_choices() -> None:
    completion = CLIENT.chat.completions.create(model=MODEL, messages=WHY, n=2)
    check([each.index for each in completion.choices] == [0, 1], completion)


def embeddings() -> None:
    found = CLIENT.embeddings.create(model="gemini-embedding-001", input=["a cat", "a dog"], dimensions=64)
    check([len(each.embedding) for each in found.data] == [64, 64], found)


def embeddings_as_floats() -> None:
    found = CLIENT.embeddings.create(model="gemini-embedding-001", input="a cat", encoding_format="float")
    check(found.data[0].embedding, found)


def models() -> None:
    names = [each.id for each in CLIENT.models.list()]
    check(f"models/{MODEL}" in names, names)
    check(CLIENT.models.retrieve(MODEL).id == f"models/{MODEL}", names)
    check(CLIENT.models.retrieve(f"models/{MODEL}").id == f"models/{MODEL}", names)


def error_of_the_request() -> None:
    try:
        CLIENT.chat.completions.create(model=MODEL, messages=WHY, seed=1)
    except openai.BadRequestError as error:
        check(error.response.json()[0]["error"]["status"] == "INVALID_ARGUMENT", error)
    else:
        raise AssertionError("no error")


def error_of_the_quota() -> None:
    try:
        CLIENT.chat.completions.create(model=MODEL, messages=WHY, extra_headers={"x-emulate": "status=429"})
    except openai.RateLimitError:
        return
    raise AssertionError("no error")


def missing_model() -> None:
    try:
        CLIENT.models.retrieve("gpt")
    except openai.NotFoundError:
        return
    raise AssertionError("no error")


def vertex_generate() -> None:
    url = f"{os.environ['EMULATOR_URL']}/v1/projects/p/locations/us-central1/endpoints/openapi"
    client = OpenAI(api_key="any-token", base_url=url)
    completion = client.chat.completions.create(model=f"google/{MODEL}", messages=WHY, seed=1)
    check("Why?" in completion.choices[0].message.content, completion)


run_rows(
    ("openai",),
    *(generate, generate_async, stream, stream_with_helper, tools_round_trip, streamed_tool_call),
    *(streamed_tool_call_with_helper, structured_output, json_object, image_as_input, reasoning_effort),
    *(thinking_config, several_choices, embeddings, embeddings_as_floats, models, error_of_the_request),
    *(error_of_the_quota, missing_model, vertex_generate),
)
