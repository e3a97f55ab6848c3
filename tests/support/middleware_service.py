"""A whole API in each place of `middleware_places`: the emulator over HTTP and offline, and a fake."""

from contextlib import nullcontext
from functools import cache
from typing import Any

from returns.result import Failure, Result, Success

from genai_fn import (
    AsyncHttp,
    Gemini,
    Http,
    Offline,
    Retry,
    ask,
    both,
    caches,
    calling,
    chats,
    collected,
    embed,
    files,
    flow,
    gather,
    generate,
    joined,
    streamed,
    text,
    tokens,
)
from genai_fn.errors import ClientError
from genai_fn.request import FlowGenerator
from genai_fn.schema import (
    CachedContent,
    ContentEmbedding,
    CountTokensResponse,
    EmbedContentResponse,
    GenerateContentResponse,
    Part,
)
from genai_fn.testing import Emulator, Fake, serve_emulator
from tests.support.interpreter_kinds import AwaitableInterpreter
from tests.support.middleware_places import Body, Place
from tests.support.scripted_model import build_call, build_response

__all__ = ["RETRY", "add", "list_plain_results", "list_results", "run_with_service"]

RETRY = Retry(attempts=3, initial_delay=0.001, max_delay=0.001)


def run_with_service(place: Place, body: Body, *middleware: Any) -> Any:
    """Run the body of a test with a new interpreter of a place that has middleware, and a whole API behind it."""
    with serve_emulator(Emulator(script=answer_with_call)) if place.interpreter == "Http" else nullcontext("") as url:

        def make() -> Any:
            if place.interpreter == "Http":
                return (Http if place.is_sync else AsyncHttp)(Gemini("test-key", base_url=url), retry=RETRY)
            run = Offline(script=answer_with_call) if place.interpreter == "Offline" else make_fake()
            return run if place.is_sync else run.aio

        return place.run_body(make, body, middleware)


def answer_with_call(request: Any) -> Any:
    """Let a script call the function ``add`` if there is one, and answer with its result; None is a plain answer."""
    last = request.body["contents"][-1]["parts"][0]
    if "functionResponse" in last:
        return f"It is {last['functionResponse']['response']['result']}."
    return {"calls": [{"name": "add", "args": {"a": 2, "b": 3}, "id": "1"}]} if request.body.get("tools") else None


def make_fake() -> Fake:
    """Make a fake that answers the same kinds of requests."""
    return Fake(
        {
            "generate": _generate,
            "generate.stream": lambda request: [_generate(request)],
            "embed": _embed,
            "tokens.count": CountTokensResponse(total_tokens=1),
            "caches.create": CachedContent(name="cachedContents/1", model="models/gemini-2.5-flash"),
            "files.get": ClientError(403, "PERMISSION_DENIED"),
        }
    )


def _generate(request: Any) -> GenerateContentResponse | ClientError:
    operation = request.operation
    if operation.config.cached_content is not None:
        return ClientError(403, "PERMISSION_DENIED")
    last: Part = operation.contents[-1].parts[0]
    if last.function_response is not None:
        return build_response(f"It is {last.function_response.response}.")
    if operation.config.tools:
        return build_response(build_call("add", {"a": 2, "b": 3}, id="1"))
    return build_response(f"{operation.model}: {last.text}")


def _embed(request: Any) -> EmbedContentResponse:
    texts = [each.parts[0].text for each in request.operation.contents]
    return EmbedContentResponse(embeddings=tuple(ContentEmbedding(values=(float(ord(each)),)) for each in texts))


# What is run


HI = generate("gemini-2.5-flash", "hi")


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@flow
def talk() -> FlowGenerator[Result[Any, Any]]:
    """Have two turns of a chat."""
    first = yield from ask(chats.send(chats.start("gemini-2.5-flash"), "Hello"))
    second = yield from ask(chats.send(first.chat, "Again"))
    return Success(chats.history(second.chat))


ACTIONS: dict[str, Any] = {
    "request": HI,
    "text": HI | text,
    "joined": HI | streamed | text | joined,
    "calling": generate("gemini-2.5-flash", "What is add(2, 3)?") | calling(add),
    "both": both(HI | text, generate("gemini-2.5-pro", "ho") | text),
    "gather": gather([generate("gemini-2.5-flash", f"question {n}") | text for n in range(9)]) | collected,
    "chat": talk(),
    "embed": embed("gemini-embedding-001", "a"),
    "embed several": embed("gemini-embedding-001", ["a", "b", "c"]),
    "embeddings": gather([embed("gemini-embedding-001", each) for each in "abcde"]) | collected,
    "tokens": tokens.count("gemini-2.5-flash", "hi"),
    "created": caches.create("gemini-2.5-flash", {"contents": "a long text", "ttl": "300s"}).map(
        lambda each: each.model
    ),
    "missing": files.get("no-such-file"),
    "refused": generate("gemini-2.5-flash", "hi", {"cached_content": "cachedContents/none"}),
    "both, one of which fails": both(HI | text, files.get("no-such-file")),
}
STREAMS: dict[str, Any] = {
    "stream": HI | streamed | text,
    "gathered": gather([HI | text, files.get("no-such-file"), HI | text]),
    "refused": generate("gemini-2.5-flash", "hi", {"cached_content": "cachedContents/none"}) | streamed,
}


async def list_results(run: AwaitableInterpreter) -> dict[str, Any]:
    """Run all actions and streams, and return their results by name."""
    results: dict[str, Any] = {name: describe(await run(action)) for name, action in ACTIONS.items()}
    for name, stream in STREAMS.items():
        results[f"stream: {name}"] = [describe(each) for each in await run.read_items(stream)]
    return results


def describe(result: Result[Any, Any]) -> Any:
    """Describe a result, without the date in the headers of an error."""
    return (type(result.failure()), str(result.failure())) if isinstance(result, Failure) else result


@cache
def list_plain_results(place: Place) -> dict[str, Any]:
    """Return the results in a place without middleware."""
    results: dict[str, Any] = run_with_service(place, list_results)
    return results
