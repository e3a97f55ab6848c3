"""All that the server remembers, as one value: a method is given one and answers the next."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from msgspec.structs import replace

from genai_fn.emulator.server.faults import make_not_found
from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.http import HttpResponse
from genai_fn.values import Value

__all__ = ["EmulatorState", "RouteHandler"]

T = TypeVar("T")


class EmulatorState(Value):
    """
    What was made so far, by its full name; it never changes, so what is kept in it must not, either.

    >>> state, name = EmulatorState().assign_name("files")
    >>> state.with_resource(name, "a book").list_resources("files")
    ('a book',)
    """

    resources: Mapping[str, Any] = {}
    """``files/file1``, ``projects/p/locations/l/cachedContents/1``, … in the order in which they were made."""
    name_count: int = 0
    """How many names were given out."""
    api_keys: tuple[str, ...] | None = None
    """The API keys that are accepted; None takes any, or none."""

    def with_resource(self, name: str, value: Any) -> "EmulatorState":
        """Keep a value under a name, in the place of what was there."""
        return replace(self, resources={**self.resources, name: value})

    def without_resource(self, name: str) -> "EmulatorState":
        """Forget what has a name, and nothing else."""
        return replace(self, resources={each: value for each, value in self.resources.items() if each != name})

    def assign_name(self, collection: str) -> "tuple[EmulatorState, str]":
        """
        Give out a name in a collection that nothing has, of letters and digits: google-genai cuts a file's at others.

        >>> state = EmulatorState()
        >>> state.assign_name("batches")[1], state.assign_name("projects/p/locations/l/tuningJobs")[1]
        ('batches/batch1', 'projects/p/locations/l/tuningJobs/1')
        """
        count = self.name_count + 1
        kind = (
            ""
            if collection.startswith("projects/")
            else _PLURAL_SUFFIX_PATTERN.sub("", collection.rpartition("/")[2].lower())
        )
        while f"{collection}/{kind}{count}" in self.resources:
            count += 1
        return replace(self, name_count=count), f"{collection}/{kind}{count}"

    def get_resource(self, name: str, kind: type[T]) -> T:
        """
        Find what has a name.

        Raises:
            Fault: where nothing of that kind has it.
        """
        found = self.resources.get(name)
        if not isinstance(found, kind):
            raise make_not_found(name)
        return found

    def list_resources(self, collection: str) -> tuple[Any, ...]:
        """Give what is named by a collection and one step more, in the order in which it was made."""
        start, steps = f"{collection}/", collection.count("/") + 1
        return tuple(
            value for name, value in self.resources.items() if name.startswith(start) and name.count("/") == steps
        )


_PLURAL_SUFFIX_PATTERN = re.compile("(?<=ch)es$|s$")


RouteHandler: TypeAlias = Callable[[EmulatorState, EmulatedRequest], tuple[EmulatorState, HttpResponse]]
"""What answers a request, and what the server remembers from then on."""
