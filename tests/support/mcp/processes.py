"""Starts MCP servers for tests, over stdio or over streamable HTTP, each in a process of its own."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from mcp import StdioServerParameters

FOLDER = Path(__file__).parent
SERVER = FOLDER / "server.py"


class ServerProcesses:
    """Starts servers as forks of one process, so that each costs milliseconds; `server` explains the options."""

    def __init__(self, path: str) -> None:
        self._path = path

    def build_command(self, *options: str) -> StdioServerParameters:
        """Build the parameters of a server over stdio."""
        return StdioServerParameters(
            command=sys.executable, args=["-I", "-S", str(FOLDER / "launcher.py"), self._path, *options]
        )

    @contextmanager
    def serve_http(self, *options: str) -> Generator[str]:
        """Run a server over streamable HTTP; yields its URL."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self._path)
            reader, writer = os.pipe()
            with os.fdopen(reader, "rb") as announced, Path(os.devnull).open("rb") as nothing:
                arguments = "\0".join(("--http", *options)).encode() + b"\n"
                socket.send_fds(connection, [arguments], [nothing.fileno(), writer])
                os.close(writer)
                yield f"http://127.0.0.1:{int(announced.readline())}/mcp"


def build_direct_command() -> StdioServerParameters:
    """Build the parameters of a server over stdio that is no fork."""
    return StdioServerParameters(command=sys.executable, args=["-W", "error", str(SERVER)])


@contextmanager
def start_server_processes() -> Generator[ServerProcesses]:
    """Start the process that forks servers; they end with their connections to it."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "s")
        command = [sys.executable, "-W", "error", str(SERVER), "--fork-at", path]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            yield ServerProcesses(path)
            process.communicate()  # closes its stdin, which ends it
