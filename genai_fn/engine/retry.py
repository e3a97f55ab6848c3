"""
Pure functions that decide from an error whether and when a request is retried, and whether all requests would fail.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from genai_fn.errors import (
    APIError,
    AsyncOnly,
    AuthError,
    BudgetExceeded,
    CertificateError,
    Closed,
    ConnectError,
    Disconnected,
    EmbeddingFailed,
    GenaiError,
    MissingExtra,
    QuotaExceeded,
    RateLimited,
    TimedOut,
    Unsupported,
)
from genai_fn.options import Retry

_DEFAULT_POLICY = Retry()


def is_retryable(error: GenaiError, policy: Retry = _DEFAULT_POLICY, *, repeatable: bool) -> bool:
    """
    Return whether to retry a request: its error may be temporary, and the request is repeatable or was not sent.

    >>> is_retryable(APIError(503), repeatable=True), is_retryable(APIError(503), repeatable=False)
    (True, False)
    """
    match error:
        case RateLimited() if _is_quota_exhausted(error):
            return False
        case APIError(code=code):
            return repeatable and code in policy.status_codes
        case Closed() | CertificateError():
            return False
        case TimedOut(phase=phase) if phase != "connect":
            return False  # the caller's own time limit
        case ConnectError() | Disconnected() | TimedOut():
            return repeatable or not error.sent
        case _:
            return False


def is_fatal_error(error: GenaiError) -> bool:
    """
    Return whether any other request to the same model would fail with such an error, too, now and later.

    These are credentials that are missing or refused (401, 403, and 400 for an invalid key), a model that does not
    exist (404), missing billing or an unsupported location (402, 400 ``FAILED_PRECONDITION``), a quota for a day or of
    zero (429, or a limit of the middleware), a spent budget, a method or a field that the backend does not have,
    an invalid certificate, a closed interpreter, a missing package, and what needs an async interpreter.

    >>> is_fatal_error(APIError(401)), is_fatal_error(APIError(503)), is_fatal_error(APIError(400, "INVALID_ARGUMENT"))
    (True, False, False)
    """
    match error:
        case EmbeddingFailed():
            return is_fatal_error(error.error)
        case RateLimited():
            return _is_quota_exhausted(error)
        case QuotaExceeded():
            return error.retry_after is not None  # else the request alone is too large
        case APIError(code=400):
            return error.status == "FAILED_PRECONDITION" or any("API_KEY" in str(detail) for detail in error.details)
        case APIError(code=code):
            return code in _FATAL_STATUS_CODES
        case Unsupported(paths=paths):
            return not all(re.match(_CONTENTS_PATH, each) for each in paths)
        case _:
            return isinstance(error, _FATAL_ERRORS)


_FATAL_STATUS_CODES = (401, 402, 403, 404, 405, 501)
_FATAL_ERRORS = (AsyncOnly, AuthError, BudgetExceeded, CertificateError, Closed, MissingExtra)
_CONTENTS_PATH = r"contents\b"  # compiled at its first use
"""Other contents may be supported, but no request with the same config."""


def _is_quota_exhausted(error: RateLimited) -> bool:
    """Whether the quota is one for a day or one of zero, so that no retry can succeed."""
    is_daily = any("perday" in str(each.get("quotaId", "")).lower() for each in iterate_quota_violations(error))
    return is_daily or is_quota_zero(error)


def is_quota_zero(error: RateLimited) -> bool:
    """Return whether a request has exceeded a quota of zero, such as one of a model that needs billing."""
    is_zero = any(str(each.get("quotaValue")) == "0" for each in iterate_quota_violations(error))
    return is_zero or re.search(_ZERO_LIMIT, error.message) is not None


_ZERO_LIMIT = r"\blimit: 0(?![.\d])"  # compiled at its first use
"""As in ``Quota exceeded for metric: …, limit: 0``; JSON of protobuf may omit a ``quotaValue`` of zero."""


def iterate_quota_violations(error: RateLimited) -> Iterator[Mapping[str, Any]]:
    """Iterate over the violations in the details of type ``google.rpc.QuotaFailure``."""
    for detail in error.details:
        fields: Mapping[str, Any] = cast("Any", detail) if isinstance(detail, Mapping) else {}
        violations = fields.get("violations")
        if str(fields.get("@type", "")).endswith("google.rpc.QuotaFailure") and isinstance(violations, list | tuple):
            yield from (each for each in cast("tuple[Any, ...]", violations) if isinstance(each, Mapping))


def compute_delay(error: GenaiError, attempt: int, policy: Retry, chance: float) -> float | None:
    """
    Return the seconds to wait after attempt number `attempt`, counted from 1; None if no attempts are left.

    It is exponential backoff with jitter, for which `chance` is a random number from 0 up to 1. If the server advises a
    wait, that replaces the fixed part of the backoff, with a minimum of 0.1 s and no maximum; the random part is added,
    so that callers do not return all at once.

    >>> compute_delay(APIError(503), 2, Retry(), 0.5), compute_delay(APIError(503), 2, Retry(jitter=0.5), 0.5)
    (1.0, 1.5)
    >>> compute_delay(APIError(429, headers=(("retry-after", "7"),)), 1, Retry(), 0.5)
    7.5
    """
    if attempt >= policy.attempts:
        return None
    longest: float = min(policy.max_delay, policy.initial_delay * _power(policy.multiplier, attempt - 1))
    advised = error.retry_after if isinstance(error, APIError) else None
    shortest = longest * (1.0 - policy.jitter) if advised is None else max(advised, _MIN_ADVISED_DELAY)
    return shortest + longest * policy.jitter * chance


_MIN_ADVISED_DELAY = 0.1  # seconds; some servers advise 0


def _power(multiplier: float, exponent: int) -> float:
    try:
        return multiplier**exponent
    except OverflowError:
        return float("inf")


def is_unauthenticated(error: GenaiError) -> bool:
    """Return whether the server has refused the credential: a token may have been revoked before its expiry."""
    return isinstance(error, APIError) and error.code == _UNAUTHENTICATED


_UNAUTHENTICATED = 401


def is_stale_connection(error: GenaiError, *, reused: bool, repeatable: bool) -> bool:
    """
    Return whether a repeatable request failed because its reused connection was closed.

    Such a request is sent again immediately on a new connection; this does not count as an attempt.
    """
    return reused and repeatable and isinstance(error, Disconnected)
