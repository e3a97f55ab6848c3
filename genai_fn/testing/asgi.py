"""The emulator as an ASGI application, which any server of ASGI serves: HTTP, server-sent events and WebSocket."""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import anyio

from genai_fn import codec
from genai_fn.emulator import handle
from genai_fn.emulator.answers import NOTHING, told
from genai_fn.emulator.faults import Fault, invalid, refused
from genai_fn.emulator.live.conversations import Conversation, welcomed
from genai_fn.emulator.live.setup import Closed
from genai_fn.emulator.state import State
from genai_fn.emulator.troubles import HEADER, WELL, Plan, Trouble, next_trouble, planned, refusal, spoiled, trouble_of
from genai_fn.errors import InvalidRequest
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.testing.asgi_events import (
    Dropped,
    Gone,
    Receive,
    Scope,
    Send,
    frame_of,
    gathered,
    lived,
    performed,
    sought,
    waited,
)

__all__ = ["Emulator"]


class Emulator:
    """
    The API, but for the models: an ASGI application, whose state is its own.

    What is to go wrong is said by `fail`; or by a request itself, in a header ``x-emulate: status=429; retry=1.5``; or
    from another process, by ``POST /emulator/fail`` with the parameters of `fail` in JSON, beside which there are
    ``POST /emulator/reset`` and ``GET /emulator``.

    Args:
        state: What it begins with: ``State(keys=("test-key",))`` lets nobody else in.

        troubles: What goes wrong, in this order.

        clock: Tells the time at which things are said to be made.

        pause: The seconds between two messages of a live session's answer, in which a frame may come and interrupt it.
    """

    def __init__(
        self,
        state: State | None = None,
        troubles: Iterable[Trouble] = (),
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: float = 0.005,
    ) -> None:
        self._begun = (state or State(), tuple(troubles))
        self._clock = clock
        self._pause = pause
        self._lock = threading.Lock()  # a test is in one thread, the server in another
        self.reset()

    def reset(self) -> None:
        """Begin anew: with the first state and the first troubles, and nothing asked."""
        with self._lock:
            self._state, self._troubles = self._begun
            self._asked: deque[tuple[str, str]] = deque(maxlen=_REMEMBERED)

    @property
    def state(self) -> State:
        """All that was made so far."""
        return self._state

    @property
    def asked(self) -> tuple[tuple[str, str], ...]:
        """Method and path of what was asked so far; of a long story, the end."""
        with self._lock:
            return tuple(self._asked)

    def fail(
        self,
        *,
        status: int | None = None,
        retry: float | None = None,
        delay: float = 0.0,
        cut: int | None = None,
        malformed: bool = False,
        path: str = "",
        times: int = 1,
    ) -> None:
        """
        Let something go wrong with the next requests.

        Args:
            status: An error in the place of the answer, as 429.

            retry: The seconds after which that error advises to try again.

            delay: The seconds before the answer begins.

            cut: The bytes of its body after which the connection is dropped.

            malformed: Whether its JSON breaks off.

            path: What is in the path of these requests: ``":generateContent"``, ``"/files"``; nothing means all.

            times: How many of them it befalls.
        """
        said = {"status": status, "retry": retry, "delay": delay, "cut": cut, "malformed": malformed}
        self._fail(trouble_of({**said, "path": path, "times": times}))

    def _fail(self, trouble: Trouble) -> None:
        with self._lock:
            self._troubles = (*self._troubles, trouble)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, one session, or the server's own coming and going."""
        with suppress(Gone):
            match scope["type"]:
                case "http":
                    request = await gathered(scope, receive)
                    await performed(self._plan(scope["path"], request), receive, send)
                case "websocket":
                    await self._conversed(scope, receive, send)
                case _:
                    await lived(receive, send)

    # What is answered

    def _plan(self, path: str, request: HttpRequest) -> Plan:
        if path == _OWN or path.startswith(f"{_OWN}/"):
            return planned(self._managed(path, request))
        trouble, refused_by = self._met(path, request)
        return planned(refused_by or self._answered(request), trouble)

    def _met(self, path: str, request: HttpRequest) -> tuple[Trouble, HttpResponse | None]:
        """Note a request, find what goes wrong with it, and the error that it is answered with, if it is."""
        header = dict(request.headers).get(HEADER)
        with self._lock:
            self._asked.append((request.method, path))
            if header is None:
                trouble, self._troubles = next_trouble(self._troubles, path)
                return trouble, refusal(trouble)
        try:
            trouble = trouble_of(header)
        except InvalidRequest as error:
            return WELL, refused(invalid(str(error)))
        return trouble, refusal(trouble)

    def _answered(self, request: HttpRequest) -> HttpResponse:
        with self._lock:
            try:
                self._state, response = handle(self._state, request, self._clock())
            except Exception as error:  # noqa: BLE001  # a mistake of the emulator's, told to whom it befalls
                return refused(Fault(500, "INTERNAL", f"The emulator itself failed: {error!r}"))
            return response

    def _managed(self, path: str, request: HttpRequest) -> HttpResponse:
        match request.method, path.removeprefix(_OWN), request.body:
            case "GET", "", _:
                return told({"asked": self.asked, "troubles": self._troubles})
            case "POST", "/reset", _:
                self.reset()
                return NOTHING
            case "POST", "/fail", bytes(body):
                try:
                    self._fail(trouble_of(codec.decode(body, dict[str, Any])))
                except ValueError as error:  # of JSON, of UTF-8, and InvalidRequest
                    return refused(invalid(str(error)))
                return NOTHING
            case _:
                return refused(Fault(404, "NOT_FOUND", f"There are GET {_OWN}, POST {_OWN}/fail, POST {_OWN}/reset."))

    # Sessions

    async def _conversed(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await sought(scope, receive)
        trouble, refused_by = self._met(scope["path"], request)
        try:
            conversation = welcomed(self._state, request)
        except Fault as fault:
            conversation, refused_by = Conversation(), refused_by or refused(fault)
        if refused_by is not None:
            await performed(planned(refused_by, trouble), receive, send, "websocket.http")
            return
        await waited(trouble.delay, receive)
        await send({"type": "websocket.accept"})
        try:
            await self._talked(conversation, trouble, receive, send)
        except Closed as end:
            await send({"type": "websocket.close", "code": end.code, "reason": end.reason})

    async def _talked(self, conversation: Conversation, trouble: Trouble, receive: Receive, send: Send) -> None:
        """Hear frame after frame, and answer message by message, until either side ends it."""
        unsaid: tuple[bytes, ...] = ()
        end = math.inf
        while True:
            frame = await frame_of(receive, self._pause if unsaid else end - anyio.current_time())
            if frame is not None:
                conversation, unsaid = self._heard(conversation, frame, unsaid)
                if conversation.time_left is not None:
                    end = min(end, anyio.current_time() + conversation.time_left)
            elif not unsaid:
                raise Closed(1008, _OVER)
            if unsaid:
                said, trouble = spoiled(unsaid[0], trouble)
                if said is None:
                    raise Dropped
                await send({"type": "websocket.send", "bytes": said})
                unsaid = unsaid[1:]

    def _heard(
        self, conversation: Conversation, frame: bytes | str, unsaid: tuple[bytes, ...]
    ) -> tuple[Conversation, tuple[bytes, ...]]:
        with self._lock:
            try:
                self._state, conversation, answers = conversation.heard(self._state, frame, self._clock(), unsaid)
            except Closed:
                raise
            except Exception as error:  # noqa: BLE001  # a mistake of the emulator's, told to whom it befalls
                raise Closed(1011, f"The emulator itself failed: {error!r}") from error
            return conversation, answers


_OVER = "Connection aborted because the client failed to close the connection after receiving a GoAway signal"
_OWN = "/emulator"
_REMEMBERED = 10_000
