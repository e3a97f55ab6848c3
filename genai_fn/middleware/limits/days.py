"""Quotas for a day, which the Gemini Developer API renews at midnight in California."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo

from genai_fn.http import Headers

DAY_SECONDS = 86_400.0


def compute_seconds_to_midnight(headers: Headers) -> float | None:
    """
    Return the seconds from the ``Date`` of a response to the next midnight, Pacific time; None without a date.

    >>> compute_seconds_to_midnight((("date", "Wed, 15 Jul 2026 06:59:00 GMT"),))
    60.0
    """
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  # once a day, and slow to load

    text = next((value for name, value in headers if name.lower() == "date"), None)
    if text is None:
        return None
    try:
        local = parsedate_to_datetime(text).astimezone(_load_pacific_zone())
        midnight = datetime(local.year, local.month, local.day, tzinfo=local.tzinfo) + timedelta(days=1)
        return (midnight.astimezone(UTC) - local.astimezone(UTC)).total_seconds()
    except (TypeError, ValueError, OverflowError):  # malformed, or out of range
        return None


def _load_pacific_zone() -> tzinfo:
    """Load the time zone; without a time zone database it is always winter, so that midnight is never too early."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415  # once a day, and slow to load

    try:
        return ZoneInfo("America/Los_Angeles")
    except ZoneInfoNotFoundError:
        return timezone(timedelta(hours=-8))


class DayCounter:
    """
    Counts the requests of a day.

    A day ends at the midnight that `set_end` names, or 24 hours after its first request if no response had a date.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.end = float("-inf")
        self.has_exact_end = False

    def compute_wait(self, now: float, amount: int) -> float | None:
        """Return the seconds until an amount fits; None if it fits now."""
        if now >= self.end:
            self.used = 0
        return self.end - now if self.used + amount > self.limit else None

    def add(self, now: float, amount: int) -> None:
        """Count an amount."""
        if now >= self.end:
            self.used, self.end, self.has_exact_end = 0, now + DAY_SECONDS, False
        self.used += amount

    def remove(self, amount: int) -> None:
        """Take an amount back, of requests that were not sent."""
        self.used = max(0, self.used - amount)

    def set_end(self, time: float) -> None:
        """Set the end of the day, once a day; it is never later than 24 hours after the first request."""
        self.end = min(self.end, time)
        self.has_exact_end = True
