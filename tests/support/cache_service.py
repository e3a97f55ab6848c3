"""A model with explicit caches, and the places where it works: over HTTP, offline, and as a fake; sync and async."""

from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from hashlib import sha256
from typing import Any

import anyio
from msgspec.structs import replace

from genai_fn import AsyncHttp, Gemini, Http, Offline, codec
from genai_fn.errors import ClientError
from genai_fn.middleware import HandlerWrapper
from genai_fn.schema import CachedContent, DeleteCachedContentResponse
from genai_fn.testing import Emulator, Fake, serve_emulator
from genai_fn.values import Value
from tests.support.interpreter_kinds import AwaitableInterpreter, run_without_waiting

__all__ = ["CACHE_PLACES", "CachePlace", "CacheService", "RequestLog"]

Body = Callable[[AwaitableInterpreter, "RequestLog"], Coroutine[Any, Any, Any]]


class CacheService:
    """
    Answers requests to ``generate`` with a digest of the whole prompt, whose beginning may be in a cache.

    Its caches exist until they are deleted.
    """

    def __init__(self) -> None:
        self.caches: dict[str, Any] = {}
        self.created = 0
        self.refusal: ClientError | None = None
        """What the creation of a cache fails with."""

    def make_fake(self) -> Fake:
        return Fake(
            {
                "generate": self.generate,
                "generate.stream": self.generate,
                "caches.create": self.create,
                "caches.update": self.update,
                "caches.delete": self.delete,
            }
        )

    def create(self, request: Any) -> Any:
        if self.refusal is not None:
            return self.refusal
        self.created += 1
        name = f"cachedContents/{self.created}"
        self.caches[name] = request.operation
        return CachedContent(name=name)

    def update(self, request: Any) -> Any:
        name = request.operation.name
        return CachedContent(name=name) if name in self.caches else ClientError(403)

    def delete(self, request: Any) -> Any:
        return DeleteCachedContentResponse() if self.caches.pop(request.operation.name, None) else ClientError(403)

    def generate(self, request: Any) -> Any:
        operation, config = request.operation, request.operation.config
        if config.cached_content is not None:
            cache = self.caches.get(config.cached_content)
            if cache is None:
                return ClientError(403, "PERMISSION_DENIED", "CachedContent not found (or permission denied)")
            if cache.model != operation.model or config.system_instruction or config.tools or config.tool_config:
                return ClientError(400)
            fields = {name: getattr(cache.config, name) for name in ("system_instruction", "tools", "tool_config")}
            config = replace(config, cached_content=None, **fields)
            operation = replace(operation, contents=(*(cache.config.contents or ()), *operation.contents))
        prompt = (operation.model, codec.encode(operation.contents).decode(), codec.encode(config).decode())
        return sha256(repr(prompt).encode()).hexdigest()


class RequestLog(HandlerWrapper):
    """
    The requests that pass: each as its operation, its cache, and the number of its contents.

    `plain` is the interpreter without middleware.
    """

    def __init__(self, plain: AwaitableInterpreter) -> None:
        self.plain = plain
        self.entries: list[tuple[str, Any, int]] = []

    def __call__(self, inner: Any) -> "RequestLog":
        self.inner = inner
        return self

    @property
    def operations(self) -> list[str]:
        """The operations; ``generate*`` is one whose prefix is in a cache."""
        return [f"{operation}{'*' if cache else ''}" for operation, cache, _ in self.entries]

    def handle(self, request: Any, until: float) -> Any:
        self._add(request)
        return self.inner.handle(request, until)

    def open_stream(self, request: Any, until: float) -> Any:
        self._add(request)
        return self.inner.open_stream(request, until)

    def _add(self, request: Any) -> None:
        operation = request.operation
        cache = getattr(getattr(operation, "config", None), "cached_content", None)
        self.entries.append((operation.op, cache, len(getattr(operation, "contents", ()))))


class CachePlace(Value):
    """A kind of interpreter, and the executor that runs it: ``sync``, ``asyncio`` or ``trio``."""

    interpreter: str
    executor: str

    def __repr__(self) -> str:
        return f"{self.interpreter}-{self.executor}"

    def run(self, body: Body, *middleware: Any) -> Any:
        """Run the body of a test with a new interpreter that has the middleware, and a log below it."""
        is_sync = self.executor == "sync"
        with serve_emulator(Emulator()) if self.interpreter == "Http" else nullcontext("") as url:

            def make() -> Any:
                if self.interpreter == "Http":
                    return (Http if is_sync else AsyncHttp)(Gemini("test-key", base_url=url))
                run = Offline() if self.interpreter == "Offline" else CacheService().make_fake()
                return run if is_sync else run.aio

            async def run_body() -> Any:
                async with AwaitableInterpreter(make()) as plain:
                    log = RequestLog(plain)
                    run = plain.interpreter.with_middleware(log, *middleware)
                    return await body(AwaitableInterpreter(run), log)

            async def run_bounded() -> Any:
                with anyio.fail_after(120):
                    return await run_body()

            return run_without_waiting(run_body()) if is_sync else anyio.run(run_bounded, backend=self.executor)


CACHE_PLACES = tuple(
    CachePlace(interpreter, executor)
    for interpreter in ("Http", "Offline", "Fake")
    for executor in ("sync", "asyncio", "trio")
)
