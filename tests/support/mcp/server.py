"""
An MCP server of the package ``mcp``, version 1 or 2: ``python server.py [--http] [--kill-at N] [--garbage HEX]``.

It speaks over stdin and stdout, or over streamable HTTP on a port of loopback that it writes to stdout. ``--kill-at``
kills it at the n-th message that it receives or sends, before that is handled or has left. ``--garbage`` writes bytes
before each message.
"""

import argparse
import os
import signal
import socket
import sys
from typing import Any, TypedDict

import anyio
import uvicorn
from mcp import types

try:
    from mcp.server.mcpserver import MCPServer
except ImportError:
    from mcp.server.fastmcp import FastMCP as MCPServer

try:
    from mcp.server.mcpserver import Image
except ImportError:
    from mcp.server.fastmcp import Image

server: Any = MCPServer("weather station", log_level="CRITICAL")


class Report(TypedDict):
    city: str
    degrees: float


@server.tool()
def weather(city: str, days: int = 1) -> str:
    """Get the weather."""
    return f"rain in {city} for {days} days"


@server.tool(name="get-report")
def get_report(city: str) -> Report:
    """Get a report."""
    return {"city": city, "degrees": 3.5}


@server.tool()
def photo() -> Image:
    """Take a photo."""
    return Image(data=b"pixels", format="png")


@server.tool()
def record() -> list[Any]:
    """Record a sound, and link to a file."""
    resource = types.BlobResourceContents(uri="station://log", blob="bG9n", mimeType="text/csv")  # as on the wire
    link = types.ResourceLink(type="resource_link", name="archive", uri="station://archive")
    return [
        types.AudioContent(type="audio", data="d2F2ZQ==", mimeType="audio/wav"),
        types.EmbeddedResource(type="resource", resource=resource),
        link,
    ]


@server.tool()
def fail() -> str:
    """Fail."""
    raise RuntimeError("no sensor")


@server.tool()
async def hang() -> str:
    """Never return."""
    await anyio.sleep_forever()
    raise AssertionError


@server.tool()
def die() -> str:
    """End the process."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


class Counted:
    """Binary stdin or stdout that counts messages, one a line, and kills the process at the n-th."""

    count = 0

    def __init__(self, stream: Any, kill_at: int, garbage: bytes = b"") -> None:
        self.stream = stream
        self.kill_at = kill_at
        self.garbage = garbage

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def _count(self) -> None:
        Counted.count += 1
        if Counted.count == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


class CountedInput(Counted):
    """Standard input."""

    def read(self, size: int = -1) -> bytes:
        return self.readline()

    read1 = read

    def readline(self, size: int = -1) -> bytes:
        line: bytes = self.stream.readline()
        if line:
            self._count()
        return line


class CountedOutput(Counted):
    """Standard output."""

    def write(self, data: bytes) -> int:
        self._count()
        return int(self.stream.write(self.garbage + data))


class Standard:
    """A text stream with a binary buffer, as ``sys.stdin`` and ``sys.stdout`` are."""

    def __init__(self, buffer: Any) -> None:
        self.buffer = buffer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.buffer, name)


def serve_http(kill_at: int) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    app = server.streamable_http_app()
    count = 0

    async def count_messages(scope: Any, receive: Any, send: Any) -> None:
        nonlocal count

        async def send_counted(message: Any) -> None:
            nonlocal count
            count += message["type"] == "http.response.body"
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            await send(message)

        if scope["type"] == "http":
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
        await app(scope, receive, send_counted)

    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(count_messages, log_level="warning")).run(sockets=[listener])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--http", action="store_true")
    parser.add_argument("--garbage", default="")
    parser.add_argument("--kill-at", type=int, default=-1)
    options = parser.parse_args()
    if options.http:
        serve_http(options.kill_at)
        return
    garbage = bytes.fromhex(options.garbage)
    with os.fdopen(os.dup(0), "rb") as stdin, os.fdopen(os.dup(1), "wb", buffering=0) as stdout:
        sys.stdin = Standard(CountedInput(stdin, options.kill_at))
        sys.stdout = Standard(CountedOutput(stdout, options.kill_at, garbage))
        server.run("stdio")


if __name__ == "__main__":
    main()
