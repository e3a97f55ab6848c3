"""Steps of connections, performed by a task of asyncio or trio."""

from functools import partial
from typing import Any, TypeVar

import anyio
from anyio import to_thread
from anyio.abc import ByteStream

from genai_fn.interpreters.net.connect import ConnectConfig, Target, open_connection
from genai_fn.interpreters.net.socket import (
    NonBlockingSocket,
    RunBlocking,
    SocketClosedError,
    SocketSteps,
    WaitUntilReady,
    capture_outcome,
)

__all__ = ["AnyioStream", "AsyncNetworkStream", "open_stream", "perform_steps"]

T = TypeVar("T")


async def open_stream(target: Target, dialling: ConnectConfig) -> "AnyioStream":
    """
    Connect, for whoever wants bare bytes.

    A fault is a `DialError`; how long it may take is for a cancel scope around the call.
    """
    return AnyioStream(await perform_steps(open_connection(target, dialling)))


async def perform_steps(steps: SocketSteps[T]) -> T:
    """Perform steps; cancellation closes what they had begun."""
    answer: Any = None
    try:
        while True:
            step = steps.send(answer)
            answer = await (_wait_until_ready(step) if isinstance(step, WaitUntilReady) else _run_blocking(step))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # what a generator returns is Any to whoever drives it
    finally:
        steps.close()


class AsyncNetworkStream:
    """A wire as an httpcore connection wants it; a cancel scope around its use sets the deadline."""

    def __init__(self, wire: NonBlockingSocket, write_error: type[Exception]) -> None:
        self.socket = wire
        self._write_error = write_error

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's signature
        """Read what is there."""
        return await perform_steps(self.socket.read(max_bytes))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's signature
        """Write it all; a peer that hung up may have said why, so that error makes httpcore go on to read."""
        if self.socket.buffer_write(buffer):
            return
        try:
            await perform_steps(self.socket.write(buffer))
        except OSError as error:
            raise self._write_error(str(error)) from None

    async def aclose(self) -> None:
        """Close the wire; there is nothing to wait for."""
        self.socket.close()

    def get_extra_info(self, info: str) -> None:
        """Tell nothing."""


class AnyioStream(ByteStream):
    """A wire as a stream of anyio."""

    def __init__(self, wire: NonBlockingSocket) -> None:
        self.socket = wire

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Read what is there, at most so many bytes."""
        data = await self._perform_steps(self.socket.read(max_bytes))
        if not data:
            raise anyio.EndOfStream
        return data

    async def send(self, item: bytes) -> None:
        """Write it all. Cancelled, it has written a part: the stream is of no use any more."""
        await self._perform_steps(self.socket.write(item))

    async def send_eof(self) -> None:
        """Do nothing: the peers of this library learn the end from what they are sent."""

    async def aclose(self) -> None:
        """Close the socket, and wake whoever reads."""
        self.socket.close()

    async def _perform_steps(self, steps: SocketSteps[T]) -> T:
        try:
            return await perform_steps(steps)
        except SocketClosedError:
            raise anyio.ClosedResourceError from None
        except OSError:
            raise anyio.BrokenResourceError from None


async def _wait_until_ready(step: WaitUntilReady) -> bool:
    ready = anyio.wait_writable if step.for_write else anyio.wait_readable
    if step.timeout is None:
        await ready(step.sock)
        return True
    with anyio.move_on_after(step.timeout) as scope:
        await ready(step.sock)
    return not scope.cancelled_caught


async def _run_blocking(step: RunBlocking) -> Any:
    return await to_thread.run_sync(partial(capture_outcome, step.call), abandon_on_cancel=True)
