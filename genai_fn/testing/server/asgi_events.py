"""What an ASGI server tells an application, and is told by it: requests, responses, sessions, and whoever goes away."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import quote

import anyio

from genai_fn.emulator.server.injected_faults import ResponsePlan
from genai_fn.http import Headers, HttpRequest

__all__ = [
    "ClientDisconnected",
    "ConnectionDropped",
    "Receive",
    "Scope",
    "Send",
    "read_frame",
    "read_request",
    "read_session_request",
    "send_response",
    "serve_lifespan",
    "wait_for_delay",
]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class ClientDisconnected(Exception):  # noqa: N818  # ends a session that its other side has ended
    """Whoever asked is gone."""


class ConnectionDropped(Exception):  # noqa: N818  # how an application has its server drop a connection: that is no mistake
    """The connection is dropped on purpose."""


async def read_request(scope: Scope, receive: Receive) -> HttpRequest:
    """
    Read a request to its end.

    Raises:
        Gone: where whoever asks goes away before.
    """
    pieces: list[bytes] = []
    is_more = True
    while is_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        pieces.append(message.get("body", b""))
        is_more = message.get("more_body", False)
    return HttpRequest(scope["method"], _build_url(scope), _read_headers(scope), b"".join(pieces))


async def read_session_request(scope: Scope, receive: Receive) -> HttpRequest:
    """Read the request that asks for a session."""
    await receive()
    return HttpRequest("GET", _build_url(scope), _read_headers(scope))


def _read_headers(scope: Scope) -> Headers:
    return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"])


def _build_url(scope: Scope) -> str:
    named = next((value for name, value in _read_headers(scope) if name == "host"), None)
    host = named or ":".join(map(str, scope.get("server") or ("localhost",)))
    path = (scope.get("raw_path") or quote(scope["path"], safe="/:").encode()).decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    return f"{scope['scheme']}://{host}{path}{'?' if query else ''}{query}"


async def read_frame(receive: Receive, patience: float) -> bytes | str | None:
    """
    Read the next frame of a session; None where there is none for so many seconds.

    Raises:
        Gone: where the session has ended.
    """
    message: MutableMapping[str, Any] | None = None
    with anyio.move_on_after(patience):
        message = await receive()
    if message is None:
        return None
    if message["type"] == "websocket.disconnect":
        raise ClientDisconnected
    data: bytes | str | None = message.get("bytes")
    return message["text"] if data is None else data


async def send_response(plan: ResponsePlan, receive: Receive, send: Send, kind: str = "http") -> None:
    """
    Send a response; `kind` is ``websocket.http`` for one that refuses a session.

    Raises:
        Gone: where whoever asked went away before it was due.

        Dropped: where that is the plan.
    """
    await wait_for_delay(plan.delay, receive)
    response = plan.response
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    if plan.has_content_length:
        headers.append((b"content-length", b"%d" % len(response.body)))
    await send({"type": f"{kind}.response.start", "status": response.status, "headers": headers})
    for piece in plan.chunks:
        await send({"type": f"{kind}.response.body", "body": piece, "more_body": True})
    if not plan.is_complete:
        raise ConnectionDropped
    await send({"type": f"{kind}.response.body", "body": b"", "more_body": False})


async def wait_for_delay(seconds: float, receive: Receive) -> None:
    """
    Wait before an answer.

    Raises:
        Gone: where whoever asked went away meanwhile.
    """
    if not seconds:
        return

    async def until_gone() -> None:
        while (await receive())["type"] not in ("http.disconnect", "websocket.disconnect"):
            pass
        tasks.cancel_scope.cancel()

    is_there = False
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(until_gone)
        await anyio.sleep(seconds)
        is_there = True
        tasks.cancel_scope.cancel()
    if not is_there:
        raise ClientDisconnected


async def serve_lifespan(receive: Receive, send: Send) -> None:
    """Come and go with the server."""
    event = ""
    while event != "lifespan.shutdown":
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
