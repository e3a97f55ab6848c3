"""Starts the MCP server of the tests, over stdio or over streamable HTTP."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from mcp import StdioServerParameters

SERVER = Path(__file__).parent / "server.py"


def build_command(*options: str) -> StdioServerParameters:
    """Build the parameters of a server over stdio."""
    return StdioServerParameters(command=sys.executable, args=["-W", "error", str(SERVER), *options])


@contextmanager
def serve_http(*options: str) -> Generator[str]:
    """Run a server over streamable HTTP; yields its URL."""
    command = [sys.executable, str(SERVER), "--http", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/mcp"
        finally:
            process.kill()
