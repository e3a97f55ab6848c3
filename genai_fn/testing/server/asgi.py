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
from genai_fn.emulator import handle_request
from genai_fn.emulator.live.connections import EmulatedConnection, open_connection
from genai_fn.emulator.live.setup import EmulatedClose
from genai_fn.emulator.server.faults import EmulatedFault, build_fault_response, make_invalid_argument
from genai_fn.emulator.server.injected_faults import (
    FAULT_HEADER,
    NO_FAULT,
    InjectedFault,
    ResponsePlan,
    build_error_response,
    corrupt_message,
    parse_injected_fault,
    plan_response,
    take_injected_fault,
)
from genai_fn.emulator.server.responses import EMPTY_RESPONSE, build_json_response
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.errors import InvalidRequest
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.testing.server.asgi_events import (
    ClientDisconnected,
    ConnectionDropped,
    Receive,
    Scope,
    Send,
    read_frame,
    read_request,
    read_session_request,
    send_response,
    serve_lifespan,
    wait_for_delay,
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
        state: EmulatorState | None = None,
        faults: Iterable[InjectedFault] = (),
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: float = 0.005,
    ) -> None:
        self._initial = (state or EmulatorState(), tuple(faults))
        self._clock = clock
        self._pause = pause
        self._lock = threading.Lock()  # a test is in one thread, the server in another
        self.reset()

    def reset(self) -> None:
        """Begin anew: with the first state and the first troubles, and nothing asked."""
        with self._lock:
            self._state, self._faults = self._initial
            self._requests: deque[tuple[str, str]] = deque(maxlen=_MAX_REMEMBERED_REQUESTS)

    @property
    def state(self) -> EmulatorState:
        """All that was made so far."""
        return self._state

    @property
    def requests(self) -> tuple[tuple[str, str], ...]:
        """Method and path of what was asked so far; of a long story, the end."""
        with self._lock:
            return tuple(self._requests)

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
        self._add_fault(parse_injected_fault({**said, "path": path, "times": times}))

    def _add_fault(self, trouble: InjectedFault) -> None:
        with self._lock:
            self._faults = (*self._faults, trouble)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, one session, or the server's own coming and going."""
        with suppress(ClientDisconnected):
            match scope["type"]:
                case "http":
                    request = await read_request(scope, receive)
                    await send_response(self._plan_response(scope["path"], request), receive, send)
                case "websocket":
                    await self._serve_session(scope, receive, send)
                case _:
                    await serve_lifespan(receive, send)

    # What is answered

    def _plan_response(self, path: str, request: HttpRequest) -> ResponsePlan:
        if path == _CONTROL_PATH or path.startswith(f"{_CONTROL_PATH}/"):
            return plan_response(self._answer_control_request(path, request))
        trouble, refused_by = self._match_fault(path, request)
        return plan_response(refused_by or self._answer_request(request), trouble)

    def _match_fault(self, path: str, request: HttpRequest) -> tuple[InjectedFault, HttpResponse | None]:
        """Note a request, find what goes wrong with it, and the error that it is answered with, if it is."""
        header = dict(request.headers).get(FAULT_HEADER)
        with self._lock:
            self._requests.append((request.method, path))
            if header is None:
                trouble, self._faults = take_injected_fault(self._faults, path)
                return trouble, build_error_response(trouble)
        try:
            trouble = parse_injected_fault(header)
        except InvalidRequest as error:
            return NO_FAULT, build_fault_response(make_invalid_argument(str(error)))
        return trouble, build_error_response(trouble)

    def _answer_request(self, request: HttpRequest) -> HttpResponse:
        with self._lock:
            try:
                self._state, response = handle_request(self._state, request, self._clock())
            except Exception as error:  # noqa: BLE001  # a mistake of the emulator's, told to whom it befalls
                return build_fault_response(EmulatedFault(500, "INTERNAL", f"The emulator itself failed: {error!r}"))
            return response

    def _answer_control_request(self, path: str, request: HttpRequest) -> HttpResponse:
        match request.method, path.removeprefix(_CONTROL_PATH), request.body:
            case "GET", "", _:
                return build_json_response({"requests": self.requests, "faults": self._faults})
            case "POST", "/reset", _:
                self.reset()
                return EMPTY_RESPONSE
            case "POST", "/fail", bytes(body):
                try:
                    self._add_fault(parse_injected_fault(codec.decode(body, dict[str, Any])))
                except ValueError as error:  # of JSON, of UTF-8, and InvalidRequest
                    return build_fault_response(make_invalid_argument(str(error)))
                return EMPTY_RESPONSE
            case _:
                return build_fault_response(
                    EmulatedFault(
                        404,
                        "NOT_FOUND",
                        f"There are GET {_CONTROL_PATH}, POST {_CONTROL_PATH}/fail, POST {_CONTROL_PATH}/reset.",
                    )
                )

    # Sessions

    async def _serve_session(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await read_session_request(scope, receive)
        trouble, refused_by = self._match_fault(scope["path"], request)
        try:
            conversation = open_connection(self._state, request)
        except EmulatedFault as fault:
            conversation, refused_by = EmulatedConnection(), refused_by or build_fault_response(fault)
        if refused_by is not None:
            await send_response(plan_response(refused_by, trouble), receive, send, "websocket.http")
            return
        await wait_for_delay(trouble.delay, receive)
        await send({"type": "websocket.accept"})
        try:
            await self._exchange_frames(conversation, trouble, receive, send)
        except EmulatedClose as end:
            await send({"type": "websocket.close", "code": end.code, "reason": end.reason})

    async def _exchange_frames(
        self, conversation: EmulatedConnection, trouble: InjectedFault, receive: Receive, send: Send
    ) -> None:
        """Hear frame after frame, and answer message by message, until either side ends it."""
        unsaid: tuple[bytes, ...] = ()
        end = math.inf
        while True:
            frame = await read_frame(receive, self._pause if unsaid else end - anyio.current_time())
            if frame is not None:
                conversation, unsaid = self._receive_frame(conversation, frame, unsaid)
                if conversation.time_left is not None:
                    end = min(end, anyio.current_time() + conversation.time_left)
            elif not unsaid:
                raise EmulatedClose(1008, _GO_AWAY_REASON)
            if unsaid:
                said, trouble = corrupt_message(unsaid[0], trouble)
                if said is None:
                    raise ConnectionDropped
                await send({"type": "websocket.send", "bytes": said})
                unsaid = unsaid[1:]

    def _receive_frame(
        self, conversation: EmulatedConnection, frame: bytes | str, unsaid: tuple[bytes, ...]
    ) -> tuple[EmulatedConnection, tuple[bytes, ...]]:
        with self._lock:
            try:
                self._state, conversation, answers = conversation.receive_frame(
                    self._state, frame, self._clock(), unsaid
                )
            except EmulatedClose:
                raise
            except Exception as error:  # noqa: BLE001  # a mistake of the emulator's, told to whom it befalls
                raise EmulatedClose(1011, f"The emulator itself failed: {error!r}") from error
            return conversation, answers


_GO_AWAY_REASON = "Connection aborted because the client failed to close the connection after receiving a GoAway signal"
_CONTROL_PATH = "/emulator"
_MAX_REMEMBERED_REQUESTS = 10_000
