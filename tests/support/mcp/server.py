"""
An MCP server of the package ``mcp``: ``python server.py [--http] [--kill-at N] [--garbage HEX]``.

It speaks over stdin and stdout, or over streamable HTTP on a port of loopback that it writes to stdout. ``--kill-at``
kills it at the n-th message that it receives or sends, before that is handled or has left. ``--garbage`` writes bytes
before each message.

``--fork-at`` makes it fork a server for each connection to a Unix socket, with the options, the stdin and the stdout
that the connection brings. A fork and its connection end together, and all with the stdin of the first process.
"""

import argparse
import os
import select
import signal
import socket
import sys
import threading
from typing import Any, ClassVar, TypedDict

import anyio
import uvicorn
from mcp import types
from mcp.server.mcpserver import Image, MCPServer

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


class HangingCalls:
    """How many calls hang."""

    count = 0
    waiting: ClassVar[list[anyio.Event]] = []

    def add(self, change: int) -> None:
        self.count += change
        while self.waiting:
            self.waiting.pop().set()

    async def wait_for_change(self) -> None:
        self.waiting.append(anyio.Event())
        await self.waiting[-1].wait()


hanging_calls = HangingCalls()


@server.tool()
async def hang() -> str:
    """Never return."""
    hanging_calls.add(1)
    try:
        await anyio.sleep_forever()
    finally:
        hanging_calls.add(-1)
    raise AssertionError


@server.tool(name="wait-for-hanging-calls")
async def wait_for_hanging_calls(count: int) -> None:
    """Return when so many calls hang."""
    while hanging_calls.count != count:
        await hanging_calls.wait_for_change()


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


def wait_to_be_forked(path: str) -> list[str]:
    """Fork for each connection; returns in the fork, with its options. The first process ends with its stdin."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            with connection:
                options, (stdin, stdout), *_ = socket.recv_fds(connection, 65536, 2)
                if os.fork() == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    os.dup2(stdin, 0)
                    os.dup2(stdout, 1)
                    threading.Thread(target=end_with, args=(os.dup(connection.fileno()),), daemon=True).start()
                os.close(stdin)
                os.close(stdout)
            if os.getpid() != FIRST_PROCESS:
                return list(filter(None, options.decode().rstrip("\n").split("\0")))
    sys.exit()


FIRST_PROCESS = os.getpid()


def end_with(connection: int) -> None:
    """End the process with its connection."""
    os.read(connection, 1)
    os.kill(os.getpid(), signal.SIGKILL)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--fork-at")
    parser.add_argument("--http", action="store_true")
    parser.add_argument("--garbage", default="")
    parser.add_argument("--kill-at", type=int, default=-1)
    options = parser.parse_args(arguments)
    if options.fork_at:
        main(wait_to_be_forked(options.fork_at))
        return
    if options.http:
        serve_http(options.kill_at)
        return
    garbage = bytes.fromhex(options.garbage)
    with os.fdopen(os.dup(0), "rb") as stdin, os.fdopen(os.dup(1), "wb", buffering=0) as stdout:
        sys.stdin = Standard(CountedInput(stdin, options.kill_at))
        sys.stdout = Standard(CountedOutput(stdout, options.kill_at, garbage))
        server.run("stdio")


if __name__ == "__main__":
    main(sys.argv[1:])
