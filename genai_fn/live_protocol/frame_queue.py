"""An immutable queue whose changes take the same time at any length, for the states of a session."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Generic, TypeVar, cast, overload

T_co = TypeVar("T_co", covariant=True)


class FrameQueue(Sequence[T_co], Generic[T_co]):
    """
    A sequence that is equal to a tuple of the same items. `append` and `drop_first` return another queue.

    Queues share a list, and each is a slice of it. `append` extends the list if the slice ends where the list ends, and
    otherwise copies the slice. `drop_first` copies the slice once the list has more items before it than in it. An
    empty queue shares no list, as sessions in several threads begin with the same one.

    >>> queue = FrameQueue("ab")
    >>> tuple(queue.append("c").drop_first()), tuple(queue)
    (('b', 'c'), ('a', 'b'))
    """

    __slots__ = ("_end", "_items", "_start")

    def __init__(self, items: Iterable[T_co] = ()) -> None:
        self._items: list[Any] = list(items)
        self._start, self._end = 0, len(self._items)

    def append(self, item: Any) -> "FrameQueue[T_co]":
        """Return a queue with one more item at its end."""
        can_extend = self._start < self._end == len(self._items)
        items, start = (self._items, self._start) if can_extend else (self._items[self._start : self._end], 0)
        items.append(item)
        return _slice_queue(items, start, len(items))

    def drop_first(self) -> "FrameQueue[T_co]":
        """Return a queue without the first item, which must exist."""
        start = self._start + 1
        if 2 * start <= self._end:
            return _slice_queue(self._items, start, self._end)
        return _slice_queue(self._items[start : self._end], 0, self._end - start)

    def __len__(self) -> int:
        return self._end - self._start

    def __iter__(self) -> Iterator[T_co]:
        return islice(self._items, self._start, self._end)

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T_co, ...]: ...
    def __getitem__(self, index: Any) -> Any:
        if index == 0 and self._start < self._end:
            return self._items[self._start]
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(cast("Any", other)) if isinstance(other, FrameQueue | tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


def _slice_queue(items: list[Any], start: int, end: int) -> FrameQueue[Any]:
    queue: FrameQueue[Any] = cast("Any", FrameQueue).__new__(FrameQueue)
    queue._items, queue._start, queue._end = items, start, end  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # of this module
    return queue
