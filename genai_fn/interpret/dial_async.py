"""Steps of connections, performed by a task of asyncio or trio."""

from functools import partial
from typing import Any, TypeVar

import anyio
from anyio import to_thread
from anyio.abc import ByteStream

from genai_fn.interpret.dial import Dialling, Target, dial
from genai_fn.interpret.dial_wire import Blocking, CutError, Steps, Wait, Wire, outcome

__all__ = ["AsyncStream", "WireStream", "dialled", "perform"]

T = TypeVar("T")


async def dialled(target: Target, dialling: Dialling) -> "WireStream":
    """
    Connect, for whoever wants bare bytes.

    A fault is a `DialError`; how long it may take is for a cancel scope around the call.
    """
    return WireStream(await perform(dial(target, dialling)))


async def perform(steps: Steps[T]) -> T:
    """Perform steps; cancellation closes what they had begun."""
    answer: Any = None
    try:
        while True:
            step = steps.send(answer)
            answer = await (_in_time(step) if isinstance(step, Wait) else _answer(step))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # what a generator returns is Any to whoever drives it
    finally:
        steps.close()


class AsyncStream:
    """A wire as an httpcore connection wants it; a cancel scope around its use sets the deadline."""

    def __init__(self, wire: Wire, write_error: type[Exception]) -> None:
        self.wire = wire
        self._write_error = write_error

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's signature
        """Read what is there."""
        return await perform(self.wire.read(max_bytes))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's signature
        """Write it all; a peer that hung up may have said why, so that error makes httpcore go on to read."""
        if self.wire.hold(buffer):
            return
        try:
            await perform(self.wire.write(buffer))
        except OSError as error:
            raise self._write_error(str(error)) from None

    async def aclose(self) -> None:
        """Close the wire; there is nothing to wait for."""
        self.wire.close()

    def get_extra_info(self, info: str) -> None:
        """Tell nothing."""


class WireStream(ByteStream):
    """A wire as a stream of anyio."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Read what is there, at most so many bytes."""
        data = await self._performed(self.wire.read(max_bytes))
        if not data:
            raise anyio.EndOfStream
        return data

    async def send(self, item: bytes) -> None:
        """Write it all. Cancelled, it has written a part: the stream is of no use any more."""
        await self._performed(self.wire.write(item))

    async def send_eof(self) -> None:
        """Do nothing: the peers of this library learn the end from what they are sent."""

    async def aclose(self) -> None:
        """Close the socket, and wake whoever reads."""
        self.wire.close()

    async def _performed(self, steps: Steps[T]) -> T:
        try:
            return await perform(steps)
        except CutError:
            raise anyio.ClosedResourceError from None
        except OSError:
            raise anyio.BrokenResourceError from None


async def _in_time(step: Wait) -> bool:
    ready = anyio.wait_writable if step.write else anyio.wait_readable
    if step.within is None:
        await ready(step.sock)
        return True
    with anyio.move_on_after(step.within) as scope:
        await ready(step.sock)
    return not scope.cancelled_caught


async def _answer(step: Blocking) -> Any:
    return await to_thread.run_sync(partial(outcome, step.call), abandon_on_cancel=True)
