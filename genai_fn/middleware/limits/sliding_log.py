"""A sliding log: the amounts that were admitted within the last minute, so that no minute exceeds a limit."""

from collections import deque


class LogEntry:
    """An amount that was admitted between `start` and `time`. All of it leaves the window a window after `time`."""

    __slots__ = ("amount", "is_expired", "start", "time")

    def __init__(self, time: float, amount: int) -> None:
        self.start = self.time = time
        self.amount = amount
        self.is_expired = False


class SlidingLog:
    """
    Amounts, such as requests or tokens, of which no half-open window may have more than a limit.

    Its memory is bounded: with 1,024 entries or more, amounts that come within 1/1,024 of the window share an entry.
    They leave the window up to that much later than they could, never earlier.

    Args:
        limit: The maximum amount in any window; `lower_limit` reduces it.

        window: Length of a window, in seconds.
    """

    def __init__(self, limit: int, window: float = 60.0) -> None:
        self.limit = limit
        self.window = window
        self.total = 0
        """The amount within the window, as of the last computation."""
        self._entries: deque[LogEntry] = deque()

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
        """Subtract an amount from the entry that contains it, unless the entry has left the window."""
        if not entry.is_expired:
            entry.amount -= amount
            self.total -= amount

    def _remove_expired(self, now: float) -> None:
        """Remove the entries that have left the window."""
        entries = self._entries
        while entries and entries[0].time + self.window <= now:
            entry = entries.popleft()
            entry.is_expired = True
            self.total -= entry.amount
        if not entries:
            self.total = 0

    def has_room(self, now: float, amount: int) -> bool:
        """Return whether an amount fits now; an amount above the limit fits if the window is empty."""
        entries = self._entries
        if entries and entries[0].time + self.window <= now:
            self._remove_expired(now)
        return self.total + amount <= self.limit or self.total <= 0

    def compute_fit_time(self, now: float, amount: int) -> float:
        """
        Return the time at which an amount fits; minus infinity if it fits now.

        An amount above the limit fits once the window is empty.
        """
        self._remove_expired(now)
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
        Return a time before which an amount cannot fit, if `ahead` units have to be admitted before it.

        Of all units in their order, each one fits no earlier than one window after the one that is `limit` units before
        it.
        """
        self._remove_expired(now)
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
        """Reduce the limit; a limit above the present one changes nothing."""
        self.limit = min(self.limit, limit)


_MAX_EXACT_ENTRIES = 1024
