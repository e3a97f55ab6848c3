"""The emulator has a route for every request of this library, and accepts its body."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from msgspec.structs import replace

from genai_fn.backend import Backend, Gemini, Vertex
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.request import Request
from genai_fn.results import Success
from genai_fn.wire import encode
from tests.support.drawn_requests import REQUESTS, has_operation
from tests.support.emulator_requests import send_request

BACKENDS: dict[str, Backend] = {"gemini": Gemini("test-key"), "vertex": Vertex("p", "us-central1")}
ROWS = [(name, backend) for name in REQUESTS for backend in BACKENDS if has_operation(name, backend)]

example_settings = settings(
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
"""Valid names for both backends: the service decides about unusual ones."""


@pytest.mark.parametrize(("name", "backend"), ROWS)
@example_settings
@given(data=st.data())
def test_accepted_by_emulator(name: str, backend: str, data: st.DataObject) -> None:
    """Each operation finds a route that knows all fields of its body."""
    result = encode(_replace_name(data.draw(REQUESTS[name]), backend), BACKENDS[backend])
    if not isinstance(result, Success):
        return
    request: HttpRequest = result.unwrap()
    message = _read_error_message(send_request(request))
    assert "not a method of the emulated API" not in message, request
    assert "Unknown name" not in message, request
    assert "Invalid JSON payload" not in message, request
    assert "(Expected" not in message, request


def _replace_name(request: Request[Any], backend: str) -> Request[Any]:
    operation: Any = request.operation
    field, *names = NAMES.get(operation.op) or NAMES.get(operation.op.partition(".")[0]) or ("model", "m", "m")
    if operation.op == "tokens.count.request":
        return replace(request, operation=replace(operation, request=replace(operation.request, model="m")))
    has_field = field in operation.__struct_fields__
    return (
        replace(request, operation=replace(operation, **{field: names[backend == "vertex"]})) if has_field else request
    )


def _read_error_message(response: HttpResponse) -> Any:
    return "" if response.status == 200 else json.loads(response.body)["error"]["message"]
