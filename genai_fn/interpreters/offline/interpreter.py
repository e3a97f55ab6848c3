"""The offline interpreter: calls the emulated API in this process, in virtual time."""

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from genai_fn.backend import Backend, Gemini, check_backend
from genai_fn.emulator import EmulatorState
from genai_fn.engine.handler import HttpHandler
from genai_fn.interpreters.executors.sync_executor import SyncExecutor
from genai_fn.interpreters.in_process import InProcessRunner
from genai_fn.interpreters.middleware import ConnectorMiddleware
from genai_fn.interpreters.offline.script_files import ScriptSource, read_script
from genai_fn.interpreters.offline.service import (
    OFFLINE_TOKEN_CACHES,
    OfflineService,
    OfflineTransport,
    add_offline_key,
)
from genai_fn.interpreters.runner import RunnerParts
from genai_fn.request import Live

if TYPE_CHECKING:
    from genai_fn.interpreters.executors.async_executor import AsyncExecutor  # loaded with anyio, at the first use
    from genai_fn.interpreters.live.session import Session


T = TypeVar("T")


class Offline(InProcessRunner):
    """
    Runs actions against an emulated API in this process: no network, no key, and the same answers to the same calls.

    Its model describes what it was sent; files, caches, batches and all other resources exist as long as this object.
    Time is virtual: it starts with the year 2026, and sleeping advances it without waiting. `aio` is the same one for
    async code.

    Args:
        backend: The API to emulate, Gemini Developer API or Vertex AI; None is ``Gemini()``.

        script: What the model answers, instead of describing what it was sent: steps, the path of a JSON file, or a
            function (``docs/emulator-scripts.md``). A ``delay`` passes in virtual time, so that a long one exceeds a
            timeout. Its pauses take no time, and it drops no connection.

    Raises:
        InvalidRequest: If the backend is none, or the script does not fit; the error names the place.

        OSError: If the file cannot be read.

    >>> from genai_fn import generate, text
    >>> run = Offline()
    >>> run(generate("gemini-2.5-flash", "hi") | text) == run(generate("gemini-2.5-flash", "hi") | text)
    True
    """

    def __init__(self, backend: Backend | None = None, *, script: ScriptSource | None = None) -> None:
        check_backend(backend, "Gemini()")
        parsed = None if script is None else read_script(script)
        self._service = OfflineService(add_offline_key(backend or Gemini()), EmulatorState().with_script(parsed))
        parts = RunnerParts(
            handler=HttpHandler(backend=self._service.backend, adapt_backend=add_offline_key, is_emulated=True),
            has_transport=True,
            make_clock=self._service.make_clock,
            build_session=partial(_build_session, self._service),
        )
        super().__init__(parts, partial(_make_executor, self._service), partial(_make_async_executor, self._service))


def _make_executor(service: "OfflineService") -> SyncExecutor:
    return SyncExecutor(OfflineTransport(service), OFFLINE_TOKEN_CACHES, None)


def _make_async_executor(service: "OfflineService") -> "AsyncExecutor":
    from genai_fn.interpreters.executors.async_executor import AsyncExecutor  # noqa: PLC0415  # loads anyio
    from genai_fn.interpreters.offline.async_transport import AsyncOfflineTransport  # noqa: PLC0415  # loads anyio

    return AsyncExecutor(AsyncOfflineTransport(service), OFFLINE_TOKEN_CACHES, None)


def _build_session(service: "OfflineService", live: Live[T], wrap_connector: ConnectorMiddleware) -> "Session[T]":
    from genai_fn.interpreters.offline.live import build_session  # noqa: PLC0415  # loads anyio

    return build_session(service, live, wrap_connector)
