"""google-genai against the emulator: one scenario runs with the sync and with the async client."""

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
class SdkRunner:
    """Runs scenarios with a client for the emulator at a URL."""

    url: str
    backend: str = "gemini"
    kind: str = "sync"

    def run(self, scenario: Callable[["SdkFacade"], Coroutine[Any, Any, Any]], **options: Any) -> Any:
        """Run a scenario with a new client, and close the client. Options are those of the client's HTTP options."""

        async def run_scenario() -> Any:
            client = self._create_client(options)
            try:
                with anyio.fail_after(120):
                    return await scenario(SdkFacade(client, is_async=self.kind == "async"))
            finally:
                await client.aio.aclose()
                client.close()

        return anyio.run(run_scenario)

    def _create_client(self, options: dict[str, Any]) -> Client:
        credentials: dict[str, Any] = {"api_key": options.pop("api_key", KEY)}
        if self.backend == "vertex":
            token = Credentials(token="test-token")  # type: ignore[no-untyped-call]  # google-auth has no types
            credentials = {"vertexai": True, "project": "p", "location": "us-central1", "credentials": token}
        return Client(**credentials, http_options=types.HttpOptions(base_url=self.url, **options))


class SdkFacade:
    """A sync or async client whose calls are awaited in both cases."""

    def __init__(self, client: Client, *, is_async: bool) -> None:
        self.client = client
        self.api: Any = client.aio if is_async else client
        """``client`` or ``client.aio``, which have the same modules."""
        self.is_gemini = not client.vertexai

    async def call(self, result: Any) -> Any:
        """Return the result of a call; await it if the client is async."""
        return await result if isinstance(result, Awaitable) else result

    async def list_all(self, items: Any) -> list[Any]:
        """Read a stream or a pager to its end."""
        iterable = await self.call(items)
        return [each async for each in iterable] if hasattr(iterable, "__aiter__") else list(iterable)

    async def poll_until(self, poll: Callable[[], Any], is_done: Callable[[Any], Any]) -> Any:
        """Poll up to five times, and return the first result that is done."""
        for _ in range(5):
            result = await self.call(poll())
            if is_done(result):
                return result
            await anyio.sleep(0.001)
        raise AssertionError("five polls were not enough", result)
