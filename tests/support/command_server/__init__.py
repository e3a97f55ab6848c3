"""
Runs ``genai-fn`` in forks of a process that has imported it: most commands take less time than these imports.

- `client`: the command, which hands its descriptors, arguments, environment and folder to the server.
- `server`: runs each command in a fork, which is a process as any other, with its own exit code.
- `start_server`: starts the server, and returns the command.

It does not pass signals on, the process has another parent, and Python neither reads environment variables again, such
as ``PYTHONIOENCODING``, nor closes its streams as it does by default. What is about these needs a process of its own.
"""

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.command_lines import build_environment

__all__ = ["start_server"]

ROOT = Path(__file__).parents[3]


@contextmanager
def start_server() -> Iterator[list[str]]:
    """Run a server, and yield the command that stands for ``genai-fn``."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"  # short: its length is limited
        with socket.socket(socket.AF_UNIX) as listener:  # closed at once: only the server answers, while it runs
            listener.bind(path)
            listener.listen()
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.command_server.server", str(listener.fileno())],
                stdin=subprocess.PIPE,  # the server ends once this process has ended or closed it
                stdout=subprocess.DEVNULL,
                env=build_environment(),
                cwd=ROOT,
                pass_fds=[listener.fileno()],
            )
        with process:
            yield [sys.executable, "-I", "-S", str(Path(__file__).with_name("client.py")), path]
