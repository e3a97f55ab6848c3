"""The state of the emulator as an immutable value: a handler receives one and returns the next."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from msgspec.structs import replace

from genai_fn.emulator.scripts.parsing import ScriptLike, parse_script
from genai_fn.emulator.scripts.progress import ScriptProgress, start_script
from genai_fn.emulator.server.faults import make_failed_precondition, make_resource_not_found
from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.emulator.server.sizes import measure_size
from genai_fn.http import HttpResponse
from genai_fn.values import Value

T = TypeVar("T")


class EmulatorState(Value):
    """
    All resources by their full names. The resources must be immutable, too.

    >>> state, name = EmulatorState().assign_name("files")
    >>> state.with_resource(name, "a book").list_resources("files")
    ('a book',)
    """

    resources: Mapping[str, Any] = {}
    """Resources by name, such as ``files/file1`` or ``projects/p/locations/l/tuningJobs/1``, in order of creation."""
    name_count: int = 0
    """Number of names assigned so far."""
    api_keys: tuple[str, ...] | None = None
    """Accepted API keys; None accepts every request."""
    kept_bytes: int = 0
    """Approximate size of the resources that were added."""
    max_kept_bytes: int = 1 << 30
    """Limit of that size, and of the body of a request over HTTP."""
    max_resources: int = 100_000
    """Limit of the number of resources."""
    models: tuple[str, ...] | None = None
    """IDs of the base models that exist; None accepts all that `check_model_exists` describes."""
    script: ScriptProgress | None = None
    """Answers that replace those of the fake model; see `with_script`."""

    def with_script(self, script: ScriptLike | None) -> "EmulatorState":
        """
        Return a state whose requests for content are answered by a script; None removes it.

        >>> EmulatorState().with_script([{"text": "It rains."}]).script.pending[0].step.text
        'It rains.'

        Raises:
            InvalidRequest: If the script does not fit; the error names the place.
        """
        return replace(self, script=None if script is None else start_script(parse_script(script)))

    def with_resource(self, name: str, value: Any) -> "EmulatorState":
        """
        Return a state with a resource added or replaced.

        Raises:
            EmulatedFault: If the state would exceed its limits.
        """
        grown_by = measure_size(value) - self._measure_resource(name)
        resources, kept_bytes = {**self.resources, name: value}, self.kept_bytes + grown_by
        if grown_by > 0 and (kept_bytes > self.max_kept_bytes or len(resources) > self.max_resources):
            raise make_failed_precondition(
                f"The emulator keeps at most {self.max_resources} resources and {self.max_kept_bytes} bytes."
                " Delete some, or reset it: POST /emulator/reset"
            )
        return replace(self, resources=resources, kept_bytes=kept_bytes)

    def without_resource(self, name: str) -> "EmulatorState":
        """Return a state without a resource."""
        resources = {each: value for each, value in self.resources.items() if each != name}
        return replace(self, resources=resources, kept_bytes=self.kept_bytes - self._measure_resource(name))

    def without_resources_below(self, name: str) -> "EmulatorState":
        """
        Return a state without a resource and all that are in it.

        >>> state = EmulatorState().with_resource("a/1", "").with_resource("a/1/b/2", "").with_resource("a/12", "")
        >>> list(state.without_resources_below("a/1").resources)
        ['a/12']
        """
        removed = {each for each in self.resources if f"{each}/".startswith(f"{name}/")}
        resources = {each: value for each, value in self.resources.items() if each not in removed}
        kept_bytes = self.kept_bytes - sum(map(self._measure_resource, removed))
        return replace(self, resources=resources, kept_bytes=kept_bytes)

    def with_newest(self, collection: str, count: int) -> "EmulatorState":
        """Return a state in which a collection has only its newest resources, up to a number of them."""
        state = self
        for name in [each for each in self.resources if each.rpartition("/")[0] == collection][:-count]:
            state = state.without_resource(name)
        return state

    def _measure_resource(self, name: str) -> int:
        return measure_size(self.resources[name]) if name in self.resources else 0

    def assign_name(self, collection: str) -> "tuple[EmulatorState, str]":
        """
        Assign an unused name in a collection, of letters and digits: google-genai cuts file names at other characters.

        >>> state = EmulatorState()
        >>> state.assign_name("batches")[1], state.assign_name("projects/p/locations/l/tuningJobs")[1]
        ('batches/batch1', 'projects/p/locations/l/tuningJobs/1')
        """
        count = self.name_count + 1
        singular = _PLURAL_SUFFIX_PATTERN.sub("", collection.rpartition("/")[2].lower())
        start = f"{collection}/" if collection.startswith("projects/") else f"{collection}/{singular}"
        while f"{start}{count}" in self.resources:
            count += 1
        return replace(self, name_count=count), f"{start}{count}"

    def get_resource(self, name: str, kind: type[T]) -> T:
        """
        Return the resource with a name and a type.

        Raises:
            EmulatedFault: If there is no such resource.
        """
        found = self.resources.get(name)
        if not isinstance(found, kind):
            raise make_resource_not_found(name)
        return found

    def list_resources(self, collection: str) -> tuple[Any, ...]:
        """Return the direct children of a collection, in order of creation."""
        return tuple(value for name, value in self.resources.items() if name.rpartition("/")[0] == collection)


_PLURAL_SUFFIX_PATTERN = re.compile("(?<=ch)es$|s$")


RouteResult: TypeAlias = tuple[EmulatorState, HttpResponse]
"""The next state, and the response to a request."""

RouteHandler: TypeAlias = Callable[[EmulatorState, EmulatedRequest], RouteResult]
"""Handles a request: returns the next state and the response."""
