"""Whatever this library can send is something that the emulator has a method for, and reads."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from genai_fn.backend import Backend, Gemini, Vertex
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.request import Request
from genai_fn.results import Success
from genai_fn.wire import encode
from tests.support.drawn_requests import REQUESTS, has
from tests.support.emulator_requests import answer

BACKENDS: dict[str, Backend] = {"gemini": Gemini("test-key"), "vertex": Vertex("p", "us-central1")}
ROWS = [(name, backend) for name in REQUESTS for backend in BACKENDS if has(name, backend)]

drawn = settings(
    max_examples=10, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


NAMES = {
    "caches": ("name", "1", "1"),
    "images.recontext": ("model", "", "imagen-product-recontext-preview-06-30"),
    "images.segment": ("model", "", "image-segmentation-001"),
    "models.delete": ("model", "tunedModels/m", "projects/p/locations/l/models/1"),
    "models.update": ("model", "tunedModels/m", "projects/p/locations/l/models/1"),
    "operations.get": ("name", "models/veo/operations/1", "publishers/google/models/veo/operations/1"),
    "tunings": ("name", "tunedModels/m", "tuningJobs/1"),
}
"""Names as anyone would use them, on either backend: where odd ones lead is for the service to say."""


@pytest.mark.parametrize(("name", "backend"), ROWS)
@drawn
@given(data=st.data())
def test_is_read(name: str, backend: str, data: st.DataObject) -> None:
    """A request of any operation finds its method, and no name in its body is unknown there."""
    written = encode(_plain(data.draw(REQUESTS[name]), backend), BACKENDS[backend])
    if not isinstance(written, Success):
        return
    request: HttpRequest = written.unwrap()
    message = _refusal(answer(request))
    assert "not a method of the emulated API" not in message, request
    assert "Unknown name" not in message, request
    assert "Invalid JSON payload" not in message, request
    assert "(Expected" not in message, request


def _plain(request: Request[Any], backend: str) -> Request[Any]:
    operation: Any = request.operation
    field, *names = NAMES.get(operation.op) or NAMES.get(operation.op.partition(".")[0]) or ("model", "m", "m")
    if operation.op == "tokens.count.request":
        return replace(request, operation=replace(operation, request=replace(operation.request, model="m")))
    has_field = field in operation.__struct_fields__
    return (
        replace(request, operation=replace(operation, **{field: names[backend == "vertex"]})) if has_field else request
    )


def _refusal(response: HttpResponse) -> Any:
    return "" if response.status == 200 else json.loads(response.body)["error"]["message"]
