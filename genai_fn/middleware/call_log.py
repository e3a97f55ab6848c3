"""Logs each call by the standard library's ``logging``: one line without secrets and contents."""

import logging
from functools import partial
from typing import Any

from genai_fn.effects import EffectFailed, OpenResponse
from genai_fn.errors import APIError, InvalidRequest
from genai_fn.interpreters.middleware import SeveralSeams
from genai_fn.middleware.observers import CallObserver, ObservedCall, ObservedConnector, ObservingHandler
from genai_fn.request import Live
from genai_fn.values import Value


def logged(
    logger: logging.Logger | str = "genai_fn",
    *,
    level: int = logging.INFO,
    attempt_level: int = logging.DEBUG,
    failure_level: int = logging.WARNING,
) -> SeveralSeams:
    """
    Log one line for each call: operation, model, finish reason, duration, tokens, and attempts.

    Contents, credentials, URLs and the texts of errors are left out. Each record has the same as fields, which begin
    with ``genai_``. The connections of live sessions have one line when they are opened, and one when they are closed.

    Args:
        logger: The logger, or its name.

        level: Level of calls that succeed, and of streams that are left early.

        attempt_level: Level of the attempts of a call.

        failure_level: Level of calls that fail or are cancelled.

    Raises:
        InvalidRequest: If the logger or a level has another type.

    >>> import sys
    >>> from genai_fn import Offline, generate, text
    >>> logger = logging.getLogger("example")
    >>> logger.addHandler(logging.StreamHandler(sys.stdout))
    >>> logger.setLevel(logging.INFO)
    >>> run = Offline().with_middleware(logged(logger))
    >>> _ = run(generate("gemini-2.5-flash", "hi") | text)
    generate gemini-2.5-flash: STOP in 0.00 s, 1 tokens in, 27 out
    """
    if isinstance(logger, str):
        logger = logging.getLogger(logger)
    if not isinstance(logger, logging.Logger):  # pyright: ignore[reportUnnecessaryIsInstance]  # it may be a LoggerAdapter
        raise InvalidRequest("logged.logger", logger, "a logging.Logger or its name")
    for name, value in (("level", level), ("attempt_level", attempt_level), ("failure_level", failure_level)):
        if not isinstance(value, int) or isinstance(value, bool):  # pyright: ignore[reportUnnecessaryIsInstance]  # it may be a name
            raise InvalidRequest(f"logged.{name}", value, "a level, such as logging.INFO")
    observer = _CallLogger(logger, level, attempt_level, failure_level)
    return SeveralSeams(
        handler=partial(ObservingHandler, observer=observer),
        session=partial(ObservedConnector, observer=observer),
        name=f"logged({logger.name!r}, {level=}, {attempt_level=}, {failure_level=})",
    )


class _CallLogger(CallObserver, Value):
    """Logs each attempt and each call at its end, as one line."""

    logger: logging.Logger
    level: int
    attempt_level: int
    failure_level: int

    def end_attempt(self, call: ObservedCall, outcome: OpenResponse | EffectFailed) -> None:
        """Log an attempt."""
        if self.logger.isEnabledFor(self.attempt_level):
            shown = (
                _describe_error(outcome.error) if isinstance(outcome, EffectFailed) else f"HTTP status {outcome.status}"
            )
            self._log(self.attempt_level, f"{_describe_target(call)}: attempt {call.attempts}: {shown}", call)

    def add_item(self, call: ObservedCall) -> None:
        """Log that a live session was opened, which its first message says."""
        if isinstance(call.request, Live) and call.item_count == 1:
            self._log(self.level, f"{_describe_target(call)}: opened", call)

    def end_call(self, call: ObservedCall) -> None:
        """Log a call."""
        is_failure = call.error is not None or (call.is_left and not call.is_stream)
        level = self.failure_level if is_failure else self.level
        if self.logger.isEnabledFor(level):
            self._log(level, f"{_describe_target(call)}: {_describe_outcome(call)}", call)

    def _log(self, level: int, message: str, call: ObservedCall) -> None:
        self.logger.log(level, "%s", message, extra=_build_fields(call))


def _describe_target(call: ObservedCall) -> str:
    return " ".join(filter(None, (call.operation, call.model)))


def _describe_outcome(call: ObservedCall) -> str:
    """Describe how a call ended, how long it took, and what it used."""
    end = _get_end(call)
    parts = [f"{end} in {call.duration:.2f} s"]
    if call.usage is not None:
        parts.append(f"{call.usage.input_tokens} tokens in, {call.usage.output_tokens} out")
        parts += [
            f"{count} {name}" for count, name in ((call.usage.images, "images"), (call.usage.videos, "videos")) if count
        ]
    if call.is_stream:
        parts.append(f"{call.item_count} {'messages' if isinstance(call.request, Live) else 'chunks'}")
    if call.attempts > 1:
        parts.append(f"{call.attempts} attempts")
    return ", ".join(parts)


def _get_end(call: ObservedCall) -> str:
    if call.error is not None:
        return f"failed ({_describe_error(call.error)})"
    if call.is_left:
        return "left early" if call.is_stream else "cancelled"
    if isinstance(call.request, Live):
        return "closed"
    return ", ".join(map(_escape, call.finish_reasons)) or "succeeded"


def _describe_error(error: BaseException) -> str:
    """Return the type of an error, and of one of the server its code: a text might repeat contents."""
    name = type(error).__name__
    return f"{name} {error.code} {_escape(error.status)}".rstrip() if isinstance(error, APIError) else name


def _escape(text: str) -> str:
    """Escape the text of a server, unless it is printable, so that it stays on the line of its call."""
    return text if text.isprintable() else repr(text)


def _build_fields(call: ObservedCall) -> dict[str, Any]:
    usage, error = call.usage, call.error
    return {
        "genai_operation": call.operation,
        "genai_model": call.model,
        "genai_is_stream": call.is_stream,
        "genai_duration": call.duration,
        "genai_time_to_first_item": call.first_item,
        "genai_attempts": call.attempts,
        "genai_status": call.status,
        "genai_finish_reasons": call.finish_reasons,
        "genai_error": None if error is None else type(error).__name__,
        "genai_error_code": error.code if isinstance(error, APIError) else None,
        "genai_input_tokens": None if usage is None else usage.input_tokens,
        "genai_output_tokens": None if usage is None else usage.output_tokens,
        "genai_cached_tokens": None if usage is None else usage.cached_tokens,
        "genai_is_left": call.is_left,
    }
