"""LiteLLM, on the API's own path and on the one for clients of OpenAI's API."""

import asyncio
import json
import os
from typing import Any

import litellm
import pydantic
from rows import check, run_rows

URL = os.environ["EMULATOR_URL"]
NATIVE: Any = {"model": "gemini/gemini-2.5-flash", "api_key": "any-key", "api_base": URL}
OPENAI: Any = {
    "model": "openai/gemini-2.5-flash",
    "api_key": "any-key",
    "api_base": f"{URL}/v1beta/openai",
    "max_retries": 0,
}
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
    completion = litellm.completion(messages=WHY, **NATIVE)
    check("You asked: “Why?”" in completion.choices[0].message.content, completion)
    check(completion.usage.total_tokens > 0, completion)


def generate_async() -> None:
    completion = asyncio.run(litellm.acompletion(messages=WHY, **NATIVE))
    check("Why?" in completion.choices[0].message.content, completion)


def stream() -> None:
    chunks = list(litellm.completion(messages=WHY, stream=True, **NATIVE))
    text = "".join(each.choices[0].delta.content or "" for each in chunks)
    check("Why?" in text, chunks)


def stream_async() -> None:
    async def read() -> str:
        chunks = await litellm.acompletion(messages=WHY, stream=True, **NATIVE)
        return "".join([each.choices[0].delta.content or "" async for each in chunks])

    text = asyncio.run(read())
    check("Why?" in text, text)


def _make_tool_round_trip(options: Any) -> None:
    completion = litellm.completion(messages=WHY, tools=[WEATHER], tool_choice="required", **options)
    message = completion.choices[0].message
    (call,) = message.tool_calls
    city = json.loads(call.function.arguments)["city"]
    answer: Any = {"role": "tool", "tool_call_id": call.id, "content": f"fine in {city}"}
    second = litellm.completion(messages=[*WHY, message, answer], tools=[WEATHER], **options)
    check("fine in Why?" in second.choices[0].message.content, second)


def tools_round_trip() -> None:
    _make_tool_round_trip(NATIVE)


def streamed_tool_call() -> None:
    chunks = list(litellm.completion(messages=WHY, tools=[WEATHER], tool_choice="required", stream=True, **NATIVE))
    calls = [call for each in chunks for call in each.choices[0].delta.tool_calls or ()]
    check([each.function.name for each in calls] == ["get_weather"], chunks)


def structured_output() -> None:
    completion = litellm.completion(messages=WHY, response_format=Recipe, **NATIVE)
    check(Recipe.model_validate_json(completion.choices[0].message.content), completion)


def image_as_input() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]}]
    completion = litellm.completion(messages=messages, **NATIVE)
    check("1 image/png" in completion.choices[0].message.content, completion)


def reasoning_effort() -> None:
    completion = litellm.completion(messages=WHY, reasoning_effort="low", **NATIVE)
    check(completion.choices[0].message.content, completion)


def embeddings() -> None:
    found = litellm.embedding(
        model="gemini/gemini-embedding-001", input=["a cat", "a dog"], api_key="any-key", api_base=URL
    )
    check(len(found.data) == 2 and found.data[0]["embedding"], found)


def error_of_the_request() -> None:
    try:
        litellm.completion(messages=WHY, n=9, **NATIVE)
    except litellm.BadRequestError:
        return
    raise AssertionError("no error")


def error_of_the_quota() -> None:
    headers = {"x-emulate": "status=429"}
    try:
        litellm.completion(messages=WHY, extra_headers=headers, num_retries=0, **NATIVE)
    except litellm.RateLimitError:
        return
    raise AssertionError("no error")


def openai_path_generate() -> None:
    completion = litellm.completion(messages=WHY, **OPENAI)
    check("Why?" in completion.choices[0].message.content, completion)


def openai_path_stream() -> None:
    chunks = list(litellm.completion(messages=WHY, stream=True, **OPENAI))
    check("Why?" in "".join(each.choices[0].delta.content or "" for each in chunks), chunks)


def openai_path_tools_round_trip() -> None:
    _make_tool_round_trip(OPENAI)


def openai_path_structured_output() -> None:
    completion = litellm.completion(messages=WHY, response_format=Recipe, **OPENAI)
    check(Recipe.model_validate_json(completion.choices[0].message.content), completion)


def openai_path_error() -> None:
    try:
        litellm.completion(messages=WHY, n=9, **OPENAI)
    except litellm.BadRequestError:
        return
    raise AssertionError("no error")


run_rows(
    ("litellm",),
    *(generate, generate_async, stream, stream_async, tools_round_trip, streamed_tool_call, structured_output),
    *(image_as_input, reasoning_effort, embeddings, error_of_the_request, error_of_the_quota),
    *(openai_path_generate, openai_path_stream, openai_path_tools_round_trip, openai_path_structured_output),
    openai_path_error,
)
