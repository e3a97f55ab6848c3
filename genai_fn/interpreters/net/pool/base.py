"""
What the sync and the async pool share: the steps of sending a request, and the base classes of pools and responses.

`BasePool._send_request` is a generator. It yields what it has to wait for, `WaitForSlot`, `OpenConnection` or
`SendOnConnection`, and the pool sends the result back, or None if the deadline of the step has passed.
"""

import ssl
import time
from collections.abc import Callable, Generator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, TypeAlias, TypeVar

from genai_fn.effects import EffectFailed, SendRequest
from genai_fn.errors import Closed, Disconnected, TimeoutPhase
from genai_fn.http import Headers, HttpRequest
from genai_fn.interpreters.net.connect.connection import ConnectConfig, ConnectionSetupError, Target, parse_target
from genai_fn.interpreters.net.http1.implementation import load_implementation
from genai_fn.interpreters.net.http1.requests import ResponseHead
from genai_fn.interpreters.net.pool.failures import (
    build_connect_failure,
    build_timeout_failure,
    build_transfer_failure,
)
from genai_fn.interpreters.net.pool.slots import Slot, Waiter
from genai_fn.interpreters.net.pool.state import PooledConnection, PoolState
from genai_fn.interpreters.net.socket import DeadlineExceededError, NonBlockingSocket
from genai_fn.values import Value

T = TypeVar("T")


class WaitForSlot(Value):
    """→ True once the waiter is set."""

    waiter: Any
    deadline: float


class OpenConnection(Value):
    """→ `PooledConnection`. It raises any error of the network."""

    target: Target
    deadline: float


class SendOnConnection(Value):
    """→ `ResponseHead`. It raises any error of the network or of HTTP."""

    connection: PooledConnection
    request: HttpRequest
    deadline: float


PoolStep: TypeAlias = WaitForSlot | OpenConnection | SendOnConnection
_PoolSteps: TypeAlias = Generator[PoolStep, Any, T]
_BuildConnection: TypeAlias = Callable[[ModuleType, Target, NonBlockingSocket], Any]


class BasePool:
    """
    A pool of connections; callers beyond the limit wait in order of arrival.

    Args:
        max_connections: Limit of requests in flight, and of open sockets, idle ones included.

        proxy: ``http://user:password@host:port`` or ``socks5://…``. If None, the pool reads it from
            `environ`; ``""`` means no proxy.

        environ: Environment variables with the proxy settings. The process environment is not read.

        ssl_context: TLS settings. If None, the pool trusts the system's certificate authorities, which it reads at the
            first use.

        transport: The module ``httptools``, ``httpcore`` or ``httpcore2``. If None, the pool imports httptools at the
            first request, or httpcore if that is not installed.
    """

    def __init__(
        self,
        max_connections: int = 64,
        *,
        proxy: str | None = None,
        environ: Mapping[str, str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        transport: ModuleType | None = None,
    ) -> None:
        self.connect_config = ConnectConfig(proxy=proxy, environ=environ, ssl_context=ssl_context)
        """The proxy and TLS settings, also for connections that are opened outside the pool."""
        self._max_connections = max_connections
        self._module = transport
        self._is_loaded = False
        self._is_closed = False
        self._state = PoolState(max_connections, None)

    def load_transport(self) -> None:
        """Import now what the first request needs, and what Python imports when it first encodes a host name."""
        self._get_module()
        import_module("encodings.idna")

    def close(self) -> None:
        """
        Close idle connections now, and those in use when their responses are closed.

        From now on, `send` returns ``EffectFailed(Closed)``.
        """
        self._is_closed = True
        self._state.close()
        self._state.owner = None  # an event loop that may be over

    def _get_module(self) -> ModuleType:
        """Return the implementation of HTTP/1.1, imported at the first use."""
        if self._module is None or not self._is_loaded:
            self._module = load_implementation(self._module)
            self._is_loaded = True
        return self._module

    def _get_state(self, owner: object) -> PoolState:
        """Return the state of a process and event loop, and abandon the state of any other owner."""
        state = self._state
        if state.owner != owner:
            previous, state = state, PoolState(self._max_connections, owner)
            self._state = state
            state.is_closed = self._is_closed
            previous.abandon()
        return state

    def _build_connection(self, target: Target, sock: NonBlockingSocket, build: _BuildConnection) -> PooledConnection:
        """Build a connection over an open socket; close the socket if that fails."""
        try:
            return PooledConnection(target, sock, build(self._get_module(), target, sock))
        except BaseException:
            sock.close()
            raise

    def _send_request(
        self,
        request: SendRequest,
        owner: object,
        make_waiter: Callable[[], Waiter],
        make_response: Callable[[PoolState, Slot, PooledConnection, ResponseHead], T],
        on_slot: Callable[[Slot], object] | None = None,
    ) -> _PoolSteps[T | EffectFailed]:
        """
        Send a request and read the head of its response. The caller must close this generator if a step is interrupted.

        `owner` is the process and event loop that the connections belong to; `make_waiter` builds what `WaitForSlot`
        waits for, and `make_response` builds the response. `on_slot` is called with the slot before it has a
        place: closing that slot also closes the response.
        """
        try:
            target = parse_target(request.request.url)
        except ConnectionSetupError as error:
            return build_connect_failure(error)
        state = self._get_state(owner)
        slot = state.make_slot()
        try:
            if on_slot is not None:
                on_slot(slot)
            failed = None
            if state.is_closed or not slot.take_free_place():
                failed = yield from _wait_for_place(state, slot, make_waiter, request.deadline)
            if failed is None:
                connection: PooledConnection | EffectFailed | None
                connection = None if request.needs_new_connection else state.take_idle(slot, target)
                if connection is None:
                    state.make_room()
                    connect_deadline = min(request.deadline, time.monotonic() + request.connect_timeout)
                    connection = yield from _open_connection(slot, target, connect_deadline)
                if isinstance(connection, PooledConnection):
                    response = yield from _send_on_connection(connection, request.request, request.deadline)
                    if isinstance(response, ResponseHead):
                        return make_response(state, slot, connection, response)
                    failed = response
                else:
                    failed = connection
        except BaseException:
            slot.close()
            raise
        slot.close()
        return failed


def _wait_for_place(
    state: PoolState, slot: Slot, make_waiter: Callable[[], Waiter], deadline: float
) -> _PoolSteps[EffectFailed | None]:
    while not (state.is_closed or slot.take_free_place()):
        waiter = slot.waiter = make_waiter()  # before the look for a place, so that one that is released then is found
        if slot.take_place() or state.is_closed:  # closed meanwhile, by another thread
            break
        if not (yield WaitForSlot(waiter, deadline)):
            return build_timeout_failure("total", "waiting for a free connection")
    return EffectFailed(Closed()) if state.is_closed else None


def _open_connection(slot: Slot, target: Target, deadline: float) -> _PoolSteps[PooledConnection | EffectFailed]:
    try:
        opened: PooledConnection | None = yield OpenConnection(target, deadline)
    except Exception as error:  # noqa: BLE001 - whatever it is, there is no connection
        return build_connect_failure(error)
    if opened is None:
        return build_timeout_failure("connect", f"connecting to {target}")
    slot.use_connection(opened)
    return opened


def _send_on_connection(
    connection: PooledConnection, request: HttpRequest, deadline: float
) -> _PoolSteps[ResponseHead | EffectFailed]:
    sock = connection.socket
    sock.begin_exchange()
    response: ResponseHead | None = None
    try:
        response = yield SendOnConnection(connection, request, deadline)
    except Exception as error:  # noqa: BLE001 - whatever it is, the connection is unusable
        doing = f"sending a request to {connection.target}"
        return build_transfer_failure(error, doing, sock, reused=connection.was_used)
    finally:
        if response is None:
            sock.close()
    return response or build_timeout_failure("headers", f"waiting for {connection.target}", sock)


class BasePooledResponse:
    """A response whose head has been read. It holds a slot of the pool until it is closed, or is garbage."""

    def __init__(self, state: PoolState, slot: Slot, connection: PooledConnection, head: ResponseHead) -> None:
        self.status: int = head.status
        self.headers: Headers = head.headers
        self._state = state
        self._slot = slot
        self._connection = connection
        self._final_result: bytes | EffectFailed | None = None
        self._is_closed = False

    def _build_read_failure(self, error: Exception, phase: TimeoutPhase) -> EffectFailed:
        doing = f"reading from {self._connection.target}"
        if isinstance(error, DeadlineExceededError):
            return build_timeout_failure(phase, doing, self._connection.socket)
        return build_transfer_failure(error, doing, self._connection.socket, reused=False)

    def _mark_cancelled(self) -> None:
        """Let all reads after a cancelled one fail, because the body is incomplete."""
        doing = f"reading from {self._connection.target}"
        self._final_result = EffectFailed(Disconnected(doing, "the reader was cancelled"))

    def _can_reuse_connection(self) -> bool:
        return self._final_result == b"" and bool(self._connection.http.is_reusable())
