"""Helpers for tests of `fallback`: requests, backends, and a log of the targets that requests reach."""

from collections.abc import Callable
from typing import Any

from genai_fn import Gemini, Vertex, generate
from genai_fn.middleware import HandlerWrapper

__all__ = ["EUROPE", "HI", "KEYS", "LogTo", "fail_at"]

HI = generate("a", "hi")
KEYS = Gemini("test-key-1"), Gemini("test-key-2")
EUROPE = Vertex("project", "europe-west1", api_key="test-key-3")


class Log(HandlerWrapper):
    """Records the model and the backend of each request that reaches the interpreter."""

    def __init__(self, inner: Any, sent: list[Any]) -> None:
        super().__init__(inner)
        self.sent = sent

    def _record(self, request: Any) -> None:
        self.sent.append((request.operation.model, request.options.backend))

    def handle(self, request: Any, until: float) -> Any:
        self._record(request)
        return self.inner.handle(request, until)

    def open_stream(self, request: Any, until: float) -> Any:
        self._record(request)
        return self.inner.open_stream(request, until)


class LogTo:
    """Middleware that records into a list."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def __call__(self, inner: Any) -> Log:
        return Log(inner, self.sent)

    @property
    def models(self) -> str:
        return "".join(model for model, _ in self.sent)


def fail_at(errors: dict[str, Any]) -> Callable[[Any], Any]:
    """Return the answer of a fake: the error of a model, or its name."""
    return lambda request: errors.get(request.operation.model, request.operation.model)
