"""The state of a Live session, which the state machine changes with each event."""

from typing import Literal, TypeAlias

from genai_fn.live_protocol.call_ids import CallIds
from genai_fn.live_protocol.events_and_actions import OutgoingFrame
from genai_fn.live_protocol.frame_queue import FrameQueue
from genai_fn.options import Retry
from genai_fn.values import Value

SessionPhase: TypeAlias = Literal["connecting", "setting_up", "open", "reconnecting", "draining", "closing", "closed"]
"""
``reconnecting``: the connection is being closed, to be replaced by another. ``draining``: the iteration over
messages has ended, and the remaining frames are being written.
"""


class ProtocolState(Value, kw_only=True):
    """
    State of a session.

    Args:
        phase: Phase of the session.

        is_resumable: Whether the session was set up for resumption.

        is_transparent: Whether the server reports which client messages its handle includes.

        retry: Number of attempts to connect, and the waits between them.

        max_wait: Maximum number of seconds to wait before a reconnection; a longer wait ends the session.

        runs_functions: Whether the session calls functions itself, except those named in `caller_functions`.

        caller_functions: Names of declared functions whose calls the caller responds to.

        attempt: Number of the attempt to connect. It is 0 after the session first opens and after a stable connection:
            the next reconnection has no delay.

        connection_number: Number of the connection, from 0; attempts to connect that failed count.

        has_opened: Whether the session has been open.

        handle: The newest handle for resumption.

        is_handle_current: Whether the handle includes all messages that were sent and received.

        has_go_away: Whether the server has announced that it will close the connection.

        queue: Frames to send, in order.

        current_frame: The frame that is being written.

        unacknowledged: The last sent frames, which the handle does not include. They are sent again after a
            reconnection. Empty unless `is_transparent`.

        sent_count: Number of messages sent on this connection after the setup, which is number 0.

        running_calls: Ids of running function calls.

        call_count: Number of calls started, for the ids of calls that have none.
    """

    phase: SessionPhase = "connecting"
    is_resumable: bool = False
    is_transparent: bool = False
    retry: Retry = Retry()
    max_wait: float = float("inf")
    runs_functions: bool = False
    caller_functions: frozenset[str] = frozenset()
    attempt: int = 1
    connection_number: int = 0
    has_opened: bool = False
    handle: str | None = None
    is_handle_current: bool = False
    has_go_away: bool = False
    queue: FrameQueue = FrameQueue()
    current_frame: OutgoingFrame | None = None
    unacknowledged: FrameQueue = FrameQueue()
    sent_count: int = 0
    running_calls: CallIds = CallIds()
    call_count: int = 0

    @property
    def is_over(self) -> bool:
        """Whether the session is closing or closed, so that no more messages are accepted."""
        return self.phase in ("draining", "closing", "closed")

    @property
    def pending_bytes(self) -> int:
        """Number of bytes that are accepted but not written yet."""
        return self.queue.size if self.current_frame is None else self.queue.size + self.current_frame.size
