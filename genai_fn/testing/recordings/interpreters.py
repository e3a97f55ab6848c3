"""Interpreters that write down what they are asked and what they answer, or answer from what was written down."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from inspect import iscoroutinefunction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeAlias, TypeVar, get_args, overload

from msgspec.structs import replace
from returns.result import Result

from genai_fn.engine.handler import RequestHandler
from genai_fn.errors import AuthError, GenaiError, InvalidRequest, NoAnswer, RateLimited, ServerError, TransportError
from genai_fn.interpreters.middleware import HandlerWrapper
from genai_fn.interpreters.protocols import AsyncInterpreter, InProcessInterpreter, Interpreter
from genai_fn.interpreters.settings import check_live
from genai_fn.ops.files.upload_flow import HasPath, read_path
from genai_fn.request import Action, Live, Stream
from genai_fn.testing.fake import Fake
from genai_fn.testing.recordings.calls import RecordedCalls
from genai_fn.testing.recordings.file import RecordingFile, create_recording_file, open_recording_file
from genai_fn.testing.recordings.recorder import Recorder
from genai_fn.testing.recordings.replay import ReplayHandler, load_recording
from genai_fn.testing.recordings.scrub import KnownSecrets
from genai_fn.testing.recordings.serialize import record_live, scrub_call

if TYPE_CHECKING:
    from genai_fn.backend import Credential
    from genai_fn.interpreters.live.session import Session  # loaded with anyio, at the first use
    from genai_fn.interpreters.live.sockets import Connector

__all__ = [
    "AsyncRecordedItems",
    "AsyncRecording",
    "InProcessRecording",
    "RecordedItems",
    "Recording",
    "RecordingMode",
    "recording",
]

T = TypeVar("T")

RecordingMode: TypeAlias = Literal["record", "replay", "auto"]


@overload
def recording(
    interpreter: InProcessInterpreter, path: str | HasPath, mode: RecordingMode = "record"
) -> "InProcessRecording": ...
@overload
def recording(interpreter: Interpreter, path: str | HasPath, mode: RecordingMode = "record") -> "Recording": ...
@overload
def recording(
    interpreter: AsyncInterpreter, path: str | HasPath, mode: RecordingMode = "record"
) -> "AsyncRecording": ...
def recording(interpreter: Any, path: str | HasPath, mode: RecordingMode = "record") -> Any:
    """
    Make an interpreter of another one whose every exchange goes by way of a file.

    What is recorded is the request and its typed answer, each one of a flow, each chunk of a stream; no credential is.
    The file has a line of JSON for each, which `Replay` plays, too.

    Args:
        interpreter: An `Http`, an ``AsyncHttp``, an `Offline`, a `Fake`, or the ``.aio`` of one; closed with what this
            returns.

        path: The file, in a folder that is there.

        mode: ``"record"`` asks everything and writes the file anew. ``"replay"`` asks nothing, in virtual time, and is
            ``Failure(NoAnswer)`` where the file has no answer. ``"auto"`` gives each answer of the file once, and asks
            and adds what it has not; it adds no failure that another try may mend.

    >>> import tempfile
    >>> from genai_fn import generate, text
    >>> question = generate("gemini-2.5-flash", "hi") | text
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     recording(Fake({"generate": "hello"}), f"{folder}/hi.jsonl")(question)
    ...     recording(Fake(), f"{folder}/hi.jsonl", "replay")(question)
    <Success: hello>
    <Success: hello>
    """
    if mode not in get_args(RecordingMode):
        raise InvalidRequest("mode", mode, "record, replay or auto")
    if not hasattr(interpreter, "with_middleware"):
        raise InvalidRequest(
            "interpreter", interpreter, "an Http, an AsyncHttp, an Offline, a Fake, or the .aio of one"
        )
    take = _RecordingSession(Path(read_path(path, "path")), mode)
    interpreter.with_middleware(take.learn_secrets)
    if iscoroutinefunction(type(interpreter).__call__):
        return AsyncRecording(interpreter, Fake().aio if mode == "replay" else interpreter, take)
    kind = InProcessRecording if hasattr(interpreter, "aio") else Recording
    return kind(interpreter, Fake() if mode == "replay" else interpreter, take)


class _RecordingSession:
    """One file, and what all runs share that go by way of it."""

    def __init__(self, path: Path, mode: RecordingMode) -> None:
        self._secrets = KnownSecrets()
        self._is_recorded = _is_permanent if mode == "auto" else _is_service_error
        self._file: RecordingFile | None = None
        if mode == "replay":
            self._calls = load_recording(path)
        elif mode == "record":
            self._file, self._calls = create_recording_file(path), RecordedCalls()
        else:
            self._file, notes = open_recording_file(path)
            self._calls = RecordedCalls(notes, path.name)

    def learn_secrets(self, exchange: RequestHandler) -> RequestHandler:
        """Learn what an exchange keeps secret."""
        inner = exchange
        while isinstance(inner, HandlerWrapper):
            inner = inner.inner
        own: Credential | None = getattr(inner, "own_credential", None)
        self._secrets.learn_from_headers(() if own is None else own.headers.reveal())
        return exchange

    def begin_run(self, interpreter: Any) -> tuple[Any, ReplayHandler]:
        """Make the interpreter of one run, and what it asks by way of."""
        begun: list[ReplayHandler] = []

        def between(exchange: RequestHandler) -> ReplayHandler:
            recorder = Recorder(exchange, self._file, self._secrets, self._is_recorded) if self._file else None
            begun.append(ReplayHandler(self._calls, self._secrets, recorder))
            return begun[0]

        return interpreter.with_middleware(between), begun[0]

    @asynccontextmanager
    async def open_live_session(self, interpreter: Any, live: Live[T]) -> AsyncGenerator["Session[T]"]:
        """Hold a session: replay it, or have the interpreter open one, which is written down when it is over."""
        from genai_fn.testing.recordings import live_sessions  # noqa: PLC0415  # loads anyio

        asked = record_live(live, self._secrets)
        found = self._calls.take_call(asked)
        if found is not None or self._file is None:
            async with live_sessions.replay_session(found, live, self._calls.describe_nearest(asked)) as session:
                yield session
            return
        number, overheard = self._file.assign_number(), list[live_sessions.RecordingConnector]()

        def wired(wiring: "Connector") -> "Connector":
            overheard.append(live_sessions.RecordingConnector(wiring))
            return overheard[-1]

        try:
            async with interpreter.with_middleware(live_middleware=wired).live(live) as session:
                yield session
        finally:
            said = tuple(each for heard in overheard for each in heard.events)
            if said:
                self._file.write_call(scrub_call(replace(asked, number=number, live=said), self._secrets))


def _is_service_error(error: GenaiError) -> bool:
    return not isinstance(error, NoAnswer)


def _is_permanent(error: GenaiError) -> bool:
    return not isinstance(error, NoAnswer | TransportError | AuthError | RateLimited | ServerError)


class Recording:
    """Runs actions by way of a file; made by `recording`, and safe to share between threads."""

    def __init__(self, owned: Any, base: Any, take: _RecordingSession) -> None:
        self._owned = owned
        self._base = base
        self._session = take

    def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        run, playing = self._session.begin_run(self._base)
        try:
            result: Result[T, GenaiError] = run(action)
            return result
        finally:
            playing.finish()

    def stream(self, stream: Stream[T]) -> "RecordedItems[T]":
        """Read a stream; it is recorded once it is at its end, or left."""
        run, playing = self._session.begin_run(self._base)
        return RecordedItems(run.stream(stream), playing)

    def close(self) -> None:
        """Close the interpreter."""
        close = getattr(self._owned, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class InProcessRecording(Recording):
    """A `Recording` of an interpreter in this process, which can be awaited as well."""

    @property
    def aio(self) -> "AsyncRecording":
        """The same one, to be awaited on asyncio or trio."""
        return AsyncRecording(self._owned.aio, self._base.aio, self._session)


class RecordedItems(Generic[T]):
    """The items of a stream as they come, each a ``Result``."""

    def __init__(self, items: Any, playing: ReplayHandler) -> None:
        self._items = items
        self._handler = playing

    def __iter__(self) -> Iterator[Result[T, GenaiError]]:
        return self

    def __next__(self) -> Result[T, GenaiError]:
        try:
            item: Result[T, GenaiError] = next(self._items)
        except BaseException:  # the end, or what a function of the caller's raised: nothing follows
            self._handler.finish()
            raise
        return item

    def close(self) -> None:
        """Close the stream, from any thread."""
        self._items.close()
        self._handler.finish()

    def __enter__(self) -> Self:
        self._items.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._items.__exit__(kind, error, trace)
        finally:
            self._handler.finish()


class AsyncRecording:
    """Runs actions by way of a file, in the calling task, on asyncio or trio; made by `recording`."""

    def __init__(self, owned: Any, base: Any, take: _RecordingSession) -> None:
        self._owned = owned
        self._base = base
        self._session = take

    async def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        """Run an action to its end."""
        run, playing = self._session.begin_run(self._base)
        try:
            result: Result[T, GenaiError] = await run(action)
            return result
        finally:
            playing.finish()

    def stream(self, stream: Stream[T]) -> "AsyncRecordedItems[T]":
        """Read a stream; it is recorded once it is at its end, or left."""
        run, playing = self._session.begin_run(self._base)
        return AsyncRecordedItems(run.stream(stream), playing)

    def live(self, live: Live[T]) -> "AbstractAsyncContextManager[Session[T]]":
        """Hold a live session; it is recorded when it is over."""
        check_live(live)
        return self._session.open_live_session(self._base, live)

    async def aclose(self) -> None:
        """Close the interpreter."""
        close = getattr(self._owned, "aclose", None)
        if close is not None:
            await close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class AsyncRecordedItems(Generic[T]):
    """The items of a stream as they come, each a ``Result``."""

    def __init__(self, items: Any, playing: ReplayHandler) -> None:
        self._items = items
        self._handler = playing

    def __aiter__(self) -> AsyncIterator[Result[T, GenaiError]]:
        return self

    async def __anext__(self) -> Result[T, GenaiError]:
        try:
            item: Result[T, GenaiError] = await anext(self._items)
        except BaseException:  # the end, a cancelled read, or what a function of the caller's raised: nothing follows
            self._handler.finish()
            raise
        return item

    def close(self) -> None:
        """Close the stream, from any task or thread."""
        self._items.close()
        self._handler.finish()

    async def aclose(self) -> None:
        """Close the stream, and be done."""
        try:
            await self._items.aclose()
        finally:
            self._handler.finish()

    async def __aenter__(self) -> Self:
        await self._items.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._items.__aexit__(kind, error, trace)
        finally:
            self._handler.finish()
