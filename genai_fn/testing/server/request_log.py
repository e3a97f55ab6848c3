"""Remembers the requests that the emulator received, within limits of number and size."""

from collections import deque
from typing import Any

from msgspec.structs import replace

from genai_fn import codec
from genai_fn.http import HttpRequest
from genai_fn.values import Value


class ReceivedRequest(Value, kw_only=True):
    """A request that the emulator received. Headers and the query are not kept, as they may contain keys."""

    method: str
    path: str
    """The path, up to 2,000 characters."""
    body: Any = None
    """The body, decoded from JSON; None if it is not JSON, or larger than 4 MiB."""
    status: int | None = None
    """Status code of the response; None for a live session."""
    steps: tuple[int, ...] = ()
    """Numbers, from 1, of the steps of the script that answered it."""


class RequestLog:
    """The last 10,000 requests. When their bodies exceed 64 MiB, the oldest bodies are forgotten."""

    def __init__(self) -> None:
        self._entries: deque[tuple[ReceivedRequest, bytes]] = deque()
        self._size = 0

    def append(self, request: HttpRequest, path: str, status: int | None = None, steps: tuple[int, ...] = ()) -> None:
        """Add a request and the status of its response."""
        body = request.body if isinstance(request.body, bytes) and len(request.body) <= _MAX_BODY_BYTES else b""
        received = ReceivedRequest(method=request.method, path=path[:_MAX_PATH_LENGTH], status=status, steps=steps)
        self._entries.append((received, body))
        self._size += len(body)
        if len(self._entries) > _MAX_REQUESTS:
            self._size -= len(self._entries.popleft()[1])
        if self._size > _MAX_TOTAL_BYTES:
            self._forget_bodies()

    def _forget_bodies(self) -> None:
        """Forget the oldest half of the bodies."""
        for index, (received, body) in enumerate(self._entries):
            if self._size <= _MAX_TOTAL_BYTES // 2:
                break
            self._entries[index] = (received, b"")
            self._size -= len(body)

    def list_requests(self) -> tuple[ReceivedRequest, ...]:
        """List the requests with their decoded bodies."""
        return tuple(replace(received, body=_decode_body(body)) for received, body in self._entries)

    def list_paths(self) -> tuple[tuple[str, str], ...]:
        """List the methods and paths."""
        return tuple((received.method, received.path) for received, _ in self._entries)


_MAX_REQUESTS = 10_000
_MAX_PATH_LENGTH = 2000
_MAX_BODY_BYTES = 4 * 1024 * 1024
_MAX_TOTAL_BYTES = 64 * 1024 * 1024


def _decode_body(body: bytes) -> Any:
    try:
        return codec.decode(body) if body else None
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
