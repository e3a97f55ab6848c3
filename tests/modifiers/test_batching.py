"""``batched``: a gather through the Batch API has the results of the requests alone, in their order."""

import json
import pickle
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import msgspec
import pytest
from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn import (
    AsyncOnly,
    AuthError,
    ClientError,
    ConnectError,
    CountMismatch,
    DecodeError,
    Disconnected,
    Http,
    InvalidRequest,
    Offline,
    OperationFailed,
    ServerError,
    TimedOut,
    Unsupported,
    Vertex,
    batched,
    batches,
    calling,
    chats,
    collected,
    continued,
    embed,
    files,
    gather,
    generate,
    items,
    partial,
    retry_invalid,
    returning,
    streamed,
    text,
    with_http_response,
    with_options,
)
from genai_fn.effects import Effects
from genai_fn.errors import GenaiError
from genai_fn.interpreters.middleware import HandlerWrapper
from genai_fn.ops.batches import CreateBatch, GetBatch
from genai_fn.ops.files.uploads import UploadProgress
from genai_fn.request import Request
from genai_fn.schema import BatchJob, BatchJobDestination, InlinedResponse, JobError, JobState
from genai_fn.testing import Fake
from tests.support.interpreter_kinds import INTERPRETER_KINDS, InterpreterKind, make_gemini
from tests.support.loopback import Answer, Loopback, ReceivedRequest, build_json_reply
from tests.support.loopback_replies import build_text_response
from tests.support.scripted_model import build_response

FLASH, PRO, EMBED = "gemini-2.5-flash", "gemini-2.5-pro", "gemini-embedding-001"
ASYNC_BACKENDS = pytest.mark.parametrize("backend", ("asyncio", "trio"))


class Recipe(msgspec.Struct, frozen=True):
    name: str


def ask(question: str, model: str = FLASH) -> Any:
    return generate(model, question)


def count_requests(run: Fake, op: str) -> int:
    return [each.operation.op for each in run.requests].count(op)


ACTIONS: dict[str, list[Any]] = {
    "texts": [ask("one") | text, ask("two") | text],
    "responses": [ask("one"), ask("two")],
    "two models": [ask("one") | text, ask("two", PRO) | text, ask("three") | text, ask("four", f"models/{PRO}") | text],
    "typed": [ask("one") | returning(Recipe), (ask("two") | text).map(len)],
    "one": [ask("one") | text],
    "none": [],
    "same": [ask("one") | text, ask("one") | text],
    "turns": [chats.send(chats.start(FLASH), "one") | text],
}


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("max_inline_bytes", (1, 20_000_000))
def test_as_without(name: str, max_inline_bytes: int) -> None:
    """The results are those of the gather alone, whether the requests are inline or in a file."""
    run, actions = Offline(), ACTIONS[name]
    expected = run(gather(actions) | collected).unwrap()
    result = run(gather(actions) | batched(max_inline_bytes=max_inline_bytes) | collected).unwrap()
    assert list(map(get_answer, result)) == list(map(get_answer, expected))


def get_answer(value: Any) -> Any:
    """Return what does not depend on the time or the number of a response."""
    return getattr(value, "text", value)


def test_embeddings() -> None:
    """Requests to embed have one vector for each of their contents, and a job for each config."""
    run = Offline()
    actions = [
        embed(EMBED, ["a", "b"], {"output_dimensionality": 8}),
        embed(EMBED, "c"),
        embed(EMBED, ["d"], {"output_dimensionality": 8}),
    ]
    jobs: list[BatchJob] = []
    expected = run(gather(actions) | collected).unwrap()
    for size, count in ((20_000_000, 2), (1, 3)):
        jobs.clear()
        result = run(gather(actions) | batched(on_job=jobs.append, max_inline_bytes=size) | collected).unwrap()
        assert [each.embeddings for each in result] == [each.embeddings for each in expected]
        assert len(jobs) == count


def test_mixed() -> None:
    """One gather may have both kinds of requests; the results keep the order of the actions."""
    run = Offline()
    actions: list[Any] = [
        ask("one") | text,
        embed(EMBED, "a").map(lambda each: len(each.embeddings)),
        ask("two") | text,
    ]
    assert run(gather(actions) | batched() | collected) == run(gather(actions) | collected)


def test_jobs_have_names() -> None:
    """The display name is that of all jobs and of the file; the function is called with each job."""
    run, jobs = Offline(), list[BatchJob]()
    modifier = batched(display_name="Colours", on_job=jobs.append, max_inline_bytes=1)
    run(gather([ask("one"), ask("two", PRO)]) | modifier | collected).unwrap()
    listed = run(batches.list() | items | collected).unwrap()
    assert {each.name for each in jobs} == {each.name for each in listed}
    assert {each.display_name for each in listed} == {"Colours"}


def test_file_is_deleted() -> None:
    """The uploaded file is deleted when the job has ended; that with the results stays."""
    run = Offline()
    run(gather([ask("one"), ask("two")]) | batched(max_inline_bytes=1) | collected).unwrap()
    assert [each.source for each in run(files.list() | items | collected).unwrap()] == ["GENERATED"]


# One job, without a service


def build_job(
    *answers: Any, name: str = "batches/1", state: JobState = JobState.JOB_STATE_SUCCEEDED, **fields: Any
) -> BatchJob:
    """Build a job that has ended; an answer is a response or the message of an error."""
    inlined = tuple(
        InlinedResponse(error=JobError(code=13, message=each), metadata={"key": str(index)})
        if isinstance(each, str)
        else InlinedResponse(response=each, metadata={"key": str(index)})
        for index, each in enumerate(answers)
    )
    return BatchJob(name=name, state=state, dest=BatchJobDestination(inlined_responses=inlined), **fields)


PENDING = BatchJob(name="batches/1", state=JobState.JOB_STATE_PENDING)


def test_polls() -> None:
    """The job is created once, and read until it has ended; each result has its request's place."""
    done = build_job(build_response("one"), build_response("two"))
    run = Fake({"batches.create": PENDING, "batches.get": [PENDING, PENDING, done]})
    result = run(gather([ask("a") | text, ask("b") | text]) | batched(every=60) | collected)
    assert result == Success(("one", "two"))
    assert [each.operation.op for each in run.requests] == ["batches.create", *["batches.get"] * 3]


def test_requests_fail_alone() -> None:
    """A request that has failed is the failure of its action alone; ``stop_on_failure`` ends the stream with it."""
    done = build_job(build_response("one"), "out of order", build_response("three"))
    run = Fake({"batches.create": done})
    actions = [ask(each) | text for each in "abc"]
    with run.stream(gather(actions) | batched()) as stream:
        first, second, third = stream
    assert (first, third) == (Success("one"), Success("three"))
    assert second == Failure(OperationFailed("request 1", 13, "out of order"))
    with run.stream(gather(actions, stop_on_failure=True) | batched()) as stream:
        assert [type(each) for each in stream] == [Success, Failure]


@pytest.mark.parametrize("state", (JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED, JobState.JOB_STATE_EXPIRED))
def test_job_fails(state: JobState) -> None:
    """The failure of a job is that of each of its requests; other jobs are not concerned."""
    lost = BatchJob(name="batches/1", state=state, error=JobError(code=8, message="no quota"))
    won = build_job(build_response("two"))
    run = Fake(lambda request: lost if request.operation.model == FLASH else won)
    with run.stream(gather([ask("a") | text, ask("b", PRO) | text, ask("c") | text]) | batched()) as stream:
        results = list(stream)
    assert results == [Failure(OperationFailed("batches/1", 8, "no quota")), Success("two"), results[0]]


class RefuseBatches(HandlerWrapper):
    """Fails to create a batch."""

    error: GenaiError = ClientError(400)

    def handle(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        if isinstance(request.operation, CreateBatch):
            return Failure(self.error)
        return (yield from self.inner.handle(request, until))


def refuse_with(error: GenaiError) -> type[HandlerWrapper]:
    """Return a middleware that fails to create a batch with an error."""
    return type("RefuseBatches", (RefuseBatches,), {"error": error})


def test_create_fails() -> None:
    """If a job cannot be created, that is the failure of each of its requests."""
    run = Fake({"batches.create": ClientError(400)})
    with run.stream(gather([ask("a"), ask("b")]) | batched()) as stream:
        assert list(stream) == [Failure(ClientError(400))] * 2


@pytest.mark.parametrize(
    ("error", "files_left"),
    (
        (ClientError(400), 0),
        (ConnectError("connecting to host:443"), 0),
        (AuthError("no token"), 0),
        (Unsupported("Gemini", ("x",)), 0),
        (ServerError(503), 1),
        (Disconnected("waiting for the response"), 1),
        (TimedOut("headers", sent=True), 1),
        (DecodeError("a job"), 1),
    ),
    ids=str,
)
def test_file_without_job(error: GenaiError, files_left: int) -> None:
    """An uploaded file is deleted if its job was refused or not requested; it stays if there may be a job."""
    run = Offline().with_middleware(refuse_with(error))
    with run.stream(gather([ask("a")]) | batched(max_inline_bytes=1)) as stream:
        assert list(stream) == [Failure(error)]
    assert len(run(files.list() | items | collected).unwrap()) == files_left


async def note_job(_: BatchJob) -> None:
    """Do nothing."""


def test_file_of_unreported_job() -> None:
    """The file stays if the job exists, and only the function that should be called with it could not be called."""
    run = Offline()
    modifier = batched(on_job=note_job, max_inline_bytes=1)
    assert isinstance(run(gather([ask("a")]) | modifier | collected).failure(), AsyncOnly)
    assert len(run(files.list() | items | collected).unwrap()) == 1


class MisnameFiles(HandlerWrapper):
    """Gives another name to uploaded files, and to the files with results."""

    name = ""
    of_results = False

    def handle(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        result = yield from self.inner.handle(request, until)
        return result.map(self._misname)

    def _misname(self, value: Any) -> Any:
        if not self.of_results and isinstance(value, UploadProgress) and value.is_final:
            return replace(value, body=json.dumps({"file": {"name": self.name}}).encode())
        if self.of_results and isinstance(value, BatchJob) and value.dest is not None:
            return replace(value, dest=BatchJobDestination(file_name=self.name))
        return value


@pytest.mark.parametrize("of_results", (False, True))
@pytest.mark.parametrize("name", ("", "files/../x", "files/a?b"))
def test_wrong_file_names(name: str, of_results: bool) -> None:
    """A name from the server that cannot be one of a file is a failure, as any response that cannot be decoded."""
    middleware = type("MisnameFiles", (MisnameFiles,), {"name": name, "of_results": of_results})
    run = Offline().with_middleware(middleware)
    error = run(gather([ask("a")]) | batched(max_inline_bytes=1) | collected).failure()
    assert isinstance(error, DecodeError)
    assert error.text == name
    assert of_results or run(batches.list() | items | collected) == Success(())


class LosePolls(HandlerWrapper):
    """Refuses to read a batch."""

    def handle(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        if isinstance(request.operation, GetBatch):
            return Failure(ClientError(403))
        return (yield from self.inner.handle(request, until))


def test_polls_fail() -> None:
    """If a job cannot be read, that is the failure of each of its requests; its file stays, as it goes on."""
    run = Offline()
    with run.with_middleware(LosePolls).stream(gather([ask("a")]) | batched(max_inline_bytes=1)) as stream:
        assert list(stream) == [Failure(ClientError(403))]
    check_job_goes_on(run)


def test_upload_fails() -> None:
    """If the file cannot be uploaded, nothing is created."""
    run = Fake({"files.upload.start": ClientError(429)})
    with run.stream(gather([ask("a")]) | batched(max_inline_bytes=1)) as stream:
        assert list(stream) == [Failure(ClientError(429))]
    assert count_requests(run, "batches.create") == 0


def test_timeout() -> None:
    """After the timeout each request fails; the job goes on, so neither it nor its file is deleted or cancelled."""
    run = Offline()
    run_slowly = gather([ask("a"), ask("b")]) | batched(every=1, timeout=0.5, max_inline_bytes=1)
    with run.stream(run_slowly) as stream:
        results = list(stream)
    assert all(isinstance(each.failure(), TimedOut) for each in results)
    [job] = run(batches.list() | items | collected).unwrap()
    assert job.state in (JobState.JOB_STATE_PENDING, JobState.JOB_STATE_RUNNING)
    assert len(run(files.list() | items | collected).unwrap()) == 1


@pytest.mark.parametrize("count", (0, 1, 3))
def test_wrong_number_of_embeddings(count: int) -> None:
    """A job with more or fewer embeddings than contents is a failure, instead of wrong vectors."""
    job: dict[str, Any] = {"name": "batches/1", "state": "JOB_STATE_SUCCEEDED"}
    answers = [{"response": {"embedding": {"values": [1.0]}}}] * count
    done = msgspec.convert({**job, "dest": {"inlinedEmbedContentResponses": answers}}, BatchJob)
    with Fake(lambda _: done).stream(gather([embed(EMBED, ["a", "b"])]) | batched()) as stream:
        assert list(stream) == [Failure(CountMismatch(2, count))]


def test_embedding_fails() -> None:
    """A content without an embedding is the failure of its request alone."""
    answers = [
        {"response": {"embedding": {"values": [1.0]}}},
        {"error": {"code": 3, "message": "too long"}},
        {"response": {"embedding": {"values": [2.0]}}},
    ]
    job: dict[str, Any] = {"name": "batches/1", "state": "JOB_STATE_SUCCEEDED"}
    done = msgspec.convert({**job, "dest": {"inlinedEmbedContentResponses": answers}}, BatchJob)
    with Fake(lambda _: done).stream(gather([embed(EMBED, ["a", "b"]), embed(EMBED, "c")]) | batched()) as stream:
        first, second = stream
    assert first == Failure(OperationFailed("content 1", 3, "too long"))
    assert second.unwrap().embeddings[0].values == (2.0,)


# Sources


def test_iterables() -> None:
    """The actions of any iterable are read first; each is checked."""
    run = Offline()
    assert len(run(gather(ask(each) for each in "ab") | batched() | collected).unwrap()) == 2
    with pytest.raises(InvalidRequest, match=r"actions\[1\]"):
        run(gather(iter([ask("a"), files.get("b")])) | batched() | collected)


async def ask_all() -> AsyncIterator[Request[Any]]:
    """Yield requests, asynchronously."""
    for each in "ab":
        yield ask(each)


@ASYNC_BACKENDS
def test_async(backend: str) -> None:
    """In async code, the iterable and the function for jobs may be async."""
    names: list[str | None] = []

    async def remember(job: BatchJob) -> None:
        names.append(job.name)

    async def body() -> Any:
        return await Offline().aio(gather(ask_all()) | batched(on_job=remember) | collected)

    assert len(anyio.run(body, backend=backend).unwrap()) == 2
    assert len(names) == 1


# Refusals


def look_up() -> int:
    """Look up a number."""
    return 1


WRONG: dict[str, Any] = {
    "another operation": files.get("abc"),
    "numpy": embed(EMBED, "a", output="numpy"),
    "calling": ask("a") | calling(look_up),
    "continued": ask("a") | continued(),
    "retry_invalid": ask("a") | retry_invalid(int),
    "joined stream": ask("a") | streamed | collected,
    "options": ask("a") | with_options(deadline=5),
    "http response": ask("a") | with_http_response,
    "deadline of a flow": ask("a") | text | with_options(deadline=5),
}


@pytest.mark.parametrize("name", WRONG)
def test_refused_actions(name: str) -> None:
    """An action that is more than one request, has options, or is another request, is refused by its place."""
    with pytest.raises(InvalidRequest) as raised:
        gather([ask("a"), WRONG[name]]) | batched()
    assert raised.value.path.startswith("actions[1]")


@pytest.mark.parametrize("description", (ask("a"), ask("a") | text, ask("a") | streamed, ask("a") | partial(int)))
def test_refused_descriptions(description: Any) -> None:
    """Only a gather can be batched."""
    with pytest.raises(InvalidRequest) as raised:
        description | batched()
    assert raised.value.path == "batched"


@pytest.mark.parametrize(
    "arguments",
    ({"every": 0}, {"timeout": -1}, {"max_inline_bytes": 0}, {"on_job": "print"}, {"every": "1"}),
    ids=str,
)
def test_refused_arguments(arguments: Any) -> None:
    """Arguments out of range are refused by name."""
    [name] = arguments
    with pytest.raises(InvalidRequest, match=name):
        batched(**arguments)


def test_vertex() -> None:
    """On Vertex AI it is refused with what to do instead, for both kinds of requests; nothing is sent."""
    run = Offline(Vertex("p", "us-central1"))
    with run.stream(gather([ask("a"), embed(EMBED, "a")]) | batched()) as stream:
        results = list(stream)
    assert all(isinstance(each.failure(), Unsupported) for each in results)
    assert "batches.create" in str(results[0].failure())


def test_unsupported_field() -> None:
    """A field that the backend does not have is the failure of its job's requests, with its path."""
    with Offline().stream(gather([ask("a"), generate(FLASH, "b", {"audio_timestamp": True})]) | batched()) as stream:
        results = list(stream)
    assert [each.failure().paths for each in results] == [("requests[1].config.audio_timestamp",)] * 2


def test_no_backend() -> None:
    """Without a backend, each request fails with the reason."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE"):
            patch.delenv(name, raising=False)
        with Http() as run, run.stream(gather([ask("a")]) | batched()) as stream:
            [only] = stream
    assert isinstance(only.failure(), AuthError)


# Cancellation: the job stays, and can be cancelled or read by its name


class LeftError(BaseException):
    """Raised to leave a run, as an interrupt does."""


def leave(_: BatchJob) -> None:
    """Leave the run as soon as the job exists."""
    raise LeftError


def check_job_goes_on(run: Offline) -> None:
    """Check that the only job was neither cancelled nor deleted, and has the results in the end."""
    [job] = run(batches.list() | items | collected).unwrap()
    assert job.state not in (JobState.JOB_STATE_CANCELLED, JobState.JOB_STATE_FAILED)
    source = run(files.list() | items | collected).unwrap()
    assert len(source) == 1


def test_interrupted() -> None:
    """After an interrupt the job and its file are still there."""
    run = Offline()
    with pytest.raises(LeftError):
        run(gather([ask("a")]) | batched(on_job=leave, max_inline_bytes=1) | collected)
    check_job_goes_on(run)


@ASYNC_BACKENDS
def test_cancelled(backend: str) -> None:
    """After a cancellation the job and its file are still there."""
    run = Offline()

    async def body() -> None:
        with anyio.CancelScope() as scope:

            async def cancel(_: BatchJob) -> None:
                scope.cancel()

            await run.aio(gather([ask("a")]) | batched(on_job=cancel, max_inline_bytes=1) | collected)
        assert scope.cancelled_caught

    anyio.run(body, backend=backend)
    check_job_goes_on(run)


# Everywhere


def test_values() -> None:
    """The stream compares and pickles, like the gather."""
    stream = gather([ask("a") | text]) | batched(every=5)
    assert pickle.loads(pickle.dumps(stream)) == stream == gather([ask("a") | text]) | batched(every=5)


class BatchServer:
    """Serves one batch, which ends when it is read for the second time."""

    def __init__(self) -> None:
        self.answers: Iterator[Any] = iter(())
        self.reads = 0

    def __call__(self, request: ReceivedRequest) -> Answer:
        if request.method == "POST":
            requests = json.loads(request.body)["batch"]["inputConfig"]["requests"]["requests"]
            texts = (each["request"]["contents"][0]["parts"][0]["text"] for each in requests)
            self.answers = iter(
                [
                    {"response": build_text_response(f"re: {each}"), "metadata": {"key": str(n)}}
                    for n, each in enumerate(texts)
                ]
            )
            return build_json_reply({"name": "batches/1", "metadata": {"state": "BATCH_STATE_PENDING"}})
        self.reads += 1
        if self.reads == 1:
            return build_json_reply({"name": "batches/1", "metadata": {"state": "BATCH_STATE_RUNNING"}})
        output = {"inlinedResponses": {"inlinedResponses": list(reversed(list(self.answers)))}}
        return build_json_reply(
            {"name": "batches/1", "done": True, "metadata": {"state": "BATCH_STATE_SUCCEEDED", "output": output}}
        )


@pytest.mark.parametrize("kind", INTERPRETER_KINDS, ids=repr)
def test_every_interpreter(kind: InterpreterKind) -> None:
    """Over a socket, results that come in another order are those of their requests."""
    with Loopback(BatchServer()) as server:
        stream = gather([ask("a") | text, ask("b") | text]) | batched(every=0.001)
        assert kind.read_items(make_gemini(server.url), stream) == [Success("re: a"), Success("re: b")]
    assert [each.method for each in server.requests] == ["POST", "GET", "GET"]
