"""Lines of standard input for async code."""

import os

import anyio

from genai_fn.cli.async_lines import LineReader


def test_unreadable_input() -> None:
    """Input that cannot be read has ended, instead of a wait for ever."""
    descriptor = os.open(os.curdir, os.O_RDONLY)  # reading a folder fails with EISDIR

    async def read() -> str | None:
        with anyio.fail_after(60):
            return await LineReader(descriptor).read_line()

    try:
        assert anyio.run(read) is None
    finally:
        os.close(descriptor)
