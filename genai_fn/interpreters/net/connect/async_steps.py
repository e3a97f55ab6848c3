"""Performs the steps of sockets in a task of asyncio or trio."""

import math
import socket
import time
from typing import Any, TypeVar

import anyio
from anyio import to_thread

from genai_fn.interpreters.executors.event_loops import await_promise
from genai_fn.interpreters.executors.tasks import extract_interrupt
from genai_fn.interpreters.net.connect.sync_steps import start_blocking_call
from genai_fn.interpreters.net.socket import (
    DeadlineExceededError,
    ReadFile,
    RunBlocking,
    SocketSteps,
    WaitForAny,
    WaitUntilReady,
    capture_outcome,
    check_deadline,
)
from genai_fn.interpreters.net.waits.selection import TaskWaits, get_waits

T = TypeVar("T")


async def perform_steps(steps: SocketSteps[T], deadline: float = math.inf) -> T:
    """
    Perform steps and return their result; cancellation closes the generator, which closes an unfinished socket.

    Raises `DeadlineExceededError` if it waits for a socket at `deadline`, a point of ``time.monotonic()``. It costs
    less than a cancel scope around the call, which also bounds other steps.
    """
    result: Any = None
    waits: TaskWaits | None = None
    try:
        while True:
            step, result = steps.send(result), None
            if isinstance(step, WaitUntilReady):
                waits = waits or get_waits()
                await _wait_until_ready(waits, step, deadline)
                continue
            check_deadline(deadline)
            result = await _perform_step(step)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # the return value of a StopIteration is Any
    finally:
        steps.close()


async def _perform_step(step: WaitForAny | RunBlocking | ReadFile) -> Any:
    match step:
        case WaitForAny():
            return await _wait_for_any(step)
        case RunBlocking():
            return await await_promise(start_blocking_call(step))
        case ReadFile():
            return await to_thread.run_sync(capture_outcome, step.call)


async def _wait_until_ready(waits: TaskWaits, step: WaitUntilReady, deadline: float) -> None:
    remaining = deadline - time.monotonic()  # checked first: a peer that is always ready must not outlast the deadline
    if remaining <= 0 or not await waits.wait_for_socket(step.sock, remaining, for_write=step.for_write):
        raise DeadlineExceededError


async def _wait_for_any(step: WaitForAny) -> None:
    if len(step.socks) == 1:
        seconds = math.inf if step.timeout is None else step.timeout
        await get_waits().wait_for_socket(step.socks[0], seconds, for_write=True)
        return
    with anyio.move_on_after(step.timeout):
        try:
            async with anyio.create_task_group() as tasks:
                for sock in step.socks:
                    tasks.start_soon(_wait_until_writable, sock, tasks.cancel_scope)
        except BaseExceptionGroup as group:
            raise extract_interrupt(group, at_host=True) from None


async def _wait_until_writable(sock: socket.socket, others: anyio.CancelScope) -> None:
    await anyio.wait_writable(sock)
    others.cancel()
