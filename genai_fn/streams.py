"""Runs many actions concurrently, as a stream of their results; and the stream of a server's response."""

from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable
from typing import Any, TypedDict, TypeVar, Unpack, cast, overload

from returns.result import Failure, Result

from genai_fn.effects import CallFunction, Emit, OpenStream, ReadItems, StartAction, WaitAny
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.options import check_at_least_one
from genai_fn.request import Action, Flow, FlowGenerator, FlowTraits, Request, Stream, stream

__all__ = [
    "gather",
    "get_iteration",
    "is_iterable_of_values",
    "stream_gathered",
    "stream_response",
    "validate_action",
]

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
T = TypeVar("T")


class _GatherOptions(TypedDict, total=False):
    """The options of `gather`, which all of its overloads accept."""

    concurrency: int
    ordered: bool
    stop_on_failure: bool


@overload
def gather(
    actions: Iterable[Action[T]] | AsyncIterable[Action[T]], /, **options: Unpack[_GatherOptions]
) -> Stream[T]: ...
@overload
def gather(first: Action[A], second: Action[B], /, **options: Unpack[_GatherOptions]) -> Stream[A | B]: ...
@overload
def gather(
    first: Action[A], second: Action[B], third: Action[C], /, **options: Unpack[_GatherOptions]
) -> Stream[A | B | C]: ...
@overload
def gather(
    first: Action[A], second: Action[B], third: Action[C], fourth: Action[D], /, **options: Unpack[_GatherOptions]
) -> Stream[A | B | C | D]: ...
@overload
def gather(
    first: Action[A],
    second: Action[B],
    third: Action[C],
    fourth: Action[D],
    fifth: Action[E],
    /,
    **options: Unpack[_GatherOptions],
) -> Stream[A | B | C | D | E]: ...
@overload
def gather(*actions: Action[T], **options: Unpack[_GatherOptions]) -> Stream[T]: ...
def gather(*actions: Any, concurrency: int = 8, ordered: bool = True, stop_on_failure: bool = False) -> Stream[Any]:
    """
    Run many actions concurrently and stream their results, one for each action, failures included.

    Closing the stream cancels the actions that are running, and so does the end of the flow that reads it: `collected`
    ends at the first failure. In sync code, nothing can end a function of yours that an action calls, and the run ends
    after it. The iterable may be endless: at most twice `concurrency` actions are started whose results have not been
    read.

    Args:
        actions: Requests and flows, each an argument, or all in one iterable; with an async interpreter, it may be an
            async iterable. Unless it is an iterator or the like, the stream compares, hashes and pickles by its items.

        concurrency: Number of actions that run at once.

        ordered: Whether results have the order of the actions. If not, they have the order in which the actions end.

        stop_on_failure: Whether the stream ends after the first failure, which cancels the actions that are running.

    Raises:
        InvalidRequest: If an action is neither a request nor a flow, the one argument is no iterable either, or
            ``concurrency`` is less than 1. The items of a generator are checked when they are read.

    Fails with:
        AsyncOnly: If ``actions`` is an async iterable, and the interpreter is sync.

    >>> from genai_fn import Offline, collected, generate, text
    >>> questions = [generate("gemini-2.5-flash", each) | text for each in ("one", "two")]
    >>> gather(questions) == gather(*questions)
    True
    >>> len(Offline()(gather(questions) | collected).unwrap())
    2
    """
    check_at_least_one("concurrency", concurrency)
    given: Any = actions[0] if len(actions) == 1 and not isinstance(actions[0], Request | Flow) else actions
    if not is_iterable_of_values(given):
        raise InvalidRequest("actions", given, "Requests and Flows, or an iterable of them, sync or async")
    validated = tuple(map(validate_action, cast("list[Any]", given))) if isinstance(given, list | tuple) else given
    return Stream(stream_gathered, None, (validated, int(concurrency), ordered, stop_on_failure))


@stream(traits=FlowTraits(spawns=True, is_gathering=True))
def stream_gathered(actions: Any, concurrency: int, ordered: bool, stop_on_failure: bool) -> FlowGenerator[None]:
    """Emit the results of actions; at most `concurrency` run, and at most twice as many are unread."""
    next_action, source = get_iteration(actions)
    unread: deque[Any] = deque()  # started actions whose results were not emitted, in order
    running: dict[Any, None] = {}
    is_exhausted = False
    while True:
        while not is_exhausted and len(running) < concurrency and len(unread) < 2 * concurrency:
            action: Any = yield CallFunction(next_action, (source, _END))
            is_exhausted = action is _END
            if not is_exhausted:
                child: Any = yield StartAction(validate_action(action))
                unread.append(child)
                running[child] = None
        if not unread:
            return
        ready = unread[0] if ordered else next((child for child in unread if child not in running), unread[0])
        if ready in running:
            del running[(yield WaitAny(tuple(running)))]
            continue
        unread.remove(ready)
        result = ready.result()
        yield Emit(result)
        if stop_on_failure and isinstance(result, Failure):
            return


_END = object()


def get_iteration(actions: Any) -> tuple[Callable[..., Any], Any]:
    """Return ``next`` or ``anext``, and the iterator; ``next`` if the iterable is both sync and async."""
    is_sync = isinstance(actions, Iterable)
    return (next, iter(cast("Iterable[Any]", actions))) if is_sync else (anext, aiter(actions))


def validate_action(action: Any) -> Any:
    """Return an action of `gather`; raise `InvalidRequest` if it is none."""
    if not isinstance(action, Request | Flow):
        raise InvalidRequest("actions", action, "Requests and Flows")
    return cast("Any", action)


def is_iterable_of_values(values: object) -> bool:
    """Return whether a value is a sync or async iterable other than a text or bytes."""
    return isinstance(values, Iterable | AsyncIterable) and not isinstance(values, str | bytes | bytearray)


@stream(traits=FlowTraits(is_server_stream=True))
def stream_response(request: Request[T]) -> FlowGenerator[None]:
    """Stream the server's response to a request: its items as they arrive, and a failure last."""
    opened: Result[Any, GenaiError] = yield OpenStream(request)
    if isinstance(opened, Failure):
        yield Emit(opened)
        return
    handle = opened.unwrap()
    while items := (yield ReadItems(handle)):
        for item in items:
            yield Emit(item)
