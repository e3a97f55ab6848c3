"""Reads lines of standard input for async code, without a thread that the end of the process would wait for."""

import os
import sys
from contextlib import suppress
from threading import Thread

import anyio
from anyio import from_thread
from anyio.lowlevel import current_token

__all__ = ["LineReader"]


class LineReader:
    """
    Reads lines from a file descriptor. A daemon thread per read blocks in place of the event loop.

    It calls ``os.read`` and not ``input``: a thread that is still blocked in ``input`` would hold the lock of standard
    input when the process ends.

    Args:
        descriptor: The file descriptor, such as that of standard input.

        prompt: What to print to standard output before each line.
    """

    def __init__(self, descriptor: int, prompt: str = "") -> None:
        self._descriptor = descriptor
        self._prompt = prompt
        self._data = b""

    async def read_line(self) -> str | None:
        """Return the next line without its end, or None at the end of the input or if it cannot be read."""
        sys.stdout.write(self._prompt)
        sys.stdout.flush()
        while b"\n" not in self._data:
            data = await self._read()
            if not data:
                line, self._data = self._data, b""
                return line.decode(errors="replace") if line else None
            self._data += data
        line, _, self._data = self._data.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")

    async def _read(self) -> bytes:
        """Read up to 64 KiB in a thread. An error reads as the end of the input."""
        data = b""
        is_done = anyio.Event()
        token = current_token()

        def read() -> None:
            nonlocal data
            with suppress(OSError):  # such as EIO, of a process that has lost its terminal
                data = os.read(self._descriptor, _CHUNK_BYTES)
            with suppress(RuntimeError):  # the event loop has ended meanwhile
                from_thread.run_sync(is_done.set, token=token)

        Thread(target=read, name="standard input", daemon=True).start()
        await is_done.wait()
        return data


_CHUNK_BYTES = 65_536
