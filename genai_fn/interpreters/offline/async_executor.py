"""The executor of ``Offline().aio``: the emulated API in the place of the network."""

from anyio import to_thread
from anyio.lowlevel import checkpoint

from genai_fn.effects import EffectFailed, SendRequest
from genai_fn.errors import TimeoutPhase
from genai_fn.http import FileSlice
from genai_fn.interpreters.executors.async_executor import AsyncExecutor
from genai_fn.interpreters.offline.service import OFFLINE_TOKEN_CACHES, MemoryResponse, OfflineService, load_file_body


def make_executor(service: OfflineService) -> AsyncExecutor:
    """Make the executor of one run."""
    return AsyncExecutor(_AsyncOfflineTransport(service), OFFLINE_TOKEN_CACHES, None)


class _AsyncOfflineTransport:
    def __init__(self, service: OfflineService) -> None:
        self._service = service

    async def send(self, request: SendRequest) -> "_AsyncMemoryResponse | EffectFailed":
        await checkpoint()
        http = request.request
        loaded = await to_thread.run_sync(load_file_body, http) if isinstance(http.body, FileSlice) else http
        if isinstance(loaded, EffectFailed):
            return loaded
        return _AsyncMemoryResponse(self._service.handle_request(loaded))


class _AsyncMemoryResponse:
    def __init__(self, response: MemoryResponse) -> None:
        self._response = response
        self.delay = response.delay
        self.status = response.status
        self.headers = response.headers

    async def read(self, deadline: float, phase: TimeoutPhase) -> bytes:
        await checkpoint()
        return self._response.read(deadline, phase)

    def abort(self) -> None:
        self._response.close()

    async def aclose(self) -> None:
        self._response.close()
