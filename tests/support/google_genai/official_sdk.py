"""google-genai as it comes, sync or async by one face, so that a story of calls is told once."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import anyio
from google.genai import Client, types
from google.oauth2.credentials import Credentials

KEY = "test-key"
BACKENDS = ("gemini", "vertex")
KINDS = ("sync", "async")


@dataclass(frozen=True)
class Sdk:
    """Where the emulator is, and how to ask it; `within` opens a client and tells it a story."""

    url: str
    backend: str = "gemini"
    kind: str = "sync"

    def within(self, story: Callable[["Faced"], Coroutine[Any, Any, Any]], **options: Any) -> Any:
        """Run a story with a client of its own, and close that."""

        async def told() -> Any:
            client = self._client(options)
            try:
                with anyio.fail_after(120):
                    return await story(Faced(client, is_async=self.kind == "async"))
            finally:
                await client.aio.aclose()
                client.close()

        return anyio.run(told)

    def _client(self, options: dict[str, Any]) -> Client:
        who: dict[str, Any] = {"api_key": options.pop("api_key", KEY)}
        if self.backend == "vertex":
            token = Credentials(token="test-token")  # type: ignore[no-untyped-call]  # google-auth has no types
            who = {"vertexai": True, "project": "p", "location": "us-central1", "credentials": token}
        return Client(**who, http_options=types.HttpOptions(base_url=self.url, **options))


class Faced:
    """A client that is awaited, whichever it is."""

    def __init__(self, client: Client, *, is_async: bool) -> None:
        self.client = client
        self.api: Any = client.aio if is_async else client
        """``client``, or ``client.aio``: the same modules."""
        self.is_gemini = not client.vertexai

    async def had(self, value: Any) -> Any:
        return await value if isinstance(value, Awaitable) else value

    async def every(self, items: Any) -> list[Any]:
        """Read a stream or a pager to its end."""
        had = await self.had(items)
        return [each async for each in had] if hasattr(had, "__aiter__") else list(had)

    async def until(self, look: Callable[[], Any], is_done: Callable[[Any], Any]) -> Any:
        """Look a few times, as often as it takes."""
        for _ in range(5):
            seen = await self.had(look())
            if is_done(seen):
                return seen
            await anyio.sleep(0.001)
        raise AssertionError("it never ends", seen)
