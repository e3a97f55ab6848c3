"""Replays recordings: a request handler that returns recorded results, and the interpreter `Replay`."""

import warnings
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from returns.result import Failure, Result

from genai_fn.effects import Effects
from genai_fn.engine.virtual_time import VirtualClock
from genai_fn.errors import GenaiError, InvalidRequest, NoAnswer
from genai_fn.interpreters.in_process import InProcessRunner, make_async_memory_executor, make_memory_executor
from genai_fn.interpreters.middleware import ConnectorMiddleware
from genai_fn.interpreters.runner import RunnerParts
from genai_fn.ops.files.upload_flow import HasPath, read_path
from genai_fn.request import Live, Request
from genai_fn.testing.canned_answers import open_items
from genai_fn.testing.recordings.calls import RecordedCalls
from genai_fn.testing.recordings.file import read_calls
from genai_fn.testing.recordings.foreign.formats import read_foreign_recording
from genai_fn.testing.recordings.foreign.replay import ForeignReplayHandler
from genai_fn.testing.recordings.recorder import RecordedStream, Recorder
from genai_fn.testing.recordings.scrub import KnownSecrets
from genai_fn.testing.recordings.serialize import RecordedCall, has_masked_url, record_live, record_request

if TYPE_CHECKING:
    from genai_fn.engine.handler import RequestHandler
    from genai_fn.interpreters.live.session import Session  # loaded with anyio, at the first use


T = TypeVar("T")


class Replay(InProcessRunner):
    """
    Returns the results of a recording, without a network and in virtual time, like a `Fake`.

    The recording is one of this library, of google-genai (a replay file) or of vcrpy (a cassette in YAML or JSON); its
    content shows which. Cassettes in YAML need the extra ``yaml``.

    The result of a request that was not recorded is ``Failure(NoAnswer)``, whose ``nearest`` shows how it differs from
    the most similar recorded one. `aio` is the same interpreter for async code.

    Args:
        path: A file that `recording`, google-genai or vcrpy has written.

        in_order: If True, requests must be sent in the recorded order, without gaps. If False, a request gets the
            results that were recorded for equal requests: one after another, then the last one again and again.

    Raises:
        InvalidRequest: If the file cannot be read, or is not a recording. The error names the line.

        MissingExtra: If the file is in YAML, and PyYAML is not installed.

    >>> import tempfile
    >>> from genai_fn import generate, text
    >>> from genai_fn.testing import Fake, recording
    >>> question = generate("gemini-2.5-flash", "hi") | text
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     recorded = recording(Fake({"generate": "hello"}), f"{folder}/hi.jsonl")(question)
    ...     run = Replay(f"{folder}/hi.jsonl")
    >>> run(question)
    <Success: hello>
    >>> run(generate("gemini-2.5-flash", "who?") | text)
    <Failure: no answer to generate...>
    """

    def __init__(self, path: str | HasPath, *, in_order: bool = False) -> None:
        self._path = Path(read_path(path, "path"))
        foreign, secrets = read_foreign_recording(self._path), KnownSecrets()
        handler: RequestHandler
        if foreign is None:
            calls = load_recording(self._path, in_order=in_order)
            handler = ReplayHandler(calls, secrets)
        else:  # no other program records live sessions
            calls = RecordedCalls(name=foreign.name)
            handler = ForeignReplayHandler(foreign, in_order=in_order)
        parts = RunnerParts(
            handler=handler,
            make_clock=VirtualClock,
            build_session=partial(_replay_session, calls, secrets),
        )
        super().__init__(parts, make_memory_executor, make_async_memory_executor)

    def __repr__(self) -> str:
        return f"Replay({str(self._path)!r})"


def _replay_session(
    calls: RecordedCalls, secrets: KnownSecrets, live: Live[T], wrap_connector: ConnectorMiddleware
) -> "Session[T]":
    """Build a session that replays the recorded one; if there is none, it starts with `NoAnswer`."""
    from genai_fn.testing.recordings.live_sessions import replay_session  # noqa: PLC0415  # loads anyio

    call = record_live(live, secrets)
    return replay_session(calls.take_call(call), live, calls.describe_nearest(call), wrap_connector)


def load_recording(path: Path, *, in_order: bool = False) -> RecordedCalls:
    """Load a recording to replay it; warns of an incomplete last line."""
    calls, truncated_bytes = read_calls(path)
    if truncated_bytes:
        warnings.warn(f"{path.name}: ignored an incomplete last line of {truncated_bytes} bytes", stacklevel=3)
    return RecordedCalls(calls, path.name, in_order=in_order, repeat_last=True)


class ReplayHandler:
    """
    A request handler that returns recorded results.

    Args:
        calls: The recording.

        secrets: The credentials to mask in requests before they are compared.

        recorder: Handles and records the requests that the recording does not contain; without one they fail.
    """

    def __init__(self, calls: RecordedCalls, secrets: KnownSecrets, recorder: Recorder | None = None) -> None:
        self._calls = calls
        self._secrets = secrets
        self._recorder = recorder

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Return the recorded result of one request."""
        call = yield from record_request(request, self._secrets, in_chunks=False)
        if isinstance(call, InvalidRequest):
            return Failure(call)
        found = self._calls.take_results(call, request)
        if found is not None:
            return found[0]
        if self._recorder is None or has_masked_url(request):
            return self._build_no_answer(call, request)
        return (yield from self._recorder.handle(call, request, until))

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Open a recorded stream; a failure as its first item is the result."""
        call = yield from record_request(request, self._secrets, in_chunks=True)
        if isinstance(call, InvalidRequest):
            return Failure(call)
        found = self._calls.take_results(call, request)
        if found is not None:
            return open_items(found)
        if self._recorder is None or has_masked_url(request):
            return self._build_no_answer(call, request)
        return (yield from self._recorder.open_stream(call, request, until))

    def read_items(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Return the next item of a stream."""
        if self._recorder is not None and isinstance(handle, RecordedStream):
            return (yield from self._recorder.read_items(handle))
        return tuple(islice(handle, 1))

    def _build_no_answer(self, call: RecordedCall, request: Request[Any]) -> Result[Any, GenaiError]:
        return Failure(NoAnswer(request, self._calls.describe_nearest(call)))
