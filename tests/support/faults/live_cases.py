"""Runs one case of the fault matrix over WebSocket."""

import socket
import struct
from contextlib import suppress
from typing import Any, NamedTuple

from returns.result import Failure, Success

from genai_fn import AsyncHttp, Retry, Timeouts, with_options
from genai_fn.errors import GenaiError
from tests.support.cancellation.cancel_points import count_tasks
from tests.support.faults.fault import ATTEMPTS, HANDSHAKE, SETUP, LiveFault
from tests.support.faults.http_cases import GENEROUS, LIMITS, check_secrets
from tests.support.faults.leaks import check_nothing_stays
from tests.support.interpreter_kinds import InterpreterKind, make_gemini
from tests.support.live.sessions import CONNECT_TEXT
from tests.support.live.websocket_bytes import RawConnection, RawPeer, encode_close, encode_text
from tests.support.live.websocket_peer import compute_accept_key
from tests.support.loopback import Hang, Reset


class LiveObservation(NamedTuple):
    """How a session has ended, its texts, and how many connections the server has seen."""

    error: GenaiError | None
    texts: tuple[str, ...]
    connections: int


class LiveScript:
    """Performs the steps of a fault on each connection, and serves a correct session once it is over."""

    def __init__(self, fault: LiveFault) -> None:
        self._fault = fault
        self.is_over = False

    def __call__(self, connection: RawConnection) -> None:
        if self.is_over:
            connection.accept_setup(encode_text(b"after") + encode_close(1000))
            connection.read_until_closed()
            return
        accept_key = b""
        if self._fault.phase == HANDSHAKE:
            accept_key = compute_accept_key(connection.read_request()["sec-websocket-key"]).encode()
        elif self._fault.phase == SETUP:
            connection.accept_handshake()
            connection.read_frame()
        else:
            connection.accept_setup()
        for step in self._fault.steps:
            if isinstance(step, bytes):
                connection.send(step.replace(b"{accept}", accept_key))
            elif isinstance(step, Hang):
                connection.read_until_closed()
                return
            elif isinstance(step, Reset):
                connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_WR)
        connection.read_until_closed()


def check_live_case(fault: LiveFault, kind: InterpreterKind) -> None:
    """Run one case, and compare its outcome with the one that the fault states."""
    for limit in LIMITS if fault.lasts else (60.0,):
        seen = observe_live_case(fault, kind, limit)
        if _is_expected(fault, seen):
            return
    raise AssertionError(f"{fault.name}, {kind}: expected {fault.outcome} and {fault.texts}, got {seen}")


def _is_expected(fault: LiveFault, seen: LiveObservation) -> bool:
    expected, error = fault.outcome, seen.error
    if expected.error is None:
        is_error_expected = error is None
    else:
        is_error_expected = isinstance(error, expected.error) and expected.fragment in str(error)
    may_lose_texts = any(isinstance(step, Reset) for step in fault.steps)
    are_texts_expected = seen.texts == fault.texts or (may_lose_texts and not seen.texts)
    return is_error_expected and are_texts_expected and seen.connections == expected.attempts


def observe_live_case(fault: LiveFault, kind: InterpreterKind, limit: float) -> LiveObservation:
    """Run one case; return its outcome. Afterwards, the interpreter must open a session to the same server at once."""
    script = LiveScript(fault)
    with RawPeer(script) as peer, check_nothing_stays(peer.port):

        async def body() -> LiveObservation:
            tasks = count_tasks()
            timeouts = Timeouts(connect=60, idle=limit, total=60)
            retry = Retry(attempts=ATTEMPTS, initial_delay=0.001, max_delay=0.001)
            interpreter = AsyncHttp(
                make_gemini(peer.url), proxy="", timeouts=timeouts, retry=retry, http1=kind.transport, max_connections=1
            )
            async with interpreter as run:
                items = await _read_session(run, CONNECT_TEXT)
                count = len(peer.connections)
                script.is_over = True
                after = await _read_session(run, CONNECT_TEXT | with_options(timeouts=GENEROUS))
                assert _list_texts(after) == ("after",), f"the next session: {after}"
            assert count_tasks() == tasks, "a task is left"
            failures = [each.failure() for each in items if isinstance(each, Failure)]
            assert len(failures) <= 1
            for each in failures:
                check_secrets(each)
            return LiveObservation(failures[0] if failures else None, _list_texts(items), count)

        seen: LiveObservation = kind.run_coroutine(body)
        return seen


async def _read_session(run: AsyncHttp, request: Any) -> list[Any]:
    async with run.live(request) as session:
        return [item async for item in session]


def _list_texts(items: list[Any]) -> tuple[str, ...]:
    return tuple(each.unwrap().text for each in items if isinstance(each, Success) and each.unwrap().text)
