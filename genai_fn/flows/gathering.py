"""Many actions at once, as a stream of their results."""

from collections import deque
from collections.abc import AsyncIterable, Iterable
from typing import Any, TypeVar

from returns.result import Failure

from genai_fn.effects import Emit, Invoke, Join
from genai_fn.errors import InvalidRequest
from genai_fn.request import Action, Flow, Request, Steps, Stream, spawning, stream
from genai_fn.words import Start

__all__ = ["gather", "gathered"]

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

    Leaving the stream early leaves nothing running. An endless iterable is fine: no more than twice `concurrency` are ever begun and not
    yet taken. In async worlds it may be an async one.

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
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:  # pyright: ignore[reportUnnecessaryIsInstance]  # the caller's word
        raise InvalidRequest("concurrency", concurrency, "a whole number of at least 1")
    kept = tuple(map(_an_action, actions)) if isinstance(actions, list | tuple) else actions
    return Stream(gathered, None, (kept, concurrency, ordered, stop_on_failure))


@spawning
@stream
def gathered(actions: Any, concurrency: int, ordered: bool, stop_on_failure: bool) -> Steps[None]:  # noqa: FBT001  # as a stream holds them
    """Start actions while there is room, and emit what has ended."""
    source = aiter(actions) if isinstance(actions, AsyncIterable) else iter(actions)
    begun: deque[Any] = deque()  # and not yet taken, in order
    running: list[Any] = []
    is_dry = False
    while True:
        while not is_dry and len(running) < concurrency and len(begun) < 2 * concurrency:
            action: Any = yield Invoke(anext if isinstance(actions, AsyncIterable) else next, (source, _NONE_LEFT))
            is_dry = action is _NONE_LEFT
            if not is_dry:
                child: Any = yield Start(_an_action(action))
                begun.append(child)
                running.append(child)
        if not begun:
            return
        ended: Any = yield Join(tuple(running))
        running.remove(ended)
        for child in _takeable(begun, running) if ordered else (ended,):
            begun.remove(child)
            yield Emit(result := child.result())
            if stop_on_failure and isinstance(result, Failure):
                return


_NONE_LEFT = object()


def _takeable(begun: deque[Any], running: list[Any]) -> tuple[Any, ...]:
    """Find those at the head of the line that have ended."""
    ready = next((place for place, child in enumerate(begun) if child in running), len(begun))
    return tuple(begun)[:ready]


def _an_action(action: Any) -> Any:
    if not isinstance(action, Request | Flow):
        raise InvalidRequest("actions", action, "Requests and Flows")
    return action
