"""Executors of each kind, and a resource of a program."""

from typing import Any

import anyio

from genai_fn.interpreters.in_process import make_async_memory_executor, make_memory_executor

KINDS = ("sync", "asyncio", "trio")


class Executor:
    """An executor of one of the kinds, which another thread may close while it runs a program."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.current: Any = None

    def run(self, program: Any) -> Any:
        if self.kind == "sync":
            self.current = make_memory_executor()
            return self.current.run(program)

        async def run_async() -> Any:
            with anyio.fail_after(60):
                self.current = make_async_memory_executor()
                return await self.current.run(program)

        return anyio.run(run_async, backend=self.kind)


class Resource:
    """A resource that knows whether it was closed."""

    def __init__(self) -> None:
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True

    abort = close

    async def aclose(self) -> None:
        self.close()
