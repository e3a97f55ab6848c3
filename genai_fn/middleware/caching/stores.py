"""Stores of cached answers: the protocol that they implement, and the store in memory."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, NamedTuple, Protocol

from genai_fn.forks import delay_forks, register_fork_delay
from genai_fn.options import check_at_least_one


class CacheStore(Protocol):
    """
    Stores answers as bytes, by key: what ``cached(store)`` needs of Redis or any other database.

    A key is a text of 64 hexadecimal digits. The methods are called from any thread, several at once. They may block,
    so async interpreters call them in threads; a store that never blocks may say so by an attribute ``is_blocking =
    False``. They may be async functions, for async interpreters alone. If one raises an exception, or an async
    interpreter has waited for it until the deadline of the request, the request goes on as without a cache, and a
    `RuntimeWarning` shows the error.

    >>> class RedisStore:
    ...     def __init__(self, redis):
    ...         self.redis = redis
    ...
    ...     def get(self, key):
    ...         return self.redis.get(key)
    ...
    ...     def put(self, key, value, ttl):
    ...         self.redis.set(key, value, px=None if ttl is None else max(1, int(ttl * 1000)))
    ...
    ...     def delete(self, key):
    ...         self.redis.delete(key)
    """

    def get(self, key: str) -> bytes | Awaitable[bytes | None] | None:
        """Return the value of a key; None if there is none, or it has expired."""
        ...

    def put(self, key: str, value: bytes, ttl: float | None) -> Awaitable[None] | None:
        """Set the value of a key, which expires after a number of seconds, or, for None, never."""
        ...

    def delete(self, key: str) -> Awaitable[None] | None:
        """Remove a key, if it exists."""
        ...


def may_block(store: Any) -> bool:
    """Whether async interpreters call the methods of a store in threads."""
    return bool(getattr(store, "is_blocking", True))


class _Entry(NamedTuple):
    value: bytes
    expires_at: float
    size: int


class MemoryStore:
    """
    A store in memory that removes the least recently used answers when it is full. Threads may share it.

    A pickled one is empty.

    Args:
        max_bytes: The maximum of all answers together; an answer that is larger is not stored.

        clock: Returns the seconds that times to live are measured in.

    Raises:
        InvalidRequest: If `max_bytes` is not a whole number of at least 1.

    >>> store = MemoryStore(max_bytes=1000)
    >>> store.put("a", b"answer", None)
    >>> store.get("a"), store.get("b")
    (b'answer', None)
    """

    is_blocking = False

    def __init__(self, max_bytes: int = 64 * 1024 * 1024, *, clock: Callable[[], float] = time.monotonic) -> None:
        check_at_least_one("max_bytes", max_bytes)
        register_fork_delay()
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """The bytes of all answers together, with what storing each of them takes."""
        return self._size

    def get(self, key: str) -> bytes | None:
        """Return the value of a key; None if there is none, or it has expired."""
        now = self._clock()
        with delay_forks:  # so that no child process inherits it locked
            entry = self._entries.get(key)
            if entry is None:
                return None
            if now >= entry.expires_at:
                self._remove(key)
                return None
            self._entries.move_to_end(key)
            return entry.value

    def put(self, key: str, value: bytes, ttl: float | None) -> None:
        """Set the value of a key, which expires after a number of seconds, or, for None, never."""
        expires_at = inf if ttl is None else self._clock() + ttl
        entry = _Entry(bytes(value), expires_at, len(key) + len(value) + _ENTRY_BYTES)
        with delay_forks:
            self._remove(key)
            if entry.size > self._max_bytes:
                return
            self._entries[key] = entry
            self._size += entry.size
            while self._size > self._max_bytes:
                self._remove(next(iter(self._entries)))

    def delete(self, key: str) -> None:
        """Remove a key, if it exists."""
        with delay_forks:
            self._remove(key)

    def _remove(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size -= entry.size

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"MemoryStore(max_bytes={self._max_bytes})"

    def __reduce__(self) -> tuple[Any, ...]:
        return MemoryStore, (self._max_bytes,)


_ENTRY_BYTES = 300
"""About what an entry takes beside its key and its value, so that many small answers are bounded, too."""
