"""The class of live sessions. It performs the actions of the live protocol, on asyncio and trio."""

import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

import anyio
from anyio.lowlevel import EventLoopToken, checkpoint, current_token
from returns.result import Failure, Result, Success

from genai_fn.engine.program import build_program
from genai_fn.errors import Closed, GenaiError, InvalidRequest
from genai_fn.events import Event
from genai_fn.flows.calling.invoke import invoke_function
from genai_fn.interpreters.executors.async_executor import AsyncExecutor
from genai_fn.interpreters.executors.event_loops import call_soon
from genai_fn.interpreters.executors.tasks import BackgroundTasks
from genai_fn.interpreters.live.connection import CLOSE_TIMEOUT, LiveConnection
from genai_fn.interpreters.live.inbox import Inbox
from genai_fn.interpreters.live.sockets import Connector
from genai_fn.interpreters.middleware import ProgramMiddleware
from genai_fn.live_protocol.events_and_actions import (
    CallAnswered,
    CancelCall,
    CloseConnection,
    CloseRequested,
    ConnectionClosed,
    ConnectSocket,
    DeliverItem,
    FinishSession,
    NotifyListener,
    OutgoingFrame,
    ProtocolEvent,
    SendFrame,
    SendRequested,
    SendSetup,
    SessionOpened,
    SetTimer,
    StartCall,
    TimerFired,
)
from genai_fn.live_protocol.frames import ClientMessage
from genai_fn.live_protocol.state_machine import ABNORMAL_CLOSURE, handle_event, start_session
from genai_fn.ops.live import tool_response
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Live
from genai_fn.schema.function_declarations import get_function_name
from genai_fn.schema.functions import FunctionCall, FunctionResponse

T = TypeVar("T")


class Session(Generic[T]):
    """
    A live session: ``async with run.live(live.connect(…)) as session: …``.

    Entering the block waits until the session is ready. If it cannot be opened, nothing is raised: the first item is
    the ``Failure``, and `send` returns the same one. Iterating yields the server's messages, each as a ``Result``,
    until the session is closed; after a ``Failure`` it ends.

    >>> import anyio
    >>> from genai_fn import Offline, live
    >>> async def talk(run):
    ...     async with run.live(live.connect("gemini-live-2.5-flash-preview")) as session:
    ...         sent = await session.send(live.client_content("hi"))
    ...         items = [item async for item in session.turn()]
    ...         return sent, items[-1].unwrap().server_content.turn_complete
    >>> anyio.run(talk, Offline().aio)
    (<Success: None>, True)
    """

    def __init__(
        self,
        live: Live[T],
        connector: Connector,
        *,
        retry: Retry,
        timeouts: Timeouts,
        on_event: Callable[[Event], object] | None = None,
    ) -> None:
        self.id: str | None = None
        """The server's identifier of the session, if it sends one."""
        self._live = live
        self._connector = connector
        self._timeouts = timeouts
        self._on_event = on_event
        self._state, self._first_actions = start_session(live, retry, timeouts.total)
        self._events: deque[ProtocolEvent] = deque()
        self._is_handling = False
        self._owner: tuple[int, EventLoopToken] | None = None
        self._inbox = Inbox()
        self._tasks = BackgroundTasks(self._handle_crash)
        self._connection: LiveConnection | None = None
        self._call_scopes: dict[str, anyio.CancelScope] = {}
        self._failure: Failure[GenaiError] | None = None
        self._raised_error: Exception | None = None
        self._send_lock = anyio.Lock(fast_acquire=True)
        self._ready_event, self._closed_event = anyio.Event(), anyio.Event()
        self._room_event: anyio.Event | None = None
        self._has_yielded = False
        self._is_expiring = False
        self._leave_callbacks: list[Callable[[], object]] = []
        self._wrap_program: ProgramMiddleware | None = None

    async def send(self, *frames: ClientMessage) -> Result[None, GenaiError]:
        """
        Queue messages for sending, such as ``live.client_content(…)``.

        They are written in order, without those of other `send` calls in between. While 1 MiB or more waits to be
        written, `send` waits.

        Args:
            frames: The messages. If one cannot be encoded, none is sent.

        Returns:
            ``Success(None)`` once they are queued. Fails with `InvalidRequest` for a message that cannot be encoded,
            and with `Closed`, or the session's own failure, if the session has ended.

        Raises:
            InvalidRequest: Outside of the session's block.
        """
        self._check_entered()
        if self._has_yielded:  # one turn of the event loop is enough for a message read and its reply
            self._has_yielded = False
        else:
            await checkpoint()
        encoded: list[OutgoingFrame] = []
        for frame in frames:
            data = self._connector.encode(frame)
            if isinstance(data, Failure):
                return data
            encoded.append(_build_outgoing_frame(data.unwrap()))
        async with self._send_lock:
            for outgoing in encoded:
                while self._must_wait_for_room():
                    self._room_event = anyio.Event()
                    await self._room_event.wait()
                if self._state.is_over:
                    return self._failure or Failure(Closed("the session has ended"))
                self._handle_event(SendRequested(outgoing))
        return _SENT

    def _must_wait_for_room(self) -> bool:
        return self._state.pending_bytes >= _MAX_PENDING_BYTES and not self._state.is_over

    def __aiter__(self) -> AsyncIterator[Result[T, GenaiError]]:
        return self

    async def __anext__(self) -> Result[T, GenaiError]:
        self._check_entered()
        item = await self._inbox.take()
        self._has_yielded = True
        if self._raised_error is not None:
            raised, self._raised_error = self._raised_error, None
            raise raised
        if item is None:
            raise StopAsyncIteration
        return cast("Result[T, GenaiError]", item)

    def turn(self) -> "SessionTurn[T]":
        """Return an iterator over the messages of the model's turn, up to the one with ``turn_complete``."""
        return SessionTurn(self)

    async def close(self) -> None:
        """
        Close the session, from any task, and wait until it is closed.

        Iteration ends after the messages that have already arrived, and the session does not reconnect. If the session
        is connected, it still writes the messages that were sent before, for at most two seconds, even if this call is
        cancelled.
        """
        self._handle_event(CloseRequested())
        if not self._closed_event.is_set() and not self._is_expiring:
            self._is_expiring = True
            self._tasks.start_task(self._abort_after_timeout)
        await self._closed_event.wait()

    async def _abort_after_timeout(self) -> None:
        with anyio.move_on_after(CLOSE_TIMEOUT):
            await self._closed_event.wait()
        self.abort()

    def abort(self) -> None:
        """Close the session at once, without a closing handshake; from any task or thread."""
        if self._owner is None or self._owner[0] == threading.get_ident():
            self._abort_here()
        else:
            call_soon(self._owner[1], self._abort_here)

    def _abort_here(self) -> None:
        self._handle_event(CloseRequested())
        if self._connection is not None:
            self._connection.abort()

    async def __aenter__(self) -> Self:
        if self._owner is not None:
            raise InvalidRequest("run.live(…)", "a second block", "one block a session: call run.live(…) again")
        self._owner = threading.get_ident(), current_token()
        await self._tasks.open_group()
        try:
            if not self._state.is_over:
                self._perform_actions(self._first_actions)
            await self._ready_event.wait()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.close()
        finally:
            await self._leave()
        raised, self._raised_error = self._raised_error, None
        if raised is not None and error is not None:
            error.add_note(f"also raised in the live session: {raised!r}")
        elif raised is not None:
            raise raised

    def call_when_left(self, callback: Callable[[], object]) -> None:
        """Call a function when the block of the session has been left and all its tasks have ended."""
        self._leave_callbacks.append(callback)

    def use_program_middleware(self, wrap_program: ProgramMiddleware) -> None:
        """Wrap the programs that call functions for the model, before the block is entered."""
        self._wrap_program = wrap_program

    async def _leave(self) -> None:
        self._abort_here()
        try:
            await self._tasks.close_group()
        finally:
            for call in self._leave_callbacks:
                call()

    def _check_entered(self) -> None:
        if self._owner is None:
            raise InvalidRequest("run.live(…)", "no block", "async with: the block opens the session")

    def _handle_event(self, event: ProtocolEvent) -> None:
        """Apply an event, or queue it while another one is being applied."""
        self._events.append(event)
        if not self._is_handling:
            self._is_handling = True
            try:
                while self._events:
                    self._apply_event(self._events.popleft())
            finally:
                self._is_handling = False

    def _apply_event(self, event: ProtocolEvent) -> None:
        self._state, actions = handle_event(self._state, event)
        if self._room_event is not None and not self._must_wait_for_room():
            self._room_event.set()
            self._room_event = None
        self._perform_actions(actions)
        if self._state.phase == "closed":
            self._closed_event.set()

    def _perform_actions(self, actions: tuple[Any, ...]) -> None:
        for action in actions:
            self._PERFORMERS[type(action)](self, action)

    def _handle_crash(self, error: Exception) -> None:
        """Abort the session after an exception in user code. The next read or the end of the block raises it."""
        self._raised_error = self._raised_error or error
        self.abort()

    def _connect_socket(self, action: ConnectSocket) -> None:
        self._connection = LiveConnection(self._connector, action, self._handle_event, self._inbox, self._timeouts.idle)
        self._tasks.start_task(self._connection.run)

    def _send_setup(self, action: SendSetup) -> None:
        self._current_connection.send_setup()

    def _send_frame(self, action: SendFrame) -> None:
        self._current_connection.send_frame(action.frame)

    def _close_connection(self, action: CloseConnection) -> None:
        if self._connection is None:  # closed before its block was entered
            self._handle_event(ConnectionClosed(ABNORMAL_CLOSURE))
        else:
            self._connection.close()

    @property
    def _current_connection(self) -> LiveConnection:
        assert self._connection is not None  # noqa: S101  # ConnectSocket comes before every other action
        return self._connection

    def _set_opened(self, action: SessionOpened) -> None:
        self.id = action.session_id
        self._ready_event.set()

    def _deliver_item(self, action: DeliverItem) -> None:
        self._inbox.put(action.item, max(action.size, _MIN_MESSAGE_SIZE))

    def _finish_session(self, action: FinishSession) -> None:
        self._failure = action.failure
        if action.failure is not None:
            self._inbox.put(action.failure, 0)
        self._inbox.finish()
        self._ready_event.set()

    def _notify_listener(self, action: NotifyListener) -> None:
        if self._on_event is not None:
            try:
                self._on_event(action.event)
            except Exception as error:  # noqa: BLE001  # raised again by the next read
                self._handle_crash(error)

    def _set_timer(self, action: SetTimer) -> None:
        self._tasks.start_task(self._run_timer, action)

    async def _run_timer(self, timer: SetTimer) -> None:
        await anyio.sleep(timer.seconds)
        self._handle_event(TimerFired(timer.connection_number))

    def _start_call(self, action: StartCall) -> None:
        self._call_scopes[action.call_id] = self._tasks.start_task(self._run_call, action.call_id, action.call)

    def _cancel_calls(self, action: CancelCall) -> None:
        for call_id in action.call_ids:
            self._call_scopes.pop(call_id).cancel()

    async def _run_call(self, call_id: str, call: FunctionCall) -> None:
        options: Any = self._live.calling_options
        function = next((each for each in options.functions if get_function_name(each) == call.name), None)
        executor = AsyncExecutor(None, None, self._on_event)
        invocation = invoke_function(call, function, options.on_error)
        program = build_program(invocation, cast("Any", None))
        if self._wrap_program is not None:
            program = self._wrap_program(invocation, program)
        result = await executor.run(program)
        self._handle_event(CallAnswered(call_id, self._encode_result(result)))
        self._call_scopes.pop(call_id, None)

    def _encode_result(self, result: Result[FunctionResponse, GenaiError]) -> OutgoingFrame | GenaiError:
        encoded = result if isinstance(result, Failure) else self._connector.encode(tool_response([result.unwrap()]))
        return encoded.failure() if isinstance(encoded, Failure) else _build_outgoing_frame(encoded.unwrap())

    _PERFORMERS: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        ConnectSocket: _connect_socket,
        SendSetup: _send_setup,
        SendFrame: _send_frame,
        CloseConnection: _close_connection,
        SessionOpened: _set_opened,
        DeliverItem: _deliver_item,
        FinishSession: _finish_session,
        NotifyListener: _notify_listener,
        SetTimer: _set_timer,
        StartCall: _start_call,
        CancelCall: _cancel_calls,
    }


_SENT: Success[None] = Success(None)

_MAX_PENDING_BYTES = 1024 * 1024
"""Number of bytes that may wait to be written before `send` waits."""

_MIN_MESSAGE_SIZE = 1024
"""The minimum size that is counted for a message, because its object takes more memory than its bytes."""


def _build_outgoing_frame(data: Any) -> OutgoingFrame:
    return OutgoingFrame(data, max(len(data), _MIN_MESSAGE_SIZE) if isinstance(data, bytes) else _MIN_MESSAGE_SIZE)


class SessionTurn(Generic[T]):
    """An iterator over the messages of one turn of the model."""

    def __init__(self, session: Session[T]) -> None:
        self._session = session
        self._is_over = False

    def __aiter__(self) -> AsyncIterator[Result[T, GenaiError]]:
        return self

    async def __anext__(self) -> Result[T, GenaiError]:
        if self._is_over:
            raise StopAsyncIteration
        item = await self._session.__anext__()
        message: Any = item.unwrap() if isinstance(item, Success) else None
        content = getattr(message, "server_content", None)
        self._is_over = getattr(content, "turn_complete", None) is True
        return item
