"""What a server advises to wait before a retry, in seconds: ``RetryInfo``, ``Retry-After`` and ``retry-after-ms``."""

import re
from collections.abc import Mapping
from typing import Any, cast

__all__ = ["parse_milliseconds", "parse_retry_after", "read_retry_info"]


def read_retry_info(detail: Any) -> float | None:
    """Return the seconds of a ``google.rpc.RetryInfo`` among the details of an error; None for another detail."""
    if not isinstance(detail, Mapping):
        return None
    fields = cast("Mapping[str, Any]", detail)
    is_retry_info = str(fields.get("@type", "")).endswith("google.rpc.RetryInfo")
    return _parse_duration(fields.get("retryDelay")) if is_retry_info else None


_DURATION = r"\A([0-9]{1,12}(?:\.[0-9]+)?)s\Z"  # compiled at its first use


def _parse_duration(duration: object) -> float | None:
    found = re.match(_DURATION, duration) if isinstance(duration, str) else None
    return float(found[1]) if found else None


def parse_milliseconds(text: str | None) -> float | None:
    """Parse ``retry-after-ms``; returns seconds."""
    return _parse_number(text, 1000)


def parse_retry_after(text: str | None, date: str | None) -> float | None:
    """Parse ``Retry-After``: seconds, or a date. A date is compared with the header ``Date``, so no clock is needed."""
    number = _parse_number(text, 1)
    if number is not None or text is None or date is None:
        return number
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  # it takes longer to import than the errors

    try:
        return max(0.0, (parsedate_to_datetime(text) - parsedate_to_datetime(date)).total_seconds())
    except (TypeError, ValueError, OverflowError):  # malformed, without a time zone, or out of range
        return None


def _parse_number(text: str | None, divisor: int) -> float | None:
    stripped = (text or "").strip()
    return float(stripped) / divisor if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", stripped) else None
