"""``genai-fn live``: a text conversation over a live session, on both event loops."""

import os
import signal
import subprocess

import pytest

from genai_fn.cli import run_command_line
from genai_fn.testing.server.asgi import Emulator
from tests.support.command_lines import (
    build_command,
    build_environment,
    run_failing_command,
    run_process,
    unblock_signal,
)

Capture = pytest.CaptureFixture[str]
each_loop = pytest.mark.parametrize("loop", ["trio", "asyncio"])


@each_loop
def test_offline(forked_command: list[str], loop: str) -> None:
    """Each line gets an answer, with those before it, until the input ends; the last line needs no newline."""
    process = run_process(
        ["live", "--offline", "--loop", loop, "-s", "Be terse."],
        command=forked_command,
        stdin="eins\n\nzwei ß".encode(),
    )
    first, second = process.stdout.decode().splitlines()
    assert "Be terse." in first
    assert "“eins”" in first
    assert "“zwei ß” Before that came 2 turns." in second
    assert (process.returncode, process.stderr) == (0, b"offline: the built-in emulator answers.\n")


@each_loop
def test_served(forked_command: list[str], emulator: Emulator, loop: str) -> None:
    """It works over a WebSocket."""
    process = run_process(["live", "--loop", loop], command=forked_command, stdin=b"hello\n")
    assert b"\xe2\x80\x9chello\xe2\x80\x9d" in process.stdout
    assert (process.returncode, process.stderr) == (0, b"")


@each_loop
def test_interrupted(emulator: Emulator, loop: str) -> None:
    """Ctrl-C ends the session at once, although a thread waits for a line."""
    reader, writer = os.pipe()
    with unblock_signal(signal.SIGINT):
        process = subprocess.Popen(
            build_command(["live", "--loop", loop]),
            stdin=reader,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=build_environment(),
        )
    os.close(reader)
    with process:
        os.write(writer, b"hello\n")
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b""
    os.close(writer)


def test_failure(forked_command: list[str], emulator: Emulator) -> None:
    """A session that cannot be opened is an error on one line."""
    emulator.fail(status=403)
    process = run_process(["live"], command=forked_command, stdin=b"hello\n")
    assert (process.returncode, process.stdout.strip()) == (1, b"")
    assert process.stderr.startswith(b"error: ")
    assert process.stderr.count(b"\n") == 1


def test_no_key(capsys: Capture) -> None:
    """Without a key no session is opened."""
    assert "no API key" in run_failing_command(capsys, ["live"], 1)


def test_unknown_loop(capsys: Capture) -> None:
    """There are two event loops."""
    assert run_command_line(["live", "--offline", "--loop", "curio"]) == 2
    assert "curio" in capsys.readouterr().err
