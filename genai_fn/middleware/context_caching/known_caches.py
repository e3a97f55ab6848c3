"""The caches that exist, and the prefixes that were sent before; threads and interpreters may share them."""

from collections import OrderedDict
from collections.abc import Sequence

from msgspec.structs import replace

from genai_fn.forks import delay_forks, register_fork_delay
from genai_fn.middleware.context_caching.prefixes import Prefix
from genai_fn.values import Value


class KnownCache(Value):
    """A cache: its name, its prefix, and when its time to live started, in seconds of the clock of `GetTime`."""

    name: str
    prefix: Prefix
    started_at: float


class _Use(Value):
    count: int
    last_at: float


class KnownCaches:
    """
    The caches of some prefixes, and how often prefixes were used. Its lock is the one that forks wait for.

    Args:
        ttl: The seconds after which a cache expires, and after which a use counts no more.
    """

    def __init__(self, ttl: float) -> None:
        register_fork_delay()
        self._ttl = ttl
        self._caches: dict[str, KnownCache] = {}
        self._uses: OrderedDict[str, _Use] = OrderedDict()
        self._refused_at: OrderedDict[str, float] = OrderedDict()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the caches, the oldest first."""
        with delay_forks:
            return tuple(each.name for each in self._caches.values())

    def count_uses(self, prefixes: Sequence[Prefix], now: float) -> dict[str, int]:
        """Count a use of each prefix; returns how many there are by now, each at most `ttl` after the last one."""
        with delay_forks:
            for each in prefixes:
                last = self._uses.pop(each.digest, None)
                is_recent = last is not None and now - last.last_at <= self._ttl
                self._uses[each.digest] = _Use((last.count if last is not None and is_recent else 0) + 1, now)
            while len(self._uses) > _MAX_PREFIXES:
                self._uses.popitem(last=False)
            return {each.digest: self._uses[each.digest].count for each in prefixes if each.digest in self._uses}

    def find(self, prefixes: Sequence[Prefix], now: float) -> KnownCache | None:
        """Return the cache of the longest prefix that has one which has not expired."""
        with delay_forks:
            for each in reversed(prefixes):
                found = self._caches.get(each.digest)
                if found is not None and now < found.started_at + self._ttl:
                    return found
                self._caches.pop(each.digest, None)
        return None

    def add(self, cache: KnownCache) -> None:
        """Add a cache, in place of another one of the same prefix."""
        with delay_forks:
            self._caches.pop(cache.prefix.digest, None)
            self._caches[cache.prefix.digest] = cache

    def start_renewal(self, cache: KnownCache, now: float) -> bool:
        """Return whether a cache needs to be renewed, once; it counts as renewed from then on."""
        if cache.started_at <= now < cache.started_at + self._ttl / 2:  # clocks of runs in virtual time may go back
            return False
        with delay_forks:
            if self._caches.get(cache.prefix.digest) != cache:
                return False
            self._caches[cache.prefix.digest] = replace(cache, started_at=now)
            return True

    def forget(self, name: str) -> None:
        """Remove a cache that no longer exists."""
        with delay_forks:
            for digest, each in tuple(self._caches.items()):
                if each.name == name:
                    del self._caches[digest]

    def refuse(self, prefix: Prefix, now: float) -> None:
        """Create no cache of a prefix for `ttl`."""
        with delay_forks:
            self._refused_at[prefix.digest] = now
            while len(self._refused_at) > _MAX_PREFIXES:
                self._refused_at.popitem(last=False)

    def is_refused(self, prefix: Prefix, now: float) -> bool:
        """Return whether a cache of a prefix could not be created, not long ago."""
        refused_at = self._refused_at.get(prefix.digest)
        return refused_at is not None and refused_at <= now < refused_at + self._ttl


_MAX_PREFIXES = 10_000
