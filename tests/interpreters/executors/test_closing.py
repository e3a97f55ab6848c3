"""An executor that another thread closes while the effect that opens something ends."""

from typing import Any

import anyio
import pytest

from genai_fn.effects import OpenResource, SendRequest
from genai_fn.http import HttpRequest
from genai_fn.interpreters.executors.async_executor import AsyncExecutor

REQUEST = SendRequest(HttpRequest("GET", "http://model.invalid/"), deadline=1e9, connect_timeout=1.0)


class AbortedResource:
    """A response, or another resource, that counts how often its executor closes its socket."""

    def __init__(self) -> None:
        self.aborts = 0

    def abort(self) -> None:
        """Count a call."""
        self.aborts += 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("method", ["close", "end"])
def test_response(method: str, backend: str) -> None:
    """The socket of a response whose head arrives while another thread closes the executor is closed, too."""
    response = AbortedResource()

    class ClosingTransport:
        async def send(self, request: Any) -> Any:
            getattr(executor, method)()  # as another thread may, once the head has arrived
            return response

    executor = AsyncExecutor(ClosingTransport(), None, None)
    assert anyio.run(executor.perform, REQUEST, backend=backend) is response
    assert response.aborts == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_resource(backend: str) -> None:
    """A resource that is opened while another thread closes the executor is closed, too."""
    resource = AbortedResource()
    executor = AsyncExecutor(None, None, None)
    executor.close()
    anyio.run(executor.perform, OpenResource(resource), backend=backend)
    assert resource.aborts == 1
