"""Runs each command that a client asks for in a fork, until standard input is closed."""

import asyncio  # noqa: F401  # for the commands
import contextlib
import gc
import importlib
import io
import marshal
import os
import select
import signal
import socket
import sys

import anyio  # noqa: F401  # for the commands
import trio  # noqa: F401  # for the commands

from genai_fn.cli import main, run_command_line


def import_commands() -> None:
    """Import what a command imports. It runs in a fork: the threads that it starts would be missing in later ones."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # the command would wait for a prompt
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            status = run_command_line(["generate", "--offline", "Why?"])
        os.write(writer, " ".join(sys.modules).encode())
        os._exit(status)
    os.close(writer)
    with open(reader, encoding="utf-8") as file:  # noqa: PTH123  # a descriptor
        names = file.read().split()
    _, status = os.wait()
    if status:
        raise RuntimeError(f"the command has failed with {status}")
    for name in names:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a fork would copy all


def accept_command(listener: socket.socket) -> socket.socket:
    """Return the next client, in a fork. The server itself exits at the end of standard input."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    while listener in select.select([listener, 0], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return connection
        connection.close()
    sys.exit()


def start_command(connection: socket.socket) -> None:
    """Return in another fork, as the process of the command; this one waits for it, and sends its status."""
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("rb") as file:
        arguments, environment, folder = marshal.loads(file.read())  # noqa: S302  # from the tests' own client
    if child := os.fork():
        for each in descriptors:
            os.close(each)
        connection.send(bytes([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 255]))
        os._exit(0)
    connection.close()
    for number, each in enumerate(descriptors):
        os.dup2(each, number)
        os.close(each)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115  # they stay open, as Python's own do
        for number, mode in enumerate("rww")
    )
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments


if __name__ == "__main__":
    import_commands()
    with socket.socket(fileno=int(sys.argv[1])) as server:
        client = accept_command(server)
    start_command(client)
    main()
