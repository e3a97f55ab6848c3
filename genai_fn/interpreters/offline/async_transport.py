"""The transport of ``Offline().aio``: the emulated API in the place of the network."""

from anyio import to_thread
from anyio.lowlevel import checkpoint

from genai_fn.effects import EffectFailed, SendRequest
from genai_fn.errors import TimeoutPhase
from genai_fn.http import FileSlice
from genai_fn.interpreters.offline.service import MemoryResponse, OfflineService, load_file_body


class AsyncOfflineTransport:
    """Sends requests to the emulated API."""

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
