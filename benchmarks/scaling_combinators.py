"""The combinators whose scaling is measured: modifiers, flows and streams of any length, and the queue of the pool."""

import pickle
import socket
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any, TypeAlias

import anyio

from genai_fn import (
    AsyncHttp,
    Gemini,
    calling,
    collected,
    each,
    gather,
    generate,
    items,
    joined,
    models,
    streamed,
    text,
)
from genai_fn.schema import (
    Candidate,
    Content,
    FunctionCall,
    GenerateContentResponse,
    ListModelsResponse,
    Model,
    Part,
)
from genai_fn.testing import Fake

Build: TypeAlias = Callable[[int], Callable[[], object]]

_REQUEST = generate("m", "hi")
_TEXT = _REQUEST | text
_RUN = Fake({"generate": "hi"})


def _build_response(*parts: Part, **fields: Any) -> GenerateContentResponse:
    return GenerateContentResponse(candidates=(Candidate(content=Content(parts=parts, role="model"), **fields),))


def _read_stream(chunks: Callable[[int], list[Any]], modify: Callable[[Any], Any]) -> Build:
    """Run an action that reads a whole stream."""

    def build(size: int) -> Callable[[], object]:
        answers = chunks(size)
        return lambda: Fake({"generate": answers})(modify(_REQUEST | streamed)).unwrap()

    return build


def _repeat_text(size: int) -> list[Any]:
    return [_build_response(Part(text="piece of a text"))] * size


def _alternate(size: int) -> list[Any]:
    return [_build_response(Part(text="a", thought=bool(number % 2) or None)) for number in range(size)]


def _chain(apply: Callable[[Any], Any], use: Callable[[Any], object] = _RUN) -> Build:
    """Use a chain of methods."""

    def build(size: int) -> Callable[[], object]:
        action: Any = _TEXT
        for _ in range(size):
            action = apply(action)
        return partial(use, action)

    return build


def _chain_streams(use: Callable[[Any], object]) -> Build:
    """Use a chain of modifiers of a stream."""

    def build(size: int) -> Callable[[], object]:
        chain: Any = _REQUEST | streamed
        for _ in range(size):
            chain = chain | each(id)
        return partial(use, chain)

    return build


def _collect(chain: Any) -> object:
    return Fake({"generate": ["a", "b", "c"]})(chain | collected).unwrap()


def _apply_map(action: Any) -> Any:
    return action.map(str)


def _apply_bind(action: Any) -> Any:
    return action.bind(_ask_text)


def _apply_lash(action: Any) -> Any:
    return action.lash(_ask_text)


def _ask_text(_: object) -> Any:
    return _TEXT


def _list_pages(size: int) -> Callable[[], object]:
    pages = [ListModelsResponse(models=(Model(name="m"),), next_page_token=str(number)) for number in range(size)]
    return lambda: Fake({"models.list": [*pages, ListModelsResponse()]})(models.list() | items | collected).unwrap()


def _gather(size: int) -> Callable[[], object]:
    return lambda: _RUN(gather([_TEXT] * size) | collected).unwrap()


def _call_functions(size: int) -> Callable[[], object]:
    """Call functions that the model requests in one round."""
    calls = _build_response(*(Part(function_call=FunctionCall(name="_get_number", args={})) for _ in range(size)))
    return lambda: Fake({"generate": [calls, "done"]})(_REQUEST | calling(_get_number)).unwrap()


def _call_in_rounds(size: int) -> Callable[[], object]:
    """Call a function in many rounds. The prompt of each contains those before, so only its own work is linear."""
    call = _build_response(Part(function_call=FunctionCall(name="_get_number", args={})))
    answers = [*[call] * size, "done"]
    return lambda: Fake({"generate": answers})(_REQUEST | calling(_get_number, max_calls=size + 1)).unwrap()


def _get_number() -> int:
    """Return a number."""
    return 1


def _cancel_waiting_calls(size: int) -> Callable[[], object]:
    """Cancel callers that wait for the one connection of a pool, the last one first; the server never answers."""

    async def cancel_all() -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as server:
            backend = Gemini("test-key", base_url=f"http://127.0.0.1:{server.getsockname()[1]}")
            scopes = [anyio.CancelScope() for _ in range(size)]
            async with AsyncHttp(backend, max_connections=1) as run, anyio.create_task_group() as tasks:
                for scope in scopes:
                    tasks.start_soon(_run_within, scope, run)
                await anyio.wait_all_tasks_blocked()
                for scope in reversed(scopes):
                    scope.cancel()

    return lambda: anyio.run(cancel_all)


async def _run_within(scope: anyio.CancelScope, run: AsyncHttp) -> None:
    with scope:
        await run(_REQUEST)


COMBINATORS: dict[str, tuple[int, Build]] = {
    "joined, texts": (500, _read_stream(_repeat_text, lambda stream: stream | joined)),
    "joined, texts and thoughts in turn": (500, _read_stream(_alternate, lambda stream: stream | joined)),
    "text of a stream, joined": (500, _read_stream(_repeat_text, lambda stream: stream | text | joined)),
    "collected": (500, _read_stream(_repeat_text, lambda stream: stream | collected)),
    "each": (500, _read_stream(_repeat_text, lambda stream: stream | each(str) | collected)),
    "items of pages": (100, _list_pages),
    "gather": (100, _gather),
    "calling, one round": (50, _call_functions),
    "calling, rounds": (50, _call_in_rounds),
    "a chain of map": (200, _chain(_apply_map)),
    "a chain of bind": (200, _chain(_apply_bind)),
    "a chain of lash": (200, _chain(_apply_lash)),
    "a chain of modifiers of a stream": (200, _chain_streams(_collect)),
    "repr of a chain of modifiers": (100, _chain_streams(repr)),
    "repr of a chain": (100, _chain(_apply_map, repr)),
    "pickle of a chain": (100, _chain(_apply_map, pickle.dumps)),
    "callers of the pool, cancelled": (300, _cancel_waiting_calls),
}
