"""The immutable queue of frames: equal to a tuple, whatever became of the other queues that it shares a list with."""

import tracemalloc
from typing import Any

from hypothesis import given, strategies as st

from genai_fn.live_protocol.events_and_actions import MessageSent, OutgoingFrame
from genai_fn.live_protocol.frame_queue import FrameQueue
from genai_fn.live_protocol.state import ProtocolState
from genai_fn.live_protocol.state_machine import handle_event
from tests.support.call_counts import is_linear

CHANGES = st.lists(st.tuples(st.integers(0, 100), st.sampled_from(["append", "append", "drop"])), max_size=60)


@given(CHANGES)
def test_equals_tuple(changes: list[tuple[int, str]]) -> None:
    """Changes of any earlier queue are those of a tuple, and no queue changes afterwards."""
    queues: list[tuple[FrameQueue, tuple[OutgoingFrame, ...]]] = [(FrameQueue(), ())]
    for number, (position, change) in enumerate(changes):
        queue, expected = queues[position % len(queues)]
        if change == "append":
            frame = OutgoingFrame(number, number % 7)
            queues.append((queue.append(frame), (*expected, frame)))
        elif expected:
            queues.append((queue.drop_first(), expected[1:]))
    for queue, expected in queues:
        assert (tuple(queue), len(queue), bool(queue)) == (expected, len(expected), bool(expected))
        assert (queue, hash(queue), repr(queue)) == (expected, hash(expected), repr(expected))
        assert queue == FrameQueue(expected)
        assert queue.size == sum(frame.size for frame in expected)
        assert not expected or queue.first == expected[0]


def test_length_does_not_count() -> None:
    """Appending and dropping do not become slower, and dropped frames do not stay in the list."""
    frame = OutgoingFrame("f", 1)

    def build(size: int) -> Any:
        def run() -> None:
            queue = FrameQueue([frame] * size)
            for _ in range(size):
                queue = queue.append(frame).append(frame).drop_first()
            for _ in range(size):
                queue = queue.drop_first()
            assert len(queue._frames) <= 2 * size + 2

        return run

    assert is_linear(build, 500)
    assert FrameQueue() != []


def test_sending_copies_nothing() -> None:
    """A message that is sent does not copy those that are not acknowledged, nor those that wait."""
    frame = OutgoingFrame("f", 1)
    frames = FrameQueue([frame] * 100_000)
    state = ProtocolState(phase="open", is_transparent=True, unacknowledged=frames, queue=frames, current_frame=frame)
    state, _ = handle_event(state, MessageSent())  # makes room in the list for some more
    tracemalloc.start()
    try:
        following, _ = handle_event(state, MessageSent())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000  # a copy takes almost a megabyte
    assert len(following.unacknowledged) == len(state.unacknowledged) + 1


def test_empty_queue_is_shared() -> None:
    """The queue that all sessions begin with keeps nothing of any of them, so threads may append to it at once."""
    empty = ProtocolState().queue
    queues = empty.append(OutgoingFrame("a", 1)), empty.append(OutgoingFrame("b", 1))
    assert not empty
    assert not empty._frames
    assert [tuple(frame.data for frame in each) for each in queues] == [("a",), ("b",)]
    assert ProtocolState().queue is empty
