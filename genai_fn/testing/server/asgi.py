"""The emulator as an ASGI application: HTTP, server-sent events and WebSocket."""

import math
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal

import anyio
from anyio import to_thread

from genai_fn import codec
from genai_fn.emulator.live.connections import EmulatedConnection, open_connection
from genai_fn.emulator.live.setup import EmulatedClose
from genai_fn.emulator.openai.errors import format_error_response
from genai_fn.emulator.routes import EmulatedExchange, run_exchange
from genai_fn.emulator.scripts.functions import FunctionResult, PendingCall, call_function, make_function_fault
from genai_fn.emulator.scripts.parsing import build_script_schema
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
from genai_fn.interpreters.offline.script_files import ScriptSource, read_script
from genai_fn.testing.server.asgi_events import (
    BodyTooLarge,
    ClientDisconnected,
    ConnectionDropped,
    Receive,
    Scope,
    Send,
    read_frame,
    read_headers,
    read_request,
    read_session_request,
    send_response,
    serve_lifespan,
    wait_for_delay,
)
from genai_fn.testing.server.browser_checks import find_refusal
from genai_fn.testing.server.request_log import ReceivedRequest, RequestLog


class Emulator:
    """
    An ASGI application that emulates the API with canned model answers. Each instance has its own state.

    There are three ways to inject a fault: call `fail`; send a request with a header such as
    ``x-emulate: status=429; retry=1.5``; or, from another process, send ``POST /emulator/fail`` with the parameters of
    `fail` as JSON. ``POST /emulator/reset`` resets the emulator, ``GET /emulator`` returns the requests received and
    the pending faults.

    A script replaces the canned answers: ``POST /emulator/script`` does what `load_script` does, and
    ``GET /emulator/requests`` returns what `received` returns.

    Args:
        state: Initial state. ``EmulatorState(api_keys=("test-key",))`` accepts no other key.

        faults: Faults to inject, in this order.

        script: Initial script, as `load_script` accepts it.

        clock: Returns the time for creation and update times. Default: the current time in UTC.

        pause: Seconds between two messages of a Live answer; a message that arrives meanwhile can interrupt the answer.

        allowed_hosts: Host names, besides addresses and ``localhost``, under which it is reached, and whose web pages
            may use it. Requests for other hosts and of other web pages are refused with status 403.

    Raises:
        InvalidRequest: If the script does not fit, where the error names the place, or `allowed_hosts` is a text.

    >>> from genai_fn import Gemini, Http, Retry, generate
    >>> from genai_fn.testing import serve_emulator
    >>> emulator = Emulator()
    >>> emulator.fail(status=429)
    >>> with serve_emulator(emulator) as url, Http(Gemini("test-key", base_url=url), retry=Retry(attempts=1)) as run:
    ...     print(run(generate("gemini-2.5-flash", "hi")).failure())
    429 RESOURCE_EXHAUSTED: ...
    """

    def __init__(
        self,
        state: EmulatorState | None = None,
        faults: Iterable[InjectedFault] = (),
        *,
        script: ScriptSource | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: float = 0.005,
        allowed_hosts: Iterable[str] = (),
    ) -> None:
        state = state or EmulatorState()
        self._initial = (state if script is None else state.with_script(read_script(script)), tuple(faults))
        self._clock = clock
        self._pause = pause
        if isinstance(allowed_hosts, str):  # its characters would be names
            raise InvalidRequest("allowed_hosts", allowed_hosts, "a list of host names")
        self._allowed_hosts = tuple(allowed_hosts)
        # the test, the server and the functions of scripts run in different threads
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Restore the initial state, script and faults, and forget the requests received."""
        with self._lock:
            self._state, self._faults = self._initial
            self._log = RequestLog()

    @property
    def state(self) -> EmulatorState:
        """The current state: files, caches, jobs and other resources."""
        return self._state

    @property
    def requests(self) -> tuple[tuple[str, str], ...]:
        """Method and path, up to 2,000 characters, of the requests received; at most the last 10,000."""
        with self._lock:
            return self._log.list_paths()

    @property
    def received(self) -> tuple[ReceivedRequest, ...]:
        """
        The requests received, as data: ``method``, ``path``, ``body`` decoded from JSON, ``status``, ``steps``.

        At most the last 10,000, with at most 64 MiB of bodies.
        """
        with self._lock:
            return self._log.list_requests()

    @property
    def remaining_steps(self) -> tuple[int, ...]:
        """Numbers, from 1, of the steps of the script that are left. Steps without a limit always are."""
        script = self._state.script
        return () if script is None else tuple(each.number for each in script.pending)

    def load_script(self, script: ScriptSource | None) -> None:
        """
        Replace the script: what the model answers from now on, until `reset`.

        Args:
            script: An object with ``steps``, or a list of steps; the path of a JSON file that contains either; or a
                function that receives a `ScriptedRequest` and returns a text, an answer, or None for a canned answer.
                The function is called in a thread, and may use this emulator. None removes the script.

        Raises:
            InvalidRequest: If the script does not fit; the error names the place.

            OSError: If the file cannot be read.
        """
        parsed = None if script is None else read_script(script)
        with self._lock:
            self._state = self._state.with_script(parsed)

    def fail(
        self,
        *,
        status: int | None = None,
        retry: float | None = None,
        delay: float = 0.0,
        cut: int | None = None,
        malformed: bool = False,
        abort: Literal["pretty", "line"] | None = None,
        events: int = 1,
        path: str = "",
        times: int = 1,
    ) -> None:
        """
        Inject a fault into the next requests.

        Args:
            status: Status code of an error to return instead of the response, such as 429.

            retry: Retry delay in seconds that the error recommends.

            delay: Seconds to wait before the response starts.

            cut: Number of bytes of the body after which the connection is dropped.

            malformed: Whether to send truncated JSON.

            abort: How to write an error that ends a stream, as Google's servers do: bare JSON after the events,
                ``"pretty"`` or on one ``"line"``. Its status is ``status``, or 503.

            events: Number of events before that error.

            path: Text that the path of a request must contain, such as ``":generateContent"`` or ``"/files"``. Default:
                any path matches.

            times: Number of requests to inject the fault into.

        Raises:
            InvalidRequest: If a parameter is out of range, or 1,000 faults are pending.
        """
        error = {"status": status, "retry": retry, "abort": abort, "events": events}
        transfer = {"delay": delay, "cut": cut, "malformed": malformed}
        self._add_fault(parse_injected_fault({**error, **transfer, "path": path, "times": times}))

    def _add_fault(self, fault: InjectedFault) -> None:
        with self._lock:
            if len(self._faults) >= _MAX_FAULTS:
                raise InvalidRequest("fault", fault, f"at most {_MAX_FAULTS} that have not occurred yet")
            self._faults = (*self._faults, fault)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope: an HTTP request, a WebSocket session, or the lifespan of the server."""
        with suppress(ClientDisconnected):
            match scope["type"]:
                case "http":
                    await send_response(await self._handle_http(scope, receive), receive, send)
                case "websocket":
                    await self._serve_session(scope, receive, send)
                case _:
                    await serve_lifespan(receive, send)

    def _refuse_page(self, scope: Scope) -> HttpResponse | None:
        """Return a response that refuses a request of a web page, or for a host that is not allowed."""
        reason = find_refusal(read_headers(scope), self._allowed_hosts)
        if reason is None:
            return None
        hint = "name it in Emulator(allowed_hosts=…), or after --allow-host"
        return build_fault_response(EmulatedFault(403, "PERMISSION_DENIED", f"The emulator: {reason}; {hint}."))

    # HTTP

    async def _handle_http(self, scope: Scope, receive: Receive) -> ResponsePlan:
        refusal = self._refuse_page(scope)
        if refusal is not None:
            return plan_response(refusal)
        max_bytes = self._state.max_kept_bytes
        try:
            request = await read_request(scope, receive, max_bytes)
        except BodyTooLarge:
            message = f"The emulator accepts a body of at most {max_bytes} bytes."
            return plan_response(build_fault_response(EmulatedFault(413, "INVALID_ARGUMENT", message)))
        return await self._plan_response(scope["path"], request)

    async def _plan_response(self, path: str, request: HttpRequest) -> ResponsePlan:
        if path == _CONTROL_PATH or path.startswith(f"{_CONTROL_PATH}/"):
            return plan_response(self._answer_control_request(path, request))
        with self._lock:
            fault, error_response = self._match_fault(path, request)
            if error_response is not None:
                self._log.append(request, path, error_response.status)
                return plan_response(error_response, fault)
        results: tuple[FunctionResult, ...] = ()
        while (exchange := self._run_exchange(path, request, results)).pending_calls:
            # in a thread and without the lock: the function of a script may wait, and use the emulator
            results = (*results, *await to_thread.run_sync(_call_functions, exchange, abandon_on_cancel=True))
        return plan_response(exchange.response, fault, exchange.delivery, path)

    def _match_fault(self, path: str, request: HttpRequest) -> tuple[InjectedFault, HttpResponse | None]:
        """Return the fault of a request, and the error response that it produces, if any. The caller holds the lock."""
        header = dict(request.headers).get(FAULT_HEADER)
        if header is None:
            fault, self._faults = take_injected_fault(self._faults, path)
        else:
            try:
                fault = parse_injected_fault(header)
            except InvalidRequest as error:
                return NO_FAULT, build_fault_response(make_invalid_argument(str(error)))
        response = build_error_response(fault)
        return fault, None if response is None else format_error_response(path, response)

    def _run_exchange(self, path: str, request: HttpRequest, results: tuple[FunctionResult, ...]) -> EmulatedExchange:
        """Handle a request, keep the next state, and remember the request once it has a response."""
        with self._lock:
            try:
                exchange = run_exchange(self._state, request, self._clock(), results)
            except Exception as error:  # noqa: BLE001  # a bug of the emulator: report it to the client
                fault = EmulatedFault(500, "INTERNAL", f"Internal error of the emulator: {error!r}")
                exchange = EmulatedExchange(self._state, build_fault_response(fault))
            self._state = exchange.state
            if not exchange.pending_calls:
                self._log.append(request, path, exchange.response.status, exchange.step_numbers)
        return exchange

    def _answer_control_request(self, path: str, request: HttpRequest) -> HttpResponse:
        try:
            match request.method, path.removeprefix(_CONTROL_PATH), request.body:
                case "GET", "", _:
                    status = {"requests": self.requests, "faults": self._faults, "remainingSteps": self.remaining_steps}
                    return build_json_response(status)
                case "GET", "/requests", _:
                    return build_json_response({"requests": self.received})
                case "GET", "/script/schema", _:
                    return build_json_response(build_script_schema())
                case "POST", "/script", bytes(body):
                    self.load_script(body)
                case "DELETE", "/script", _:
                    self.load_script(None)
                case "POST", "/reset", _:
                    self.reset()
                case "POST", "/fail", bytes(body):
                    self._add_fault(parse_injected_fault(codec.decode(body, dict[str, Any])))
                case _:
                    return build_fault_response(EmulatedFault(404, "NOT_FOUND", _CONTROL_HINT))
        except ValueError as error:  # invalid JSON or UTF-8, or InvalidRequest
            return build_fault_response(make_invalid_argument(str(error)))
        return EMPTY_RESPONSE

    # Sessions

    async def _serve_session(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await read_session_request(scope, receive)
        refused = self._refuse_page(scope)
        if refused is not None:
            await send_response(plan_response(refused), receive, send, "websocket.http")
            return
        with self._lock:
            fault, error_response = self._match_fault(scope["path"], request)
            self._log.append(request, scope["path"])
        try:
            connection = open_connection(self._state, request)
        except EmulatedFault as refusal:
            connection, error_response = EmulatedConnection(), error_response or build_fault_response(refusal)
        if error_response is not None:
            await send_response(plan_response(error_response, fault), receive, send, "websocket.http")
            return
        await wait_for_delay(fault.delay, receive)
        await send({"type": "websocket.accept"})
        try:
            await self._exchange_frames(connection, fault, receive, send)
        except EmulatedClose as close:
            await send({"type": "websocket.close", "code": close.code, "reason": close.reason})

    async def _exchange_frames(
        self, connection: EmulatedConnection, fault: InjectedFault, receive: Receive, send: Send
    ) -> None:
        """Read frames and send answers, one message at a time, until either side closes the session."""
        unsent: tuple[bytes, ...] = ()
        deadline = math.inf
        while True:
            frame = await self._read_frame(receive, unsent, deadline)
            if frame is not None:
                connection, unsent = self._receive_frame(connection, frame, unsent)
                if connection.time_left is not None:
                    deadline = min(deadline, anyio.current_time() + connection.time_left)
            elif not unsent:
                raise EmulatedClose(1008, _GO_AWAY_REASON)
            if unsent:
                message, fault = corrupt_message(unsent[0], fault)
                if message is None:
                    raise ConnectionDropped
                await send({"type": "websocket.send", "bytes": message})
                unsent = unsent[1:]

    async def _read_frame(self, receive: Receive, unsent: tuple[bytes, ...], deadline: float) -> bytes | str | None:
        """
        Read the next frame; None if none arrives before the next message is due, or before the deadline.

        While many bytes are unsent, no frame is read, so that a client that sends faster than it is answered has to
        wait.
        """
        if sum(map(len, unsent)) > _MAX_UNSENT_BYTES:
            await anyio.sleep(self._pause)
            return None
        return await read_frame(receive, self._pause if unsent else deadline - anyio.current_time())

    def _receive_frame(
        self, connection: EmulatedConnection, frame: bytes | str, unsent: tuple[bytes, ...]
    ) -> tuple[EmulatedConnection, tuple[bytes, ...]]:
        with self._lock:
            try:
                self._state, connection, answers = connection.receive_frame(self._state, frame, self._clock(), unsent)
            except EmulatedClose:
                raise
            except Exception as error:  # a bug of the emulator: report it to the client
                raise EmulatedClose(1011, f"Internal error of the emulator: {error!r}") from error
            return connection, answers


def _call_functions(exchange: EmulatedExchange) -> tuple[FunctionResult, ...]:
    return tuple(map(_call_function, exchange.pending_calls))


def _call_function(pending: PendingCall) -> FunctionResult:
    """Call the function of a script in a thread, which no ``BaseException`` leaves, such as that of ``pytest.fail``."""
    try:
        return call_function(pending)
    except BaseException as error:  # noqa: BLE001  # it would end the server
        return make_function_fault(pending, f"it raised {error!r}")


_GO_AWAY_REASON = "Connection aborted because the client failed to close the connection after receiving a GoAway signal"
_CONTROL_PATH = "/emulator"
_CONTROL_HINT = (
    f"Use GET {_CONTROL_PATH}, GET {_CONTROL_PATH}/requests, GET {_CONTROL_PATH}/script/schema, POST or DELETE"
    f" {_CONTROL_PATH}/script, POST {_CONTROL_PATH}/fail or POST {_CONTROL_PATH}/reset."
)
_MAX_FAULTS = 1000
_MAX_UNSENT_BYTES = 1 << 20
