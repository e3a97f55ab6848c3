"""Messages and events of Live sessions, for tests of the protocol."""

from typing import Any

from returns.result import Success

from genai_fn.errors import ConnectError, Disconnected
from genai_fn.live_protocol.events_and_actions import (
    Connected,
    DeliverItem,
    MessageReceived,
    OutgoingFrame,
)
from genai_fn.schema import (
    FunctionCall,
    LiveServerContent,
    LiveServerGoAway,
    LiveServerMessage,
    LiveServerSessionResumptionUpdate,
    LiveServerSetupComplete,
    LiveServerToolCall,
    LiveServerToolCallCancellation,
)

COMPLETE = LiveServerMessage(setup_complete=LiveServerSetupComplete(session_id="s"))
TURN_COMPLETE = LiveServerMessage(server_content=LiveServerContent(turn_complete=True))
GO_AWAY = LiveServerMessage(go_away=LiveServerGoAway(time_left="3.5s"))
A, B = OutgoingFrame("a", 1), OutgoingFrame("b", 2)
CUT_OFF = Disconnected("in a live session", "the connection was cut")
REFUSED = ConnectError("connecting", "refused")


def build_handle_update(handle: str, *, resumable: bool = True, last_consumed: int | None = None) -> LiveServerMessage:
    """Build a message that updates the handle."""
    change = LiveServerSessionResumptionUpdate(
        new_handle=handle, resumable=resumable, last_consumed_client_message_index=last_consumed
    )
    return LiveServerMessage(session_resumption_update=change)


def build_received_event(message: Any) -> MessageReceived:
    """Build the event of a received message."""
    return MessageReceived(Success(message))


def build_tool_call(*identities: str) -> LiveServerMessage:
    """Build a message that calls ``f`` with these ids."""
    calls = tuple(FunctionCall(id=each, name="f") for each in identities)
    return LiveServerMessage(tool_call=LiveServerToolCall(function_calls=calls))


def build_call_cancellation(*identities: str) -> LiveServerMessage:
    """Build a message that cancels calls."""
    return LiveServerMessage(tool_call_cancellation=LiveServerToolCallCancellation(ids=identities))


OPENED = (Connected(), build_received_event(COMPLETE))
DELIVERED = DeliverItem(Success(TURN_COMPLETE))
