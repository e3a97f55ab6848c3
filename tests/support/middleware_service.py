"""A whole API in each place of `middleware_places`: the emulator over HTTP and offline, and a fake."""

from contextlib import nullcontext
from typing import Any

from genai_fn import AsyncHttp, Gemini, Http, Offline, Retry
from genai_fn.errors import ClientError
from genai_fn.schema import (
    CachedContent,
    ContentEmbedding,
    CountTokensResponse,
    EmbedContentResponse,
    GenerateContentResponse,
    Part,
)
from genai_fn.testing import Emulator, Fake, serve_emulator
from tests.support.middleware_places import Body, Place
from tests.support.scripted_model import build_call, build_response

__all__ = ["answer_with_call", "run_with_service"]

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
