"""Pure functions that decide from the error and the policy whether and when a request is retried."""

from genai_fn.errors import APIError, Closed, ConnectError, Disconnected, GenaiError, TimedOut
from genai_fn.options import Retry

_DEFAULT_POLICY = Retry()


def is_retryable(error: GenaiError, policy: Retry = _DEFAULT_POLICY, *, repeatable: bool) -> bool:
    """
    Return whether to retry a request: its error may be temporary, and the request is repeatable or was not sent.

    >>> is_retryable(APIError(503), repeatable=True), is_retryable(APIError(503), repeatable=False)
    (True, False)
    """
    match error:
        case APIError(code=code):
            return repeatable and code in policy.status_codes
        case Closed():
            return False
        case TimedOut(phase=phase) if phase != "connect":
            return False  # the caller's own time limit
        case ConnectError() | Disconnected() | TimedOut():
            return repeatable or not error.sent
        case _:
            return False


def compute_delay(error: GenaiError, attempt: int, policy: Retry, chance: float) -> float | None:
    """
    Return the seconds to wait after attempt number `attempt`, counted from 1; None if no attempts are left.

    The wait is the one that the server advises, or else exponential backoff with jitter, for which `chance` is a random
    number from 0 up to 1.

    >>> compute_delay(APIError(503), 2, Retry(), 0.5), compute_delay(APIError(503), 2, Retry(jitter=0.5), 0.5)
    (1.0, 1.5)
    >>> compute_delay(APIError(429, headers=(("retry-after", "7"),)), 1, Retry(), 0.5)
    7.0
    """
    if attempt >= policy.attempts:
        return None
    advised = error.retry_after if isinstance(error, APIError) else None
    if advised is not None:
        return advised
    longest: float = min(policy.max_delay, policy.initial_delay * _power(policy.multiplier, attempt - 1))
    return longest * (1.0 - policy.jitter) + longest * policy.jitter * chance


def _power(multiplier: float, exponent: int) -> float:
    try:
        return multiplier**exponent
    except OverflowError:
        return float("inf")


def is_stale_connection(error: GenaiError, *, reused: bool, repeatable: bool) -> bool:
    """
    Return whether a repeatable request failed because its reused connection was closed.

    Such a request is sent again immediately on a new connection; this does not count as an attempt.
    """
    return reused and repeatable and isinstance(error, Disconnected)
