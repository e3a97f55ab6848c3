"""Long-running operations, and the route for those of Vertex AI that belong to no resource here."""

from typing import Any, Final

from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema.base import Message

POLLS_UNTIL_DONE: Final = 2
"""Number of polls after which a simulated operation is done."""


class EmulatedOperation(Message):
    """A long-running operation as the API returns it."""

    name: str
    done: bool | None = None
    metadata: Any = None
    response: Any = None
    error: Any = None


def delete_project_resource(state: EmulatorState, name: str) -> RouteResult:
    """Delete a resource of a project. The response is an operation that is already done."""
    parent, empty = "/".join(name.split("/")[:4]), {"@type": "type.googleapis.com/google.protobuf.Empty"}
    state, operation_name = state.without_resource(name).assign_name(f"{parent}/operations")
    operation = EmulatedOperation(name=operation_name, done=True, response=empty)
    return state.with_resource(operation_name, operation), build_json_response(operation)


def _get_operation(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    return state, build_json_response(state.get_resource(request.resource_name, EmulatedOperation))


ROUTES = (("GET", "{name=projects/*/locations/*/operations/*}", _get_operation),)
"""Videos, tunings and stores have routes for their own operations."""
