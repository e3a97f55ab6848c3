"""An immutable queue of frames whose changes take the same time at any length, for the states of a session."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, cast

from genai_fn.live_protocol.events_and_actions import OutgoingFrame


class FrameQueue:
    """
    Frames in order, equal to a tuple of them, and their total size. `append` and `drop_first` return another queue.

    Queues share a list, and each is a slice of it. `append` extends the list if the slice ends where the list ends, and
    otherwise copies the slice. `drop_first` copies the slice once the list has more frames before it than in it. An
    empty queue shares no list, as sessions in several threads begin with the same one.

    >>> queue = FrameQueue([OutgoingFrame("a", 1), OutgoingFrame("b", 2)])
    >>> [frame.data for frame in queue.append(OutgoingFrame("c", 4)).drop_first()], queue.size
    (['b', 'c'], 3)
    """

    __slots__ = ("_end", "_frames", "_start", "size")

    def __init__(self, frames: Iterable[OutgoingFrame] = ()) -> None:
        self._frames = list(frames)
        self._start, self._end = 0, len(self._frames)
        self.size = sum(frame.size for frame in self._frames)
        """Size of all frames, in bytes."""

    def append(self, frame: OutgoingFrame) -> "FrameQueue":
        """Return a queue with one more frame at its end."""
        can_extend = self._start < self._end == len(self._frames)
        frames, start = (self._frames, self._start) if can_extend else (self._frames[self._start : self._end], 0)
        frames.append(frame)
        return _slice_queue(frames, start, len(frames), self.size + frame.size)

    def drop_first(self) -> "FrameQueue":
        """Return a queue without the first frame, which must exist."""
        start, size = self._start + 1, self.size - self.first.size
        if 2 * start <= self._end:
            return _slice_queue(self._frames, start, self._end, size)
        return _slice_queue(self._frames[start : self._end], 0, self._end - start, size)

    @property
    def first(self) -> OutgoingFrame:
        """The first frame, which must exist."""
        return self._frames[self._start]

    def __len__(self) -> int:
        return self._end - self._start

    def __iter__(self) -> Iterator[OutgoingFrame]:
        return islice(self._frames, self._start, self._end)

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(cast("Any", other)) if isinstance(other, FrameQueue | tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


def _slice_queue(frames: list[OutgoingFrame], start: int, end: int, size: int) -> FrameQueue:
    queue = FrameQueue.__new__(FrameQueue)
    queue._frames, queue._start, queue._end, queue.size = frames, start, end, size  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # of this module
    return queue
