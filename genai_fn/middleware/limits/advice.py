"""Reads quotas from the errors of a server."""

from collections.abc import Mapping
from typing import Any

from genai_fn.engine.retry import is_quota_zero, iterate_quota_violations
from genai_fn.errors import APIError, RateLimited
from genai_fn.middleware.limits.days import DAY_SECONDS, compute_seconds_to_midnight
from genai_fn.values import Value


class QuotaAdvice(Value, kw_only=True):
    """
    Advice of a server.

    Args:
        delay: Seconds to wait before the next request of anyone.

        exhausted_for: Seconds until an exhausted quota for a day is renewed; 0 if none is exhausted.

        requests_per_minute: The quota of requests, if it was exceeded.

        tokens_per_minute: The quota of tokens, if it was exceeded.
    """

    delay: float = 0.0
    exhausted_for: float = 0.0
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


def read_advice(error: APIError) -> QuotaAdvice | None:
    """
    Read the advice of an error; None if it has none.

    ``retry_after`` does not apply to a quota for a day, and a quota of zero is never renewed.
    """
    if not isinstance(error, RateLimited) or is_quota_zero(error):
        return None
    violations = tuple(iterate_quota_violations(error))
    if any(_is_per("day", each) for each in violations):
        seconds = compute_seconds_to_midnight(error.headers)
        return QuotaAdvice(exhausted_for=DAY_SECONDS if seconds is None else seconds)
    minute_quotas = [(_is_of_tokens(each), value) for each in violations if (value := _read_minute_value(each))]
    requests = min((value for is_of_tokens, value in minute_quotas if not is_of_tokens), default=None)
    tokens = min((value for is_of_tokens, value in minute_quotas if is_of_tokens), default=None)
    delay = error.retry_after or 0.0
    return QuotaAdvice(delay=delay, requests_per_minute=requests, tokens_per_minute=tokens)


def _is_per(unit: str, violation: Mapping[str, Any]) -> bool:
    return f"per{unit}" in str(violation.get("quotaId", "")).lower()


def _is_of_tokens(violation: Mapping[str, Any]) -> bool:
    return "token" in f"{violation.get('quotaId', '')} {violation.get('quotaMetric', '')}".lower()


def _read_minute_value(violation: Mapping[str, Any]) -> int:
    text = str(violation.get("quotaValue", "")) if _is_per("minute", violation) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < _MAX_DIGITS else 0


_MAX_DIGITS = 16
