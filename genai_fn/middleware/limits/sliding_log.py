"""A sliding log: what was admitted within the last minute, so that no window of that length exceeds a limit."""

from collections import deque

__all__ = ["LogEntry", "SlidingLog"]


class LogEntry:
    """An amount that was admitted from `start` to `time`, which leaves the window as if all of it came at `time`."""

    __slots__ = ("amount", "is_expired", "start", "time")

    def __init__(self, time: float, amount: int) -> None:
        self.start = self.time = time
        self.amount = amount
        self.is_expired = False


class SlidingLog:
    """
    Amounts, such as requests or tokens, of which no half-open window may have more than a limit.

    It is bounded: while it has 1,024 entries, amounts that come within 1/1,024 of the window share an entry. They leave
    the window up to that much later than they could, never earlier.

    Args:
        limit: The maximum of any window; `lower_limit` reduces it.

        window: Length of a window, in seconds.
    """

    def __init__(self, limit: int, window: float = 60.0) -> None:
        self.limit = limit
        self.window = window
        self.total = 0
        """The amount within the window, as of the last computation."""
        self._entries: deque[LogEntry] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, time: float, amount: int) -> LogEntry:
        """Add an amount; the time must not be before that of the newest entry."""
        entries = self._entries
        if len(entries) >= _MAX_EXACT_ENTRIES and time - entries[-1].start < self.window / _MAX_EXACT_ENTRIES:
            entry = entries[-1]
            entry.time = time
            self.total += amount  # before the entry, so that an interrupt leaves it too high, and not for long
            entry.amount += amount
        else:
            entry = LogEntry(time, amount)
            self.total += amount
            entries.append(entry)
        return entry

    def reduce(self, entry: LogEntry, amount: int) -> None:
        """Take an amount back out of its entry, unless it has left the window already."""
        if not entry.is_expired:
            entry.amount -= amount
            self.total -= amount

    def _forget(self, now: float) -> None:
        """Remove what has left the window."""
        entries = self._entries
        while entries and entries[0].time + self.window <= now:
            entry = entries.popleft()
            entry.is_expired = True
            self.total -= entry.amount
        if not entries:
            self.total = 0

    def has_room(self, now: float, amount: int) -> bool:
        """Return whether an amount fits now; one above the limit does if the window is empty."""
        entries = self._entries
        if entries and entries[0].time + self.window <= now:
            self._forget(now)
        return self.total + amount <= self.limit or self.total <= 0

    def compute_fit_time(self, now: float, amount: int) -> float:
        """
        Return the time at which an amount fits; minus infinity if it fits now.

        An amount above the limit fits once the window is empty.
        """
        self._forget(now)
        excess = self.total - max(0, self.limit - amount)
        if excess <= 0:
            return float("-inf")
        for entry in self._entries:
            excess -= entry.amount
            if excess <= 0:
                return entry.time + self.window
        return now

    def compute_earliest_time(self, now: float, ahead: int, amount: int) -> float:
        """
        Return a time before which an amount cannot fit, if another one has to be admitted ahead of it.

        A unit fits no earlier than a window after the unit that is `limit` units ahead of it.
        """
        self._forget(now)
        excess = self.total + ahead + amount - self.limit
        if excess <= 0:
            return now
        windows, index = divmod(excess - 1, self.limit)
        for entry in self._entries:
            index -= entry.amount
            if index < 0:
                return max(now, entry.time + self.window) + windows * self.window
        return now + (windows + 1) * self.window

    def lower_limit(self, limit: int) -> None:
        """Reduce the limit; a higher one changes nothing."""
        self.limit = min(self.limit, limit)


_MAX_EXACT_ENTRIES = 1024
