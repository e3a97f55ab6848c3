"""Opens the interpreter that the options and the environment select, and reports slow retries."""

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import genai_fn
from genai_fn.cli.backends import find_backend
from genai_fn.cli.terminal import print_message

if TYPE_CHECKING:
    from genai_fn.backend import Backend
    from genai_fn.interpreters.async_http import AsyncHttp
    from genai_fn.interpreters.http import Http
    from genai_fn.interpreters.offline.interpreter import Offline
    from genai_fn.request import Action

__all__ = ["Listener", "RetryReporter", "list_variables", "open_async_interpreter", "open_interpreter", "run_action"]

T = TypeVar("T")

Listener: TypeAlias = Callable[[Any], object]
"""Function that is called with each event of ``genai_fn.events``."""


def open_interpreter(*, vertex: bool, offline: bool, on_event: Listener | None = None) -> "Http | Offline":
    """
    Open an interpreter: over HTTP, or the emulator only if `offline` is set, which does not call `on_event`.

    Raises:
        AuthError: If the environment has no credentials.

        InvalidRequest: If a variable is malformed.
    """
    if offline:
        return _build_offline(vertex=vertex)
    return genai_fn.Http(find_backend(list_variables(vertex=vertex)), on_event=_report_to(on_event))


def run_action(action: "Action[T]", *, vertex: bool, offline: bool) -> T:
    """
    Open an interpreter, run one action, and return its value.

    Raises:
        GenaiError: If it fails, or the environment has no credentials.
    """
    with open_interpreter(vertex=vertex, offline=offline) as run:
        return genai_fn.raise_for(run(action))


def open_async_interpreter(*, vertex: bool, offline: bool) -> "AsyncHttp | Any":
    """Open an interpreter for async code, as `open_interpreter` does."""
    if offline:
        return _build_offline(vertex=vertex).aio
    return genai_fn.AsyncHttp(find_backend(list_variables(vertex=vertex)), on_event=_report_to(None))


def list_variables(*, vertex: bool) -> Mapping[str, str]:
    """Return the environment variables; `vertex` selects Vertex AI, whatever they select."""
    return {**os.environ, "GOOGLE_GENAI_USE_ENTERPRISE": "1"} if vertex else os.environ


def _build_offline(*, vertex: bool) -> "Offline":
    print_message("offline", "the built-in emulator answers.")
    backend: Backend | None = genai_fn.Vertex(api_key="offline") if vertex else None
    return genai_fn.Offline(backend)


def _report_to(listener: Listener | None) -> Listener:
    report = RetryReporter()
    if listener is None:
        return report

    def report_to_both(event: Any) -> None:
        report(event)
        listener(event)

    return report_to_both


class RetryReporter:
    """Prints the retries of requests whose answer takes longer than two seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()

    def __call__(self, event: Any) -> None:
        from genai_fn.events import Retrying, Sending  # noqa: PLC0415  # loaded by the interpreter, which calls this

        if isinstance(event, Sending) and event.attempt == 1:
            self._start = self._clock()
        elif isinstance(event, Retrying) and self._clock() - self._start + event.seconds > _PATIENCE:
            reason = str(event.error).rstrip(".")
            print_message("retry", f"{reason}; the next attempt starts in {event.seconds:.1f} s")


_PATIENCE = 2.0
"""Seconds that a person waits without a word."""
