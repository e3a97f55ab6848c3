"""google-genai, sync and async, on both backends, with Live."""

import asyncio
import os
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pydantic
from google.genai import Client, errors, types
from google.oauth2.credentials import Credentials
from rows import check, run_rows

URL = os.environ["EMULATOR_URL"]
MODEL = "gemini-2.5-flash"
OPTIONS = types.HttpOptions(base_url=URL)
CLIENT = Client(api_key="any-key", http_options=OPTIONS)


class Recipe(pydantic.BaseModel):
    name: str
    minutes: int


def get_weather(city: str) -> str:
    """Return the weather of a city."""
    return f"fine in {city}"


def generate() -> None:
    response = CLIENT.models.generate_content(model=MODEL, contents="Why?")
    check("You asked: “Why?”" in response.text, response.text)
    check(response.usage_metadata.total_token_count > 0, response.usage_metadata)


def _run_async(use: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
    """Run a function of a new client, as each event loop needs its own."""

    async def run() -> Any:
        client = Client(api_key="any-key", http_options=OPTIONS).aio
        try:
            return await use(client)
        finally:
            await client.aclose()

    return asyncio.run(run())


def generate_async() -> None:
    response = _run_async(lambda client: client.models.generate_content(model=MODEL, contents="Why?"))
    check("Why?" in response.text, response.text)


def stream() -> None:
    chunks = list(CLIENT.models.generate_content_stream(model=MODEL, contents="Why?"))
    check(len(chunks) > 1 and "Why?" in "".join(each.text for each in chunks), chunks)


def stream_async() -> None:
    async def read(client: Any) -> str:
        chunks = await client.models.generate_content_stream(model=MODEL, contents="Why?")
        return "".join([each.text async for each in chunks])

    text = _run_async(read)
    check("Why?" in text, text)


def chat() -> None:
    session = CLIENT.chats.create(model=MODEL)
    session.send_message("One?")
    response = session.send_message("Two?")
    check("Before that came 2 turns." in response.text, response.text)


def tools_round_trip() -> None:
    calling = types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY)
    config = types.GenerateContentConfig(
        tools=[get_weather],
        tool_config=types.ToolConfig(function_calling_config=calling),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(maximum_remote_calls=2),
    )
    response = CLIENT.models.generate_content(model=MODEL, contents="Rome", config=config)
    history = response.automatic_function_calling_history
    answers = [part.function_response.response for turn in history for part in turn.parts if part.function_response]
    check(answers[0] == {"result": "fine in Rome"}, answers)


def structured_output() -> None:
    config = {"response_mime_type": "application/json", "response_schema": Recipe}
    response = CLIENT.models.generate_content(model=MODEL, contents="Pie?", config=config)
    check(isinstance(response.parsed, Recipe), response.text)


def image_as_input() -> None:
    image = types.Part.from_bytes(data=b"\x89PNG", mime_type="image/png")
    response = CLIENT.models.generate_content(model=MODEL, contents=["What is it?", image])
    check("1 image/png" in response.text, response.text)


def count_tokens() -> None:
    check(CLIENT.models.count_tokens(model=MODEL, contents="One, two.").total_tokens > 0, "no tokens")


def embeddings() -> None:
    config = {"output_dimensionality": 64}
    found = CLIENT.models.embed_content(model="gemini-embedding-001", contents=["a cat", "a dog"], config=config)
    check([len(each.values) for each in found.embeddings] == [64, 64], found)


def files() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "note.txt"
        path.write_text("a note")
        uploaded = CLIENT.files.upload(file=str(path))
    while CLIENT.files.get(name=uploaded.name).state != types.FileState.ACTIVE:
        pass
    response = CLIENT.models.generate_content(model=MODEL, contents=["What is it?", uploaded])
    check("1 text/plain" in response.text, response.text)
    CLIENT.files.delete(name=uploaded.name)


def caches() -> None:
    cache = CLIENT.caches.create(model=MODEL, config={"contents": ["a long story"], "ttl": "300s"})
    config = {"cached_content": cache.name}
    response = CLIENT.models.generate_content(model=MODEL, contents="?", config=config)
    check(response.usage_metadata.cached_content_token_count > 0, response.usage_metadata)


def batches() -> None:
    job = CLIENT.batches.create(model=MODEL, src=[{"contents": [{"parts": [{"text": "One?"}], "role": "user"}]}])
    while job.state not in (types.JobState.JOB_STATE_SUCCEEDED, types.JobState.JOB_STATE_FAILED):
        job = CLIENT.batches.get(name=job.name)
    check("One?" in job.dest.inlined_responses[0].response.text, job)


def models() -> None:
    names = [each.name for each in CLIENT.models.list(config={"page_size": 3})]
    check(len(names) > 3 and CLIENT.models.get(model=MODEL).name in names, names)


def file_search() -> None:
    store = CLIENT.file_search_stores.create(config={"display_name": "animals"})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cats.txt"
        path.write_text("Cats purr when they are content.")
        stores = CLIENT.file_search_stores
        operation = stores.upload_to_file_search_store(file_search_store_name=store.name, file=str(path))
    while not operation.done:
        operation = CLIENT.operations.get(operation)
    search = types.Tool(file_search=types.FileSearch(file_search_store_names=[store.name]))
    response = CLIENT.models.generate_content(model=MODEL, contents="When do cats purr?", config={"tools": [search]})
    check(response.candidates[0].grounding_metadata.grounding_chunks, response)


def live_text() -> None:
    async def talk(client: Any) -> list[Any]:
        config = {"response_modalities": ["TEXT"]}
        model = "gemini-live-2.5-flash-preview"
        async with client.live.connect(model=model, config=config) as session:
            turn = {"role": "user", "parts": [{"text": "Why?"}]}
            await session.send_client_content(turns=turn, turn_complete=True)
            return [each async for each in session.receive()]

    messages = _run_async(talk)
    check(messages[-1].server_content.turn_complete, messages[-1:])


def live_function() -> None:
    async def talk(client: Any) -> list[Any]:
        config = {"response_modalities": ["TEXT"], "tools": [{"function_declarations": [{"name": "get_weather"}]}]}
        model = "gemini-live-2.5-flash-preview"
        async with client.live.connect(model=model, config=config) as session:
            turn = {"role": "user", "parts": [{"text": "Call get_weather."}]}
            await session.send_client_content(turns=turn, turn_complete=True)
            async for message in session.receive():
                if message.tool_call:
                    (call,) = message.tool_call.function_calls
                    answer = types.FunctionResponse(id=call.id, name=call.name, response={"result": "fine"})
                    await session.send_tool_response(function_responses=[answer])
                    break
            return [each async for each in session.receive()]

    messages = _run_async(talk)
    check("fine" in "".join(each.text or "" for each in messages), messages)


def error_of_the_request() -> None:
    try:
        CLIENT.models.generate_content(model=MODEL, contents="?", config={"candidate_count": 99})
    except errors.ClientError as error:
        check((error.code, error.status) == (400, "INVALID_ARGUMENT"), error)
    else:
        raise AssertionError("no error")


def error_of_the_quota() -> None:
    config = {"http_options": {"headers": {"x-emulate": "status=429; retry=1.5"}}}
    try:
        CLIENT.models.generate_content(model=MODEL, contents="?", config=config)
    except errors.ClientError as error:
        check((error.code, error.status) == (429, "RESOURCE_EXHAUSTED"), error)
    else:
        raise AssertionError("no error")


def address_in_the_environment() -> None:
    os.environ["GOOGLE_GEMINI_BASE_URL"] = URL
    try:
        client = Client(api_key="any-key")
    finally:
        del os.environ["GOOGLE_GEMINI_BASE_URL"]
    response = client.models.generate_content(model=MODEL, contents="Why?")
    check("Why?" in response.text, response.text)


VERTEX = Client(
    vertexai=True,
    project="p",
    location="us-central1",
    credentials=Credentials(token="any-token"),
    http_options=OPTIONS,
)


def vertex_generate() -> None:
    response = VERTEX.models.generate_content(model=MODEL, contents="Why?")
    check("Why?" in response.text, response.text)


def vertex_stream() -> None:
    chunks = list(VERTEX.models.generate_content_stream(model=MODEL, contents="Why?"))
    check("Why?" in "".join(each.text for each in chunks), chunks)


def vertex_embeddings() -> None:
    found = VERTEX.models.embed_content(model="gemini-embedding-001", contents=["a cat"])
    check(found.embeddings[0].values, found)


def vertex_images() -> None:
    model = "imagen-4.0-generate-001"
    found = VERTEX.models.generate_images(model=model, prompt="a cat", config={"number_of_images": 2})
    check([each.image.image_bytes[:4] for each in found.generated_images] == [b"\x89PNG"] * 2, found)


def vertex_videos() -> None:
    operation = VERTEX.models.generate_videos(model="veo-3.1-generate-preview", prompt="a cat")
    while not operation.done:
        operation = VERTEX.operations.get(operation)
    check(operation.response.generated_videos[0].video.video_bytes[4:8] == b"ftyp", operation)


def vertex_tunings() -> None:
    data = types.TuningDataset(gcs_uri="gs://b/examples.jsonl")
    job = VERTEX.tunings.tune(base_model=MODEL, training_dataset=data)
    while job.state not in (types.JobState.JOB_STATE_SUCCEEDED, types.JobState.JOB_STATE_FAILED):
        job = VERTEX.tunings.get(name=job.name)
    check(job.tuned_model.model, job)


run_rows(
    ("google-genai",),
    *(generate, generate_async, stream, stream_async, chat, tools_round_trip, structured_output, image_as_input),
    *(count_tokens, embeddings, files, caches, batches, models, file_search, live_text, live_function),
    *(error_of_the_request, error_of_the_quota, address_in_the_environment),
    *(vertex_generate, vertex_stream, vertex_embeddings, vertex_images, vertex_videos, vertex_tunings),
)
