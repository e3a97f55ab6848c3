"""When to try again, and after how long: pure functions of what went wrong."""

from genai_fn.errors import APIError, Closed, ConnectError, Disconnected, GenaiError, TimedOut
from genai_fn.options import Retry

__all__ = ["compute_delay", "is_retryable", "is_stale_connection"]

_RETRYABLE_STATUS_CODES = frozenset({408, 429, 500, 502, 503, 504})


def is_retryable(error: GenaiError, *, repeatable: bool) -> bool:
    """
    Tell whether the same request may fare better next time, and may be sent a second time.

    >>> is_retryable(APIError(503), repeatable=True), is_retryable(APIError(503), repeatable=False)
    (True, False)
    """
    match error:
        case APIError(code=code):
            return repeatable and code in _RETRYABLE_STATUS_CODES
        case Closed():
            return False
        case TimedOut(phase=phase) if phase != "connect":
            return False  # the deadline itself
        case ConnectError() | Disconnected() | TimedOut():
            return repeatable or not error.sent
        case _:
            return False


def compute_delay(error: GenaiError, attempt: int, policy: Retry, chance: float) -> float | None:
    """
    Say how many seconds to wait after an attempt, the first being 1; None gives up.

    `chance` is evenly drawn from 0 up to 1: the whole delay is left to it, unless the server named one.

    >>> compute_delay(APIError(503), 2, Retry(), 0.5)
    1.0
    >>> compute_delay(APIError(429, headers=(("retry-after", "7"),)), 1, Retry(), 0.5)
    7.0
    """
    if attempt >= policy.attempts:
        return None
    advised = error.retry_after if isinstance(error, APIError) else None
    if advised is not None:
        return advised
    ceiling: float = min(policy.max_delay, policy.initial_delay * 2.0 ** min(attempt - 1, 60))
    return ceiling * chance


def is_stale_connection(error: GenaiError, *, reused: bool, repeatable: bool) -> bool:
    """
    Tell whether a kept-alive connection had died meanwhile: then the request is repeated at once, and it was no
    attempt.
    """
    return reused and repeatable and isinstance(error, Disconnected)
