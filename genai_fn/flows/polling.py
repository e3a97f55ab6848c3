"""Work that goes on at the service, asked after until it is done."""

from collections.abc import Mapping
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
from genai_fn.schema import (
    BatchJob,
    File,
    FileState,
    GenerateVideosOperation,
    ImportFileOperation,
    JobState,
    ProjectOperation,
    TuningJob,
    UploadToFileSearchStoreOperation,
)

__all__ = ["LONG_RUNNING_TYPES", "LongRunningResource", "get_outcome", "poll_request", "run_until_done", "until_done"]

LongRunningResource: TypeAlias = (
    File
    | BatchJob
    | TuningJob
    | GenerateVideosOperation
    | ImportFileOperation
    | UploadToFileSearchStoreOperation
    | ProjectOperation
)
"""What can be waited for."""

W = TypeVar("W", bound=LongRunningResource)


class UntilDoneModifier(Modifier):
    """Work that begins, or is under way, becomes work that is done."""

    def __call__(self, description: Action[W]) -> Flow[W]:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function makes one


def until_done(*, every: float = 5.0, timeout: float | None = None) -> UntilDoneModifier:
    """
    Wait for work at the service to be done: a file, a batch, a tuning, a video, an import, an upload into a store.

    It asks at once, and then again and again; a name that was kept is enough to go on in another process, as in
    ``files.get(name) | until_done()``. What ends badly is ``Failure(OperationFailed)``.

    Args:
        every: Seconds between two questions.

        timeout: Seconds after which it is ``Failure(TimedOut("poll"))``; the work itself goes on. What begins the work,
            such as an upload, does not count. Without one, it waits for as long as it takes.

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
        raise InvalidRequest("until_done", description, f"{_EXPECTED}, and not wrapped in a Replied")
    return Flow(run_until_done, description, (every, timeout))


@flow
def run_until_done(action: Action[W], every: float, timeout: float | None) -> FlowGenerator[Result[W, GenaiError]]:
    """
    Run an action that begins some work or looks it up, and go on asking until the work is done.

    The first question follows at once, the others `every` so many seconds. `timeout` bounds the questions, and not what
    began the work, such as an upload.
    """
    question = _as_lookup(action)
    if question is None:
        begun = yield from ask(action)
        if not isinstance(begun, LONG_RUNNING_TYPES):  # pyright: ignore[reportUnnecessaryIsInstance]  # a flow may answer anything
            return Failure(InvalidRequest("until_done", begun, _EXPECTED))
        if get_outcome(begun) is not None:
            return _build_result(begun)
        asking = _build_lookup(begun, _get_root_options(action))
        if isinstance(asking, Failure):
            return asking
        question = asking.unwrap()
    waiting = poll_request(question, every)
    return (yield from (start_generator(waiting) if timeout is None else _poll_within(waiting, question, timeout)))


@flow
def poll_request(question: Request[W], every: float) -> FlowGenerator[Result[W, GenaiError]]:
    """Ask the same again and again, until the answer is that the work has ended."""
    while True:
        work = yield from ask(question)
        if not isinstance(work, LONG_RUNNING_TYPES):  # pyright: ignore[reportUnnecessaryIsInstance]  # a look-up of the caller's own
            return Failure(InvalidRequest("until_done", work, _EXPECTED))
        if get_outcome(work) is not None:
            return _build_result(work)
        yield from sleep(every)


LONG_RUNNING_TYPES: tuple[type[Any], ...] = get_args(LongRunningResource)
_EXPECTED = "what answers with a " + " or ".join(each.__name__ for each in LONG_RUNNING_TYPES)


def get_outcome(work: LongRunningResource) -> bool | None:
    """
    Say how work has ended; None as long as it has not.

    >>> get_outcome(File(state=FileState.PROCESSING)) is None
    True
    """
    well = _SUCCESS_BY_STATE.get(getattr(work, "state", None))
    if well is None and work.error:
        return False
    if well is None and getattr(work, "done", None):
        return True
    return well


_SUCCESS_BY_STATE: Mapping[Any, bool] = {
    FileState.ACTIVE: True,
    FileState.FAILED: False,
    JobState.JOB_STATE_SUCCEEDED: True,
    JobState.JOB_STATE_PARTIALLY_SUCCEEDED: True,
    JobState.JOB_STATE_FAILED: False,
    JobState.JOB_STATE_CANCELLED: False,
    JobState.JOB_STATE_EXPIRED: False,
}


def _build_result(work: W) -> Result[W, GenaiError]:
    if get_outcome(work):
        return Success(work)
    error: Any = work.error
    told: Any = codec.to_builtins(error or {})
    code, message = told.get("code"), told.get("message") or getattr(work, "state", None)
    return Failure(
        OperationFailed(
            work.name or type(work).__name__, code if isinstance(code, int) else None, str(message or "no reason given")
        )
    )


def _as_lookup(action: Action[W]) -> Request[W] | None:
    return action if isinstance(action, Request) and action.operation.is_lookup else None


def _build_lookup(work: W, root: Options) -> Result[Request[W], GenaiError]:
    from genai_fn.ops.operations import build_lookup  # noqa: PLC0415  # start-up cost: it loads four resources

    try:
        found: Request[W] = build_lookup(work)
    except InvalidRequest as error:  # the name is the server's word
        return Failure(DecodeError(error.expected, "name", repr(work)))
    return Success(replace(found, options=root))


def _get_root_options(action: Any) -> Options:
    """Ask later in the way in which was asked first: at the same address, with the same headers and patience."""
    while isinstance(action, Flow | Stream):
        action = cast("Flow[Any]", action).source
    first = action.options if isinstance(action, Request) else Options()
    return replace(first, deadline=None, extra_body=None, with_http_response=False)


def _poll_within(waiting: Flow[W], question: Request[W], seconds: float) -> FlowGenerator[Result[W, GenaiError]]:
    begun: float = yield GetTime()
    result: Result[W, GenaiError] = yield AskWithin(waiting, seconds)
    is_late = isinstance(result, Failure) and isinstance(result.failure(), TimedOut)
    if is_late and (yield GetTime()) >= begun + seconds:
        return Failure(TimedOut("poll", f"waiting for {getattr(question.operation, 'name', 'work')}"))
    return result
