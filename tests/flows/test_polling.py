"""Polling of long-running work: as scripted conversations, and over sockets with every interpreter."""

import pickle
from typing import Any, ClassVar

import pytest

from genai_fn import (
    DecodeError,
    Failure,
    InvalidRequest,
    OperationFailed,
    Retry,
    Success,
    TimedOut,
    generate,
    operations,
    streamed,
    videos,
    with_config,
    with_http_response,
    with_options,
)
from genai_fn.effects import Ask, AskWithin, FlowFailed, GetTime, Sleep
from genai_fn.errors import ServerError
from genai_fn.flows.polling import LONG_RUNNING_TYPES, get_outcome, poll_request, until_done
from genai_fn.ops import batches, files, stores, tunings
from genai_fn.request import POST, Call, Flow, Operation, Request, flow, read_json, start_generator
from genai_fn.schema import (
    BatchJob,
    File,
    FileState,
    FileStatus,
    GenerateVideosOperation,
    GoogleRpcStatus,
    ImportFileOperation,
    JobError,
    JobState,
    ProjectOperation,
    TuningJob,
    UploadToFileSearchStoreOperation,
)
from genai_fn.schema.operations import ENDED_JOB_STATES
from tests.support.interpreter_kinds import InterpreterKind, SleepRecorder, make_gemini
from tests.support.loopback import Answer, Close, Loopback, Pause, build_json_reply
from tests.support.scripted_effects import run_by_script

OP = "models/veo/operations/1"
BAD = {"code": 9, "message": "no"}
BUSY = Failure[Any](ServerError(503))

KINDS: dict[str, tuple[Any, Any, Any, Any]] = {
    "file": (
        files.get("a"),
        File(name="files/a", state=FileState.PROCESSING),
        File(name="files/a", state=FileState.ACTIVE),
        File(name="files/a", state=FileState.FAILED, error=FileStatus(code=9, message="no")),
    ),
    "batch": (
        batches.get("batches/a"),
        BatchJob(name="batches/a", state=JobState.JOB_STATE_RUNNING),
        BatchJob(name="batches/a", state=JobState.JOB_STATE_SUCCEEDED),
        BatchJob(name="batches/a", state=JobState.JOB_STATE_FAILED, error=JobError(code=9, message="no")),
    ),
    "tuning": (
        tunings.get("tunedModels/a"),
        TuningJob(name="tunedModels/a", state=JobState.JOB_STATE_PENDING),
        TuningJob(name="tunedModels/a", state=JobState.JOB_STATE_SUCCEEDED),
        TuningJob(name="tunedModels/a", state=JobState.JOB_STATE_FAILED, error=GoogleRpcStatus(code=9, message="no")),
    ),
    **{
        kind.__name__: (
            operations.get(OP, kind),
            kind(name=OP),
            kind(name=OP, done=True),
            kind(name=OP, done=True, error=BAD),
        )
        for kind in (
            GenerateVideosOperation,
            ImportFileOperation,
            UploadToFileSearchStoreOperation,
            ProjectOperation,
        )
    },
}
kinds = pytest.mark.parametrize(("question", "working", "over", "failed"), KINDS.values(), ids=KINDS)


@flow
def return_work(work: Any) -> Any:
    """Return work without a lookup request."""
    yield from ()
    return Success(work)


def run_until_done(action: Any, *lines: tuple[Any, Any]) -> Any:
    """Run `until_done` of an action by a script."""
    try:
        return run_by_script(start_generator(action | until_done(every=2.5)), lines)
    except FlowFailed as end:
        return Failure(end.error)


def test_every_kind() -> None:
    """Every long-running type is tested."""
    assert {type(each[1]) for each in KINDS.values()} == set(LONG_RUNNING_TYPES)


@kinds
def test_looked_up(question: Any, working: Any, over: Any, failed: Any) -> None:
    """A lookup is sent at once, after a second, and then repeated until the work has ended."""
    assert run_until_done(question, (Ask(question), Success(over))) == Success(over)
    lines = [
        line for pause in (1.0, 1.5, 2.5, 2.5) for line in ((Ask(question), Success(working)), (Sleep(pause), None))
    ]
    assert run_until_done(question, *lines, (Ask(question), Success(over))) == Success(over)


@kinds
def test_begun(question: Any, working: Any, over: Any, failed: Any) -> None:
    """Work that is finished at its start needs no lookup; otherwise it is looked up by name, at once."""
    action = return_work(working)
    assert run_until_done(action, (Ask(action), Success(over))) == Success(over)
    lines = [(Ask(question), Success(working)), (Sleep(1.0), None), (Ask(question), Success(over))]
    assert run_until_done(action, (Ask(action), Success(working)), *lines) == Success(over)


@kinds
def test_failed_work(question: Any, working: Any, over: Any, failed: Any) -> None:
    """Failed work is a failure with its name, code and message."""
    bad = Failure(OperationFailed(working.name, 9, "no"))
    action = return_work(working)
    assert run_until_done(question, (Ask(question), Success(failed))) == bad
    assert run_until_done(action, (Ask(action), Success(failed))) == bad
    assert run_until_done(action, (Ask(action), Success(working)), (Ask(question), Success(failed))) == bad


@kinds
def test_fault(question: Any, working: Any, over: Any, failed: Any) -> None:
    """A lookup that fails after its retries ends the polling with that failure."""
    assert run_until_done(question, (Ask(question), BUSY)) == BUSY
    lines = [(Ask(question), Success(working)), (Sleep(1.0), None), (Ask(question), BUSY)]
    assert run_until_done(question, *lines) == BUSY
    action = return_work(working)
    assert run_until_done(action, (Ask(action), BUSY)) == BUSY


@pytest.mark.parametrize("name", (None, "", "../a", "a?b"))
@pytest.mark.parametrize("kind", LONG_RUNNING_TYPES)
def test_unnamed_work(kind: Any, name: str | None) -> None:
    """Unfinished work without a valid name is a `DecodeError`, and raises nothing."""
    action = return_work(kind(name=name))
    result = run_until_done(action, (Ask(action), Success(kind(name=name))))
    assert isinstance(result.failure(), DecodeError)
    assert result.failure().path == "name"


def test_unnamed_finished_work() -> None:
    """Finished work needs no name; failed work without one is named by its type."""
    assert run_until_done(return_work(1), (Ask(return_work(1)), Success(ImportFileOperation(done=True)))).unwrap().done
    failed = ImportFileOperation(done=True, error={"message": "no"})
    expected = Failure(OperationFailed("ImportFileOperation", None, "no"))
    assert run_until_done(return_work(1), (Ask(return_work(1)), Success(failed))) == expected


@pytest.mark.parametrize("state", sorted(ENDED_JOB_STATES))
def test_ends_of_jobs(state: JobState) -> None:
    """Polling ends at every final state of a job."""
    assert get_outcome(BatchJob(state=state)) is (state in ("JOB_STATE_SUCCEEDED", "JOB_STATE_PARTIALLY_SUCCEEDED"))
    assert get_outcome(TuningJob(state=state)) is get_outcome(BatchJob(state=state))


@pytest.mark.parametrize(
    "work",
    (
        File(),
        File(state=FileState("NEW")),
        BatchJob(),
        BatchJob(state=JobState.JOB_STATE_PAUSED),
        TuningJob(state=JobState("NEW")),
        ProjectOperation(done=False),
        ProjectOperation(error={}),
    ),
)
def test_not_ended(work: Any) -> None:
    """An unknown or missing state is not final."""
    assert get_outcome(work) is None


def test_error_without_state() -> None:
    """An error is final, whatever the state."""
    assert get_outcome(BatchJob(error=JobError(code=3))) is False
    assert get_outcome(File(error=FileStatus())) is False
    assert get_outcome(BatchJob(state=JobState.JOB_STATE_PARTIALLY_SUCCEEDED, error=JobError(code=3))) is True


@pytest.mark.parametrize(
    ("work", "expected"),
    (
        (
            ProjectOperation(error={"code": "x", "message": None}),
            OperationFailed("ProjectOperation", None, "no reason stated"),
        ),
        (ProjectOperation(error={"code": 7, "message": 5}), OperationFailed("ProjectOperation", 7, "5")),
        (File(state=FileState.FAILED), OperationFailed("File", None, "FAILED")),
        (
            BatchJob(name="batches/1", state=JobState.JOB_STATE_CANCELLED),
            OperationFailed("batches/1", None, "JOB_STATE_CANCELLED"),
        ),
        (
            BatchJob(state=JobState.JOB_STATE_EXPIRED, error=JobError(code=4)),
            OperationFailed("BatchJob", 4, "JOB_STATE_EXPIRED"),
        ),
    ),
)
def test_failure_messages(work: Any, expected: OperationFailed) -> None:
    """A failure has the server's message, in any form; without one, it has the state."""
    result = run_until_done(return_work(work), (Ask(return_work(work)), Success(work)))
    assert result == Failure(expected)
    assert hash(result.failure()) == hash(expected)


# Time


FILE = files.get("a")
TIMEOUT = Failure[Any](TimedOut("total", "waiting"))


@pytest.mark.parametrize(
    ("answer", "second_time", "expected"),
    (
        (Success(1), None, Success(1)),
        (TIMEOUT, 110.0, Failure(TimedOut("poll", "waiting for a"))),
        (TIMEOUT, 109.0, TIMEOUT),  # the time limit of another action
        (BUSY, None, BUSY),
    ),
)
def test_timeout(answer: Any, second_time: float | None, expected: Any) -> None:
    """The timeout applies to all lookups together, and is a failure in phase ``poll``."""
    script: list[tuple[Any, Any]] = [(GetTime(), 100.0), (AskWithin(poll_request(FILE, 5.0), 10.0), answer)]
    script += [] if second_time is None else [(GetTime(), second_time)]
    assert run_by_script(start_generator(FILE | until_done(timeout=10.0)), script) == expected


def test_timeout_starts_after_action() -> None:
    """The timeout starts after the action that starts the work."""
    action, working = return_work(1), KINDS["file"][1]
    script = [
        (Ask(action), Success(working)),
        (GetTime(), 100.0),
        (AskWithin(poll_request(FILE, 5.0), 10.0), Success(2)),
    ]
    assert run_by_script(start_generator(action | until_done(timeout=10.0)), script) == Success(2)


@pytest.mark.parametrize("seconds", (0, -1, "5", True, float("inf")))
def test_bad_times(seconds: Any) -> None:
    """Times must be positive numbers."""
    with pytest.raises(InvalidRequest, match="every"):
        until_done(every=seconds)
    with pytest.raises(InvalidRequest, match="timeout"):
        until_done(timeout=seconds)


# Shape


class UntypedOperation(Operation[Any]):
    """An operation that does not declare its result type."""

    op: ClassVar[str] = "tests.odd"

    def gemini(self, backend: object) -> Call[Any]:
        return POST("odd", None, read_json(ProjectOperation))


@pytest.mark.parametrize(
    "action",
    (generate("m", "hi"), files.list(), files.get("a") | with_http_response, generate("m", "hi") | streamed),
    ids=("text", "list", "wrapped", "stream"),
)
def test_no_work(action: Any) -> None:
    """An action that does not return long-running work is refused at once, if its type is known."""
    with pytest.raises(InvalidRequest, match="until_done"):
        action | until_done()


@pytest.mark.parametrize("answer", (1, None, generate("m", "hi")))
def test_no_work_after_all(answer: Any) -> None:
    """A result that is not long-running work is a failure that contains it."""
    for action in (return_work(1), Request(UntypedOperation())):
        result = run_until_done(action, (Ask(action), Success(answer)))
        assert result == Failure(InvalidRequest("until_done", answer, result.failure().expected))


def test_values() -> None:
    """The flow compares and pickles, and modifiers of the request apply to its root."""
    waiting: Flow[Any] = files.get("a") | until_done(every=1, timeout=2)
    assert pickle.loads(pickle.dumps(waiting)) == waiting != files.get("a") | until_done()
    modifiers = with_options(headers={"x-test": "1"}) | with_config(number_of_videos=1)
    film = videos.generate("veo", "a cat")
    assert film | until_done() | modifiers == film | modifiers | until_done()


def test_options_go_along() -> None:
    """Lookups keep the address and the retry policy of the first request, but not its body or deadline."""
    modifiers = with_options(base_url="http://127.0.0.1:1", retry=Retry(attempts=1), extra_body={"a": 1})
    film = videos.generate("veo", "a cat") | modifiers | with_options(deadline=3)
    question = operations.get(OP, GenerateVideosOperation)
    modified_later = question | with_options(base_url="http://127.0.0.1:1", retry=Retry(attempts=1))
    working, over = KINDS["GenerateVideosOperation"][1:3]
    assert run_until_done(film, (Ask(film), Success(working)), (Ask(modified_later), Success(over))) == Success(over)
    modified_question = question | modifiers
    assert run_until_done(modified_question, (Ask(modified_question), Success(over))) == Success(over)


# Over sockets


def build_state_reply(state: str, **fields: Any) -> Answer:
    """Build a reply with the state of a file."""
    return build_json_reply({"name": "files/a", "state": state, **fields})


def test_over_sockets(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """Polling starts from a name alone: processing, processing, active."""
    with Loopback(
        [build_state_reply("PROCESSING"), build_state_reply("PROCESSING"), build_state_reply("ACTIVE")]
    ) as server:
        assert kind.run(make_gemini(server.url), files.get("a") | until_done()).unwrap().state == "ACTIVE"
        assert [each.target for each in server.requests] == ["/v1beta/files/a"] * 3
    assert sleeps.seconds == [1.0, 4.0]


def test_videos_over_sockets(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """A video generation returns a name, which is looked up until the video is there."""
    film = {"generateVideoResponse": {"generatedSamples": [{"video": {"uri": "https://host/v1beta/files/f"}}]}}
    script: list[Answer] = [
        build_json_reply({"name": OP}),
        build_json_reply({"name": OP}),
        build_json_reply({"name": OP, "done": True, "response": film}),
    ]
    with Loopback(script) as server:
        result = kind.run(make_gemini(server.url), videos.generate("veo", "a cat") | until_done(every=1)).unwrap()
        assert result.response.generated_videos[0].video.uri == "https://host/v1beta/files/f"
        assert [each.method for each in server.requests] == ["POST", "GET", "GET"]
    assert sleeps.seconds == [1]


def test_import_that_fails(kind: InterpreterKind) -> None:
    """A failed import is a failure."""
    name = "fileSearchStores/s/operations/o"
    script: list[Answer] = [
        build_json_reply({"name": name}),
        build_json_reply({"name": name, "done": True, "error": BAD}),
    ]
    with Loopback(script) as server:
        action = stores.import_file("fileSearchStores/s", "files/a") | until_done()
        assert kind.run(make_gemini(server.url), action) == Failure(OperationFailed(name, 9, "no"))


def test_fault_over_sockets(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """A lost connection and a busy server are retried within each lookup."""
    script = [build_state_reply("PROCESSING"), Close(), build_json_reply({}, 503), build_state_reply("ACTIVE")]
    with Loopback(script) as server:
        assert kind.run(make_gemini(server.url), files.get("a") | until_done()).unwrap().state == "ACTIVE"


def test_timeout_over_sockets(kind: InterpreterKind) -> None:
    """The timeout applies between lookups and within one."""
    for script in (build_state_reply("PROCESSING"), (Pause(0.2), build_state_reply("ACTIVE"))):
        with Loopback(script) as server:
            result = kind.run(make_gemini(server.url), files.get("a") | until_done(every=0.01, timeout=0.05))
            assert result == Failure(TimedOut("poll", "waiting for a"))
