"""An immutable set of the ids of running function calls whose changes take the same time at any size."""

from collections.abc import Iterable, Iterator, Set as AbstractSet


class CallIds(AbstractSet[str]):
    """
    A set that is equal to a frozenset of the same ids. `add` and `remove_all` return another set.

    A change moves the ids to the new set, its successor; the old set keeps only a reference to it, and the one id that
    differs. When an old set is read, it copies the ids and undoes the changes. An empty set has no successor, so that
    sessions in several threads may share it.

    >>> calls = CallIds(("a", "b"))
    >>> sorted(calls.add("c").remove_all(["a"])), sorted(calls)
    (['b', 'c'], ['a', 'b'])
    """

    __slots__ = ("_changed_id", "_ids", "_successor")

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._ids: set[str] | None = set(ids)
        self._successor: CallIds | None = None
        self._changed_id = ""

    def add(self, call_id: str) -> "CallIds":
        """Return a set with one more id."""
        return self if call_id in self else self._toggle(call_id)

    def remove_all(self, call_ids: Iterable[str]) -> "CallIds":
        """Return a set without these ids; those that it does not contain are ignored."""
        result = self
        for call_id in call_ids:
            if call_id in result:
                result = result._toggle(call_id)
        return result

    def _toggle(self, call_id: str) -> "CallIds":
        """Return a set that contains an id exactly if this one does not."""
        ids = self._read_ids()
        if not ids:
            return CallIds((call_id,))
        following = CallIds()
        following._ids = ids
        ids ^= {call_id}
        self._ids, self._successor, self._changed_id = None, following, call_id
        return following

    def _read_ids(self) -> set[str]:
        """Return the ids; those of an older set are copied from the newest one, with all changes undone."""
        newest, changed_ids = self, list[str]()
        while newest._ids is None and newest._successor is not None:
            changed_ids.append(newest._changed_id)
            newest = newest._successor
        ids = newest._ids or set[str]()  # noqa: SLF001  # of this class
        if newest is not self:
            ids = ids.copy()
            for call_id in changed_ids:
                ids ^= {call_id}
            self._ids, self._successor = ids, None
        return ids

    def __contains__(self, value: object) -> bool:
        return value in self._read_ids()

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._read_ids()))

    def __len__(self) -> int:
        return len(self._read_ids())

    def __hash__(self) -> int:
        return hash(frozenset(self))

    def __repr__(self) -> str:
        return repr(frozenset(self))

    def __reduce__(self) -> tuple[type["CallIds"], tuple[tuple[str, ...]]]:
        return CallIds, (tuple(self),)
