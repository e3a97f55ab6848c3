"""The events of one call, which the engine builds only if the interpreter has a listener."""

from itertools import count
from typing import Any

from returns.result import Failure, Result, Success

from genai_fn.effects import Effects, GetTime, Notify
from genai_fn.errors import GenaiError
from genai_fn.events import Completed, Failed, Responded, Retrying, Sending
from genai_fn.http import HttpRequest
from genai_fn.request import Operation
from genai_fn.schema.usage import Usage, get_usage


class CallEvents:
    """Notifies the listener of what happens to one call. Nothing is notified before the first request is sent."""

    __slots__ = (
        *("_attempt", "_attempt_start", "_call_id", "_first_item", "_is_over"),
        *("_model", "_operation", "_request", "_start", "_status", "_usage"),
    )

    def __init__(self, operation: Operation[Any], now: float) -> None:
        model: object = getattr(operation, "model", None)
        self._operation = operation.op
        self._model = model if isinstance(model, str) else None
        self._call_id = next(_CALL_IDS)
        self._start = self._attempt_start = now
        self._attempt = self._status = 0
        self._request: HttpRequest | None = None
        self._usage: Usage | None = None
        self._first_item: float | None = None
        self._is_over = False

    def start_attempt(self, request: HttpRequest, attempt: int) -> Effects[None]:
        """Notify that an attempt starts. The request contains no credential."""
        self._request, self._attempt = request, attempt
        self._attempt_start = yield GetTime()
        yield Notify(Sending(request, attempt, self._call_id, self._operation, self._model))

    def add_response(self, status: int) -> Effects[None]:
        """Notify that the head of a response has arrived."""
        if self._request is not None:
            self._status, now = status, (yield GetTime())
            duration = now - self._attempt_start
            yield Notify(Responded(self._request, status, self._call_id, self._attempt, duration))

    def end_attempt(self, error: GenaiError, wait: float | None) -> Effects[None]:
        """Notify that an attempt has failed, and that the next one starts after a wait, or none if it is None."""
        if self._request is None:
            return
        now: float = yield GetTime()
        if wait is None:
            self._is_over = True
            yield Notify(Failed(self._request, error, self._call_id, self._attempt, now - self._start))
        else:
            duration = now - self._attempt_start
            yield Notify(Retrying(self._request, error, wait, self._call_id, self._attempt, duration))

    def complete(self, value: object) -> Effects[None]:
        """Notify that a whole response was read and decoded."""
        self._usage = get_usage(value)
        yield from self._complete()

    def open_stream(self) -> Effects[None]:
        """Record when the first item of a stream has arrived."""
        self._first_item = (yield GetTime()) - self._start

    def follow_items(self, items: list[Result[Any, GenaiError]]) -> Effects[None]:
        """Record the usage of the next items of a stream; notify its end, where there are none, or its failure."""
        for item in items:
            if isinstance(item, Success):
                self._usage = get_usage(item.unwrap()) or self._usage
        if items and isinstance(items[-1], Failure):
            yield from self.end_attempt(items[-1].failure(), None)
        elif not items and not self._is_over:
            yield from self._complete()

    def _complete(self) -> Effects[None]:
        self._is_over = True
        if self._request is not None:
            now: float = yield GetTime()
            ending = (self._call_id, self._attempt, now - self._start, self._usage, self._first_item)
            yield Notify(Completed(self._request, self._status, *ending))


_CALL_IDS = count(1)
