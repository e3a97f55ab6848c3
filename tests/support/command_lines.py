"""Runs the command ``genai-fn``, in this process and in one of its own, for its tests."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from genai_fn.cli import run_command_line

__all__ = [
    "COMMAND",
    "KEY",
    "build_command",
    "build_environment",
    "run_failing_command",
    "run_process",
    "unblock_signal",
]

KEY = "test-key"
COMMAND = (sys.executable, "-m", "genai_fn")


def build_command(arguments: Sequence[str]) -> list[str]:
    """Return the command that runs ``genai-fn`` in a process of its own."""
    return [*COMMAND, *arguments]


def build_environment(**variables: str) -> dict[str, str]:
    """Return the environment without proxies, and with `variables`."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {**environment, **variables}


def run_process(
    arguments: Sequence[str],
    stdout: int = subprocess.PIPE,
    stdin: bytes | None = None,
    command: Sequence[str] = COMMAND,
    **variables: str,
) -> "subprocess.CompletedProcess[bytes]":
    """Run the command in a process; without `stdin`, standard input is the null device."""
    source = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    return subprocess.run(
        [*command, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=build_environment(**variables),
        timeout=600,
        check=False,
        **source,  # type: ignore[call-overload]  # one of the two
    )


def run_failing_command(capsys: "pytest.CaptureFixture[str]", arguments: Sequence[str], status: int = 2) -> str:
    """Run a command that must fail: it prints nothing to standard output, and one line to standard error."""
    assert run_command_line(arguments) == status
    out, err = capsys.readouterr()
    line = err.removeprefix("offline: the built-in emulator answers.\n")
    assert out == ""
    assert line.startswith("error: ")
    assert line.count("\n") == 1
    return line


@contextmanager
def unblock_signal(number: int) -> Iterator[None]:
    """Let processes that start in the block receive a signal, even if this process inherited SIG_IGN for it."""
    previous = signal.signal(number, lambda *_: None)  # children inherit SIG_IGN, and no handler
    try:
        yield
    finally:
        signal.signal(number, previous)
