"""Many actions at once, as a stream of their results."""

from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable
from typing import Any, TypeVar, cast

from returns.result import Failure, Result

from genai_fn.effects import CallFunction, Emit, OpenStream, ReadItems, StartAction, WaitAny
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.options import check_at_least_one
from genai_fn.request import Action, Flow, FlowGenerator, FlowTraits, Request, Stream, stream

__all__ = ["gather", "is_iterable_of_values", "stream_gathered", "stream_response"]

T = TypeVar("T")


def gather(
    actions: Iterable[Action[T]] | AsyncIterable[Action[T]],
    *,
    concurrency: int = 8,
    ordered: bool = True,
    stop_on_failure: bool = False,
) -> Stream[T]:
    """
    Run many actions, some at once, and stream their results: exactly one for each, failures among them.

    Leaving the stream early leaves nothing running. An endless iterable is fine: no more than twice `concurrency` are
    ever begun and not yet taken. In async worlds it may be an async one.

    Args:
        actions: Requests and flows. Made of a list or a tuple, the stream compares, hashes and pickles as they do.

        concurrency: How many run at once.

        ordered: Whether results come in the order of the actions, or as they are ready.

        stop_on_failure: Whether the first failure ends the stream.

    >>> from genai_fn import Offline, collected, generate, text
    >>> questions = [generate("gemini-2.5-flash", each) | text for each in ("one", "two")]
    >>> len(Offline()(gather(questions) | collected).unwrap())
    2
    """
    check_at_least_one("concurrency", concurrency)
    if not is_iterable_of_values(actions):
        raise InvalidRequest("actions", actions, "an iterable of Requests and Flows, maybe an async one")
    kept = tuple(map(_validate_action, actions)) if isinstance(actions, list | tuple) else actions
    return Stream(stream_gathered, None, (kept, concurrency, ordered, stop_on_failure))


@stream(traits=FlowTraits(spawns=True))
def stream_gathered(actions: Any, concurrency: int, ordered: bool, stop_on_failure: bool) -> FlowGenerator[None]:
    """Start actions while there is room, and emit what has ended."""
    pull, source = _get_iteration(actions)
    begun: deque[Any] = deque()  # and not yet taken, in order
    running: dict[Any, None] = {}
    is_dry = False
    while True:
        while not is_dry and len(running) < concurrency and len(begun) < 2 * concurrency:
            action: Any = yield CallFunction(pull, (source, _END))
            is_dry = action is _END
            if not is_dry:
                child: Any = yield StartAction(_validate_action(action))
                begun.append(child)
                running[child] = None
        if not begun:
            return
        ready = begun[0] if ordered else next((child for child in begun if child not in running), begun[0])
        if ready in running:
            del running[(yield WaitAny(tuple(running)))]
            continue
        begun.remove(ready)
        result = ready.result()
        yield Emit(result)
        if stop_on_failure and isinstance(result, Failure):
            return


_END = object()


def _get_iteration(actions: Any) -> tuple[Callable[..., Any], Any]:
    """Say how the next one is had; what can be read in both ways is read in the one that every world knows."""
    is_sync = isinstance(actions, Iterable)
    return (next, iter(cast("Iterable[Any]", actions))) if is_sync else (anext, aiter(actions))


def _validate_action(action: Any) -> Any:
    if not isinstance(action, Request | Flow):
        raise InvalidRequest("actions", action, "Requests and Flows")
    return cast("Any", action)


def is_iterable_of_values(values: object) -> bool:
    """Tell what is made of single values from what is one, a text above all."""
    return isinstance(values, Iterable | AsyncIterable) and not isinstance(values, str | bytes | bytearray)


@stream(traits=FlowTraits(is_server_stream=True))
def stream_response(request: Request[T]) -> FlowGenerator[None]:
    """Stream what the server sends: its items as they come, a failure last."""
    opened: Result[Any, GenaiError] = yield OpenStream(request)
    if isinstance(opened, Failure):
        yield Emit(opened)
        return
    handle = opened.unwrap()
    while items := (yield ReadItems(handle)):
        for item in items:
            yield Emit(item)
