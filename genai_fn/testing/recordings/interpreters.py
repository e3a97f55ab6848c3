"""`recording`: middleware that records the requests of an interpreter with their results, or replays a recording."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, get_args

from msgspec.structs import replace

from genai_fn.engine.handler import RequestHandler
from genai_fn.engine.virtual_time import VirtualClock
from genai_fn.errors import AuthError, InvalidRequest, NoAnswer, RateLimited, ServerError, TransportError
from genai_fn.interpreters.middleware import ConnectorMiddleware, HandlerWrapper, identity
from genai_fn.interpreters.runner import Runner, RunnerParts, SessionBuilder
from genai_fn.ops.files.upload_flow import HasPath, read_path
from genai_fn.request import Live
from genai_fn.testing.recordings.calls import RecordedCalls
from genai_fn.testing.recordings.file import RecordingFile, create_recording_file, open_recording_file
from genai_fn.testing.recordings.recorder import Recorder
from genai_fn.testing.recordings.replay import ReplayHandler, load_recording
from genai_fn.testing.recordings.scrub import KnownSecrets
from genai_fn.testing.recordings.serialize import RecordedCall, record_live, scrub_call

if TYPE_CHECKING:
    from genai_fn.backend import Credential
    from genai_fn.interpreters.live.session import Session  # loaded with anyio, at the first use
    from genai_fn.interpreters.live.sockets import Connector
    from genai_fn.testing.recordings.live_sessions import RecordingConnector


T = TypeVar("T")
R = TypeVar("R", bound=Runner[Any])

RecordingMode: TypeAlias = Literal["record", "replay", "auto"]


def recording(interpreter: R, path: str | HasPath, mode: RecordingMode = "record") -> R:
    """
    Return a copy of an interpreter that records its requests and their results in a file, or replays the file.

    A line of JSON contains a request and its typed result; each request of a flow has a line, and a stream has one with
    all its chunks. Recordings contain no credentials. `Replay` replays the same file.

    Args:
        interpreter: An `Http`, an ``AsyncHttp``, an `Offline`, a `Fake`, or the ``.aio`` of one. It shares its
            connections with the copy, so that closing either closes both.

        path: The file, in an existing folder.

        mode: ``"record"`` runs every request and overwrites the file. ``"replay"`` runs none: it returns
            ``Failure(NoAnswer)`` for a request that is not in the file, and time is virtual. ``"auto"`` returns each
            result in the file once, and runs and appends requests that are not in it. It does not append network,
            server, rate-limit and authentication errors, which may succeed the next time.

    Raises:
        InvalidRequest: If `interpreter` or `mode` is invalid, or the file cannot be read or written.

    >>> import tempfile
    >>> from genai_fn import generate, text
    >>> from genai_fn.testing import Fake
    >>> question = generate("gemini-2.5-flash", "hi") | text
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     recording(Fake({"generate": "hello"}), f"{folder}/hi.jsonl")(question)
    ...     recording(Fake(), f"{folder}/hi.jsonl", "replay")(question)
    <Success: hello>
    <Success: hello>
    """
    if mode not in get_args(RecordingMode):
        raise InvalidRequest("mode", mode, "record, replay or auto")
    if not isinstance(interpreter, Runner):  # pyright: ignore[reportUnnecessaryIsInstance]  # it may be one of another kind
        raise InvalidRequest(
            "interpreter", interpreter, "an Http, an AsyncHttp, an Offline, a Fake, or the .aio of one"
        )
    return interpreter.with_layers(_RecordingLayer(Path(read_path(path, "path")), mode))


class _RecordingLayer:
    """A middleware with one recording. All copies of the interpreter share its file."""

    def __init__(self, path: Path, mode: RecordingMode) -> None:
        self._secrets = KnownSecrets()
        self._unrecorded = (NoAnswer, *_TRANSIENT_ERRORS) if mode == "auto" else (NoAnswer,)
        self._file: RecordingFile | None = None
        if mode == "replay":
            self._calls = load_recording(path)
        elif mode == "record":
            self._file, self._calls = create_recording_file(path), RecordedCalls()
        else:
            self._file, calls = open_recording_file(path)
            self._calls = RecordedCalls(calls, path.name)

    def __call__(self, parts: RunnerParts) -> RunnerParts:
        """Wrap the handler and the live sessions of an interpreter."""
        self._learn_secrets(parts.handler)
        recorder = Recorder(parts.handler, self._file, self._secrets, self._unrecorded) if self._file else None
        build = parts.build_session
        return replace(
            parts,
            handler=ReplayHandler(self._calls, self._secrets, recorder),
            make_clock=VirtualClock if self._file is None else parts.make_clock,
            build_session=None if build is None else partial(self._build_session, build, parts.wrap_connector),
            wrap_connector=identity,
        )

    def _learn_secrets(self, handler: RequestHandler) -> None:
        while isinstance(handler, HandlerWrapper):
            handler = handler.inner
        own: Credential | None = getattr(handler, "own_credential", None)
        self._secrets.learn_from_headers(() if own is None else own.headers.reveal())

    def _build_session(
        self, build: SessionBuilder, wrap_inner: ConnectorMiddleware, live: Live[T], wrap_outer: ConnectorMiddleware
    ) -> "Session[T]":
        """Build a session that replays a recorded one, or one that is written to the file when it ends."""
        from genai_fn.testing.recordings.live_sessions import RecordingConnector, replay_session  # noqa: PLC0415  # loads anyio

        call = record_live(live, self._secrets)
        found = self._calls.take_call(call)
        if found is not None or self._file is None:
            return replay_session(found, live, self._calls.describe_nearest(call), wrap_outer)
        recorders: list[RecordingConnector] = []

        def wrap(connector: "Connector") -> "Connector":
            recorders.append(RecordingConnector(wrap_inner(connector)))
            return wrap_outer(recorders[-1])

        session: Session[T] = build(live, wrap)
        session.call_when_left(
            partial(self._write_session, replace(call, number=self._file.assign_number()), recorders)
        )
        return session

    def _write_session(self, call: RecordedCall, recorders: "list[RecordingConnector]") -> None:
        events = tuple(event for each in recorders for event in each.events)
        if events and self._file is not None:
            self._file.write_call(scrub_call(replace(call, live=events), self._secrets))


_TRANSIENT_ERRORS = (TransportError, AuthError, RateLimited, ServerError)
"""Those that may not occur the next time."""
