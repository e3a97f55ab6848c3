"""All that the server remembers, as one value: a method is given one and answers the next."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from msgspec.structs import replace

from genai_fn.emulator.faults import missing
from genai_fn.emulator.reading import Asked
from genai_fn.http import HttpResponse
from genai_fn.schema._base import Value

__all__ = ["Method", "State"]

T = TypeVar("T")


class State(Value):
    """
    What was made so far, by its full name; it never changes, so what is kept in it must not, either.

    >>> state, name = State().named("files")
    >>> state.putting(name, "a book").under("files")
    ('a book',)
    """

    kept: Mapping[str, Any] = {}
    """``files/file1``, ``projects/p/locations/l/cachedContents/1``, … in the order in which they were made."""
    count: int = 0
    """How many names were given out."""
    keys: tuple[str, ...] | None = None
    """The API keys that are accepted; None takes any, or none."""

    def putting(self, name: str, value: Any) -> "State":
        """Keep a value under a name, in the place of what was there."""
        return replace(self, kept={**self.kept, name: value})

    def dropping(self, name: str) -> "State":
        """Forget what has a name, and nothing else."""
        return replace(self, kept={each: value for each, value in self.kept.items() if each != name})

    def named(self, collection: str) -> "tuple[State, str]":
        """
        Give out a name in a collection that nothing has, of letters and digits: google-genai cuts a file's at others.

        >>> State().named("batches")[1], State().named("projects/p/locations/l/tuningJobs")[1]
        ('batches/batch1', 'projects/p/locations/l/tuningJobs/1')
        """
        count = self.count + 1
        kind = "" if collection.startswith("projects/") else _PLURAL.sub("", collection.rpartition("/")[2].lower())
        while f"{collection}/{kind}{count}" in self.kept:
            count += 1
        return replace(self, count=count), f"{collection}/{kind}{count}"

    def known(self, name: str, kind: type[T]) -> T:
        """
        Find what has a name.

        Raises:
            Fault: where nothing of that kind has it.
        """
        found = self.kept.get(name)
        if not isinstance(found, kind):
            raise missing(name)
        return found

    def under(self, collection: str) -> tuple[Any, ...]:
        """Give what is named by a collection and one step more, in the order in which it was made."""
        start, steps = f"{collection}/", collection.count("/") + 1
        return tuple(value for name, value in self.kept.items() if name.startswith(start) and name.count("/") == steps)


_PLURAL = re.compile("(?<=ch)es$|s$")


Method: TypeAlias = Callable[[State, Asked], tuple[State, HttpResponse]]
"""What answers a request, and what the server remembers from then on."""
