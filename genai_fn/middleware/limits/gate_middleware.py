"""What both kinds of limits share: one gate for each process, and functions that count requests."""

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

from genai_fn.engine.handler import RequestHandler
from genai_fn.errors import InvalidRequest
from genai_fn.middleware.forked_state import ForkedState
from genai_fn.middleware.limits.attempts import GatedHandler
from genai_fn.middleware.limits.gate import Gate
from genai_fn.middleware.limits.tickets import Cost
from genai_fn.request import Request
from genai_fn.values import Value

S = TypeVar("S", bound=Value)
G = TypeVar("G", bound=Gate)

RequestCounter: TypeAlias = Callable[[Request[Any]], int]
"""Function that counts something in a request, such as its tokens."""


class GateMiddleware(ForkedState, Generic[S, G]):
    """Middleware with a gate that all interpreters share which have it. Pickling and forking start with a new gate."""

    def __init__(self, settings: S) -> None:
        self._settings = settings
        self._gate: G = self._build_gate()
        super().__init__()  # from here on a fork renews it

    def __call__(self, inner: RequestHandler) -> GatedHandler:
        return GatedHandler(inner, self.get_gate, self._compute_cost)

    def __reduce__(self) -> Any:
        return type(self), (self._settings,)

    def get_gate(self) -> G:
        """Return the gate of this process."""
        return self._gate

    def renew_state(self) -> None:
        """Replace the gate, in a forked process."""
        self._gate = self._build_gate()

    def _format_settings(self) -> str:
        pairs = ((name, getattr(self._settings, name)) for name in self._settings.__struct_fields__)
        return ", ".join(f"{name}={value!r}" for name, value in pairs if value is not None)

    def _build_gate(self) -> G:
        raise NotImplementedError

    def _compute_cost(self, request: Request[Any]) -> Cost | None:
        raise NotImplementedError


def check_counter(name: str, count: RequestCounter | None, default: RequestCounter) -> RequestCounter:
    """Return the function of a user that counts, with a check of what it returns; `default` if there is none."""
    if count is not None and not callable(count):
        raise InvalidRequest(name, count, "a function of a request that returns a number, or None")
    return default if count is None else partial(_call_counter, name, count)


def _call_counter(name: str, count: RequestCounter, request: Request[Any]) -> int:
    """Call the function of a user that counts; raises `InvalidRequest` unless it returns a whole number above -1."""
    number = count(request)
    if not isinstance(number, int) or number < 0:  # pyright: ignore[reportUnnecessaryIsInstance]  # a user function may return anything
        raise InvalidRequest(name, number, "a function that returns a whole number of at least 0")
    return int(number)


def get_model(request: Request[Any]) -> str | None:
    """Return the model of a request, if it has one."""
    model: str | None = getattr(request.operation, "model", None)
    return model
