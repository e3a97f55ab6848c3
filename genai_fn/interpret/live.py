"""Live sessions, asyncio and trio alike: what performs the actions of their protocol, and what people hold in hand."""

import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

import anyio
from anyio.lowlevel import EventLoopToken, checkpoint, current_token
from returns.result import Failure, Result, Success

from genai_fn.errors import Closed, GenaiError, InvalidRequest
from genai_fn.events import Event as News
from genai_fn.flows.invoking import invoked
from genai_fn.interpret.async_world import AsyncWorld, soon
from genai_fn.interpret.inbox import Inbox
from genai_fn.interpret.live_connection import PATIENCE, Connection
from genai_fn.interpret.sockets import Wiring
from genai_fn.interpret.tasks import Tasks
from genai_fn.ops.live import tool_response
from genai_fn.options import Retry, Timeouts
from genai_fn.request import Live
from genai_fn.schema import FunctionCall, FunctionResponse
from genai_fn.schema.callables import name_of
from genai_fn.sessions.frames import Frame
from genai_fn.sessions.moves import (
    Alarm,
    Alarmed,
    Answered,
    Begin,
    Call,
    Cancel,
    Deliver,
    Dial,
    Ended,
    Event,
    Finish,
    Hang,
    Introduce,
    LetGo,
    Offered,
    Tell,
    Write,
)
from genai_fn.sessions.moves import Frame as Written
from genai_fn.sessions.protocol import CUT, begun, step
from genai_fn.steps import program

__all__ = ["Session", "Turn"]

T = TypeVar("T")


class Session(Generic[T]):
    """
    A live session: ``async with run.live(live.connect(…)) as session: …``.

    Iterating gives what the model says, each message a ``Result``, until the session is closed; a failure is the last.
    Entering the block waits until the session is set up, or has failed: then its first item says why.
    """

    def __init__(
        self,
        live: Live[T],
        wiring: Wiring,
        *,
        retry: Retry,
        timeouts: Timeouts,
        on_event: Callable[[News], object] | None = None,
    ) -> None:
        self.id: str | None = None
        """What the server calls the session, if it says so."""
        self._live = live
        self._wiring = wiring
        self._timeouts = timeouts
        self._on_event = on_event
        self._state, self._first = begun(live, retry, timeouts.total)
        self._events: deque[Event] = deque()
        self._is_stepping = False
        self._place: tuple[int, EventLoopToken] | None = None
        self._inbox = Inbox()
        self._tasks = Tasks(self._crashed)
        self._connection: Connection | None = None
        self._calls: dict[str, anyio.CancelScope] = {}
        self._failure: Failure[GenaiError] | None = None
        self._raised: Exception | None = None
        self._sending = anyio.Lock(fast_acquire=True)
        self._ready, self._gone, self._drained = anyio.Event(), anyio.Event(), anyio.Event()
        self._is_expiring = False

    async def send(self, *frames: Frame) -> Result[None, GenaiError]:
        """
        Say something: frames that ``live.client_content(…)`` and its like make, in order.

        Success says that they will go out, whole and in this order, as soon as those before them are out; who sends
        faster than the peer reads waits. Of frames that cannot be sent none is.
        """
        self._must_be_entered()
        await checkpoint()
        encoded: list[Written] = []
        for frame in frames:
            written = self._wiring.encode(frame)
            if isinstance(written, Failure):
                return written
            encoded.append(_sized(written.unwrap()))
        async with self._sending:
            for each in encoded:
                while self._state.waiting >= _MOST_WAITING and not self._state.is_over:
                    self._drained = anyio.Event()
                    await self._drained.wait()
                if self._state.is_over:
                    return self._failure or Failure(Closed("the session has ended"))
                self._feed(Offered(each))
        return Success(None)

    def __aiter__(self) -> AsyncIterator[Result[T, GenaiError]]:
        return self

    async def __anext__(self) -> Result[T, GenaiError]:
        self._must_be_entered()
        item = await self._inbox.take()
        if self._raised is not None:
            raised, self._raised = self._raised, None
            raise raised
        if item is None:
            raise StopAsyncIteration
        return cast("Result[T, GenaiError]", item)

    def turn(self) -> "Turn[T]":
        """Iterate to the end of the model's turn: the message that says ``turn_complete`` is the last."""
        return Turn(self)

    async def close(self) -> None:
        """
        Close the session, from any task: what was sent before still goes out, as far as that takes no longer than two
        seconds, even if whoever waits for it is cancelled. It never connects again, and whoever reads comes to the end.
        """
        self._feed(LetGo())
        if not self._gone.is_set() and not self._is_expiring:
            self._is_expiring = True
            self._tasks.begin(self._expire)
        await self._gone.wait()

    async def _expire(self) -> None:
        with anyio.move_on_after(PATIENCE):
            await self._gone.wait()
        self.cut()

    def cut(self) -> None:
        """Close the session at once, and say no goodbye; from any task or thread."""
        if self._place is None or self._place[0] == threading.get_ident():
            self._cut()
        else:
            soon(self._place[1], self._cut)

    def _cut(self) -> None:
        self._feed(LetGo())
        if self._connection is not None:
            self._connection.cut()

    async def __aenter__(self) -> Self:
        if self._place is not None:
            raise InvalidRequest("run.live(…)", "a second block", "one: describe the session, and open it anew")
        self._place = threading.get_ident(), current_token()
        await self._tasks.enter()
        try:
            if not self._state.is_over:
                self._perform(self._first)
            await self._ready.wait()
        except BaseException:
            await self._left()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.close()
        finally:
            await self._left()
        raised, self._raised = self._raised, None
        if raised is not None and error is not None:
            error.add_note(f"beside it, in the live session: {raised!r}")
        elif raised is not None:
            raise raised

    async def _left(self) -> None:
        self._cut()
        await self._tasks.leave()

    def _must_be_entered(self) -> None:
        if self._place is None:
            raise InvalidRequest("run.live(…)", "no block", "async with: a session is opened by its block")

    # The protocol

    def _feed(self, event: Event) -> None:
        """Take in an event, after those before it: what follows from one may be another."""
        self._events.append(event)
        if not self._is_stepping:
            self._is_stepping = True
            try:
                while self._events:
                    self._step(self._events.popleft())
            finally:
                self._is_stepping = False

    def _step(self, event: Event) -> None:
        before = self._state.waiting
        self._state, actions = step(self._state, event)
        if self._state.waiting < before or self._state.is_over:
            self._drained.set()
        self._perform(actions)
        if self._state.phase == "over":
            self._gone.set()

    def _perform(self, actions: tuple[Any, ...]) -> None:
        for action in actions:
            self._WAYS[type(action)](self, action)

    def _crashed(self, error: Exception) -> None:
        """End the session by what a function of the caller's raised; whoever reads, or leaves, raises it."""
        self._raised = self._raised or error
        self.cut()

    def _dial(self, action: Dial) -> None:
        self._connection = Connection(self._wiring, action, self._feed, self._inbox, self._timeouts.idle)
        self._tasks.begin(self._connection.run)

    def _introduce(self, action: Introduce) -> None:
        self._current.introduce()

    def _write(self, action: Write) -> None:
        self._current.write(action.frame)

    def _hang(self, action: Hang) -> None:
        if self._connection is None:  # closed before it was entered
            self._feed(Ended(CUT))
        else:
            self._connection.hang()

    @property
    def _current(self) -> Connection:
        assert self._connection is not None  # noqa: S101  # the protocol speaks of one only after it had one dialled
        return self._connection

    def _begin(self, action: Begin) -> None:
        self.id = action.identity
        self._ready.set()

    def _deliver(self, action: Deliver) -> None:
        self._inbox.put(action.item, max(action.size, _LEAST))

    def _finish(self, action: Finish) -> None:
        self._failure = action.failure
        if action.failure is not None:
            self._inbox.put(action.failure, 0)
        self._inbox.finish()
        self._ready.set()

    def _tell(self, action: Tell) -> None:
        if self._on_event is not None:
            try:
                self._on_event(action.news)
            except Exception as error:  # noqa: BLE001  # the caller's own, raised again where it is seen
                self._crashed(error)

    def _alarm(self, action: Alarm) -> None:
        self._tasks.begin(self._rung, action)

    async def _rung(self, alarm: Alarm) -> None:
        await anyio.sleep(alarm.seconds)
        self._feed(Alarmed(alarm.number))

    # Functions

    def _call(self, action: Call) -> None:
        self._calls[action.identity] = self._tasks.begin(self._called, action.identity, action.call)

    def _cancel(self, action: Cancel) -> None:
        for identity in action.identities:
            self._calls.pop(identity).cancel()

    async def _called(self, identity: str, call: FunctionCall) -> None:
        offer: Any = self._live.offer
        function = next((each for each in offer.functions if name_of(each) == call.name), None)
        world = AsyncWorld(None, None, self._on_event)
        said = await world.run(program(invoked(call, function, offer.on_error), cast("Any", None)))
        self._feed(Answered(identity, self._outcome(said)))
        self._calls.pop(identity, None)

    def _outcome(self, said: Result[FunctionResponse, GenaiError]) -> Written | GenaiError:
        encoded = said if isinstance(said, Failure) else self._wiring.encode(tool_response([said.unwrap()]))
        return encoded.failure() if isinstance(encoded, Failure) else _sized(encoded.unwrap())

    _WAYS: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        Dial: _dial,
        Introduce: _introduce,
        Write: _write,
        Hang: _hang,
        Begin: _begin,
        Deliver: _deliver,
        Finish: _finish,
        Tell: _tell,
        Alarm: _alarm,
        Call: _call,
        Cancel: _cancel,
    }


_MOST_WAITING = 1024 * 1024
"""How many bytes may wait to be written before whoever sends waits, too."""

_LEAST = 1024
"""What the smallest message counts, as it takes more to hold than its bytes."""


def _sized(data: Any) -> Written:
    return Written(data, max(len(data), _LEAST) if isinstance(data, bytes) else _LEAST)


class Turn(Generic[T]):
    """What the model says, to the end of its turn."""

    def __init__(self, session: Session[T]) -> None:
        self._session = session
        self._is_over = False

    def __aiter__(self) -> AsyncIterator[Result[T, GenaiError]]:
        return self

    async def __anext__(self) -> Result[T, GenaiError]:
        if self._is_over:
            raise StopAsyncIteration
        item = await self._session.__anext__()
        said: Any = item.unwrap() if isinstance(item, Success) else None
        content = getattr(said, "server_content", None)
        self._is_over = getattr(content, "turn_complete", None) is True
        return item
