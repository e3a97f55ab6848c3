"""Waits for long-running work: reads its state repeatedly until it has ended."""

from collections.abc import Mapping
from itertools import chain, repeat
from typing import Any, TypeAlias, TypeVar, cast, get_args

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn import codec
from genai_fn.commands import ask, sleep
from genai_fn.effects import AskWithin, GetTime
from genai_fn.errors import DecodeError, GenaiError, InvalidRequest, OperationFailed, TimedOut
from genai_fn.options import Options, check_positive
from genai_fn.request import (
    Action,
    Description,
    Flow,
    FlowGenerator,
    Modifier,
    Request,
    Stream,
    flow,
    kind_of,
    start_generator,
)
from genai_fn.schema.batches import BatchJob
from genai_fn.schema.files import File, FileState
from genai_fn.schema.operations import JobState, ProjectOperation
from genai_fn.schema.stores import ImportFileOperation, UploadToFileSearchStoreOperation
from genai_fn.schema.tunings import TuningJob
from genai_fn.schema.videos import GenerateVideosOperation

LongRunningResource: TypeAlias = (
    File
    | BatchJob
    | TuningJob
    | GenerateVideosOperation
    | ImportFileOperation
    | UploadToFileSearchStoreOperation
    | ProjectOperation
)
"""Types of the long-running work that `until_done` waits for."""

W = TypeVar("W", bound=LongRunningResource)


class UntilDoneModifier(Modifier):
    """Turns an action that starts or reads long-running work into a flow that returns the finished work."""

    def __call__(self, description: Action[W]) -> Flow[W]:
        return super().__call__(description)  # type: ignore[no-any-return]  # `_apply_until_done` returns a Flow


def until_done(*, every: float = 5.0, timeout: float | None = None) -> UntilDoneModifier:
    """
    Wait until long-running work has ended: a file, a batch, a tuning job, a video, an import or an upload into a store.

    The state is read at once, and then repeatedly. A stored name is enough to resume in another process:
    ``files.get(name) | until_done()``.

    Args:
        every: Seconds between a response and the next request. The first of these pauses is divided: the state is also
            read after its first second, as most files are ready then.

        timeout: Seconds until the flow fails with `TimedOut`; the work itself is not cancelled. The action that starts
            the work, such as an upload, does not count. By default there is no limit.

    Raises:
        InvalidRequest: If a time is not a positive number, or the modifier is applied to a stream, or to a
            request that does not return long-running work or has ``with_http_response``.

    Fails with:
        OperationFailed: If the work has failed, has expired or was cancelled.

        TimedOut: If the work has not ended after ``timeout`` seconds; the phase of the error is ``poll``.

        InvalidRequest: If a flow returns anything but long-running work.

    >>> from genai_fn.ops import files
    >>> (files.get("abc") | until_done(timeout=60)).args
    (5.0, 60)
    """
    check_positive("every", every)
    if timeout is not None:
        check_positive("timeout", timeout)
    return UntilDoneModifier(_apply_until_done, (every, timeout))


def _apply_until_done(description: Description, every: float, timeout: float | None) -> Flow[Any]:
    is_work = isinstance(description, Flow)
    if isinstance(description, Request):
        kind = kind_of(description.operation)
        is_work = kind in (*LONG_RUNNING_TYPES, Any) and not description.options.with_http_response
    if not is_work:
        raise InvalidRequest("until_done", description, f"{_EXPECTED}, without with_http_response")
    return Flow(run_until_done, description, (every, timeout))


@flow
def run_until_done(action: Action[W], every: float, timeout: float | None) -> FlowGenerator[Result[W, GenaiError]]:
    """
    Run an action that starts or reads work, and read the state until the work has ended.

    The first read is immediate; before the later ones the flow pauses, as `poll_request` does. An action that returns
    ended work causes no reads. `timeout` applies to the reads, and not to an action that starts the work.
    """
    lookup = action if isinstance(action, Request) and action.operation.is_lookup else None
    if lookup is None:
        started = yield from ask(action)
        if not isinstance(started, LONG_RUNNING_TYPES):  # pyright: ignore[reportUnnecessaryIsInstance]  # a flow may return anything
            return Failure(InvalidRequest("until_done", started, _EXPECTED))
        if get_outcome(started) is not None:
            return build_result(started)
        built = _build_lookup(started, _get_root_options(action))
        if isinstance(built, Failure):
            return built
        lookup = built.unwrap()
    polling = poll_request(lookup, every)
    return (yield from (start_generator(polling) if timeout is None else _poll_within(polling, lookup, timeout)))


@flow
def poll_request(lookup: Request[W], every: float) -> FlowGenerator[Result[W, GenaiError]]:
    """
    Run a request until the work that it returns has ended, with a pause of `every` seconds after each response.

    The first pause is divided: there is one more request after its first second.
    """
    divided = (_FIRST_PAUSE, every - _FIRST_PAUSE) if every > _FIRST_PAUSE else ()
    pauses = chain(divided, repeat(every))
    while True:
        work = yield from ask(lookup)
        if not isinstance(work, LONG_RUNNING_TYPES):  # pyright: ignore[reportUnnecessaryIsInstance]  # an operation may be the caller's own
            return Failure(InvalidRequest("until_done", work, _EXPECTED))
        if get_outcome(work) is not None:
            return build_result(work)
        yield from sleep(next(pauses))


_FIRST_PAUSE = 1.0
LONG_RUNNING_TYPES: tuple[type[Any], ...] = get_args(LongRunningResource)
_EXPECTED = "an action that returns a " + " or a ".join(each.__name__ for each in LONG_RUNNING_TYPES)


def get_outcome(work: LongRunningResource) -> bool | None:
    """
    Return whether work has succeeded, completely or in part; None if it has not ended.

    >>> get_outcome(File(state=FileState.PROCESSING)) is None
    True
    """
    outcome = _SUCCESS_BY_STATE.get(getattr(work, "state", None))
    if outcome is None and work.error:
        return False
    if outcome is None and getattr(work, "done", None):
        return True
    return outcome


_SUCCESS_BY_STATE: Mapping[Any, bool] = {
    FileState.ACTIVE: True,
    FileState.FAILED: False,
    JobState.JOB_STATE_SUCCEEDED: True,
    JobState.JOB_STATE_PARTIALLY_SUCCEEDED: True,
    JobState.JOB_STATE_FAILED: False,
    JobState.JOB_STATE_CANCELLED: False,
    JobState.JOB_STATE_EXPIRED: False,
}


def build_result(work: W) -> Result[W, GenaiError]:
    """Return ended work that has succeeded, or `OperationFailed` with its error or state."""
    if get_outcome(work):
        return Success(work)
    error: Any = work.error
    details: Any = codec.to_builtins(error or {})
    code, message = details.get("code"), details.get("message") or getattr(work, "state", None)
    return Failure(
        OperationFailed(
            work.name or type(work).__name__,
            code if isinstance(code, int) else None,
            str(message or "no reason stated"),
        )
    )


def _build_lookup(work: W, root: Options) -> Result[Request[W], GenaiError]:
    """Build the request that reads the state of `work`, with the options `root`."""
    from genai_fn.ops.operations import build_lookup  # noqa: PLC0415  # start-up cost: it loads four resources

    try:
        found: Request[W] = build_lookup(work)
    except InvalidRequest as error:  # the server returned this name
        return Failure(DecodeError(error.expected, "name", repr(work)))
    return Success(replace(found, options=root))


def _get_root_options(action: Any) -> Options:
    """Return the options of the root request for the reads: without its deadline, extra body and HTTP response."""
    while isinstance(action, Flow | Stream):
        action = cast("Flow[Any]", action).source
    first = action.options if isinstance(action, Request) else Options()
    return replace(first, deadline=None, extra_body=None, with_http_response=False)


def _poll_within(polling: Flow[W], lookup: Request[W], seconds: float) -> FlowGenerator[Result[W, GenaiError]]:
    """Run the polling with a time limit; its error contains the name that `lookup` reads."""
    started: float = yield GetTime()
    result: Result[W, GenaiError] = yield AskWithin(polling, seconds)
    is_late = isinstance(result, Failure) and isinstance(result.failure(), TimedOut)
    if is_late and (yield GetTime()) >= started + seconds:
        return Failure(TimedOut("poll", f"waiting for {getattr(lookup.operation, 'name', 'work')}"))
    return result
