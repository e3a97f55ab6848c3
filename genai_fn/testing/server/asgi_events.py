"""Reads and sends ASGI messages: HTTP requests and responses, WebSocket frames, disconnects and lifespan events."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import quote

import anyio

from genai_fn.emulator.server.injected_faults import ResponsePlan
from genai_fn.http import Headers, HttpRequest

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApplication: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class ClientDisconnected(Exception):
    """The client closed the connection."""


class ConnectionDropped(Exception):
    """Makes the ASGI server drop the connection, on purpose."""


class BodyTooLarge(Exception):
    """The body of a request exceeds the limit."""


async def read_request(scope: Scope, receive: Receive, max_bytes: int) -> HttpRequest:
    """
    Read a request with its whole body.

    Raises:
        ClientDisconnected: If the client disconnects before the end of the body.

        BodyTooLarge: If the body has more than `max_bytes`.
    """
    chunks: list[bytes] = []
    is_more, size = True, 0
    while is_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > max_bytes:
            raise BodyTooLarge
        is_more = message.get("more_body", False)
    return HttpRequest(scope["method"], _build_url(scope), read_headers(scope), b"".join(chunks))


async def read_session_request(scope: Scope, receive: Receive) -> HttpRequest:
    """Read the handshake of a WebSocket session."""
    await receive()
    return HttpRequest("GET", _build_url(scope), read_headers(scope))


def read_headers(scope: Scope) -> Headers:
    """Read the headers of a request, names in lower case."""
    return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"])


def _build_url(scope: Scope) -> str:
    host_header = next((value for name, value in read_headers(scope) if name == "host"), None)
    host = host_header or ":".join(map(str, scope.get("server") or ("localhost",)))
    path = (scope.get("raw_path") or quote(scope["path"], safe="/:").encode()).decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    return f"{scope['scheme']}://{host}{path}{'?' if query else ''}{query}"


async def read_frame(receive: Receive, seconds: float) -> bytes | str | None:
    """
    Read the next frame of a session; None if none arrives within that many seconds.

    Raises:
        ClientDisconnected: If the client has closed the session.
    """
    message: MutableMapping[str, Any] | None = None
    with anyio.move_on_after(seconds):
        message = await receive()
    if message is None:
        return None
    if message["type"] == "websocket.disconnect":
        raise ClientDisconnected
    data: bytes | str | None = message.get("bytes")
    return message["text"] if data is None else data


async def send_response(plan: ResponsePlan, receive: Receive, send: Send, kind: str = "http") -> None:
    """
    Send a response.

    Args:
        plan: The response, its chunks, and the faults to inject.

        kind: Prefix of the ASGI message types; ``websocket.http`` refuses a session.

    Raises:
        ClientDisconnected: If the client disconnects during a planned delay or pause.

        ConnectionDropped: After the chunks of an incomplete response.
    """
    await wait_for_delay(plan.delay, receive)
    response = plan.response
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    if plan.has_content_length:
        headers.append((b"content-length", b"%d" % len(response.body)))
    await send({"type": f"{kind}.response.start", "status": response.status, "headers": headers})
    for index, chunk in enumerate(plan.chunks):
        await wait_for_delay(plan.pause if index else 0.0, receive)
        await send({"type": f"{kind}.response.body", "body": chunk, "more_body": True})
    if not plan.is_complete:
        raise ConnectionDropped
    await send({"type": f"{kind}.response.body", "body": b"", "more_body": False})


async def wait_for_delay(seconds: float, receive: Receive) -> None:
    """
    Wait for a delay of an injected fault or of a script.

    Raises:
        ClientDisconnected: If the client disconnects meanwhile.
    """
    if not seconds:
        return

    async def wait_for_disconnect() -> None:
        while (await receive())["type"] not in ("http.disconnect", "websocket.disconnect"):
            pass
        tasks.cancel_scope.cancel()

    is_connected = False
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait_for_disconnect)
        await anyio.sleep(seconds)
        is_connected = True
        tasks.cancel_scope.cancel()
    if not is_connected:
        raise ClientDisconnected


async def serve_lifespan(receive: Receive, send: Send) -> None:
    """Confirm the startup and the shutdown of the server."""
    event = ""
    while event != "lifespan.shutdown":
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
