"""Operations: what goes on, or has gone on; those of Vertex AI that no resource looks after are answered here."""

from typing import Any, Final

from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.http import HttpResponse
from genai_fn.schema.base import Message

__all__ = ["POLLS_UNTIL_DONE", "ROUTES", "EmulatedOperation", "delete_project_resource"]

POLLS_UNTIL_DONE: Final = 2
"""How often somebody has to look before something that takes its time is done."""


class EmulatedOperation(Message):
    """Some work, as it is told."""

    name: str
    done: bool | None = None
    metadata: Any = None
    response: Any = None
    error: Any = None


def delete_project_resource(state: EmulatorState, name: str) -> tuple[EmulatorState, HttpResponse]:
    """Delete something in a project: that is an operation, which is done at once."""
    state, operation = state.without_resource(name).assign_name(f"{'/'.join(name.split('/')[:4])}/operations")
    done = EmulatedOperation(name=operation, done=True, response={"@type": "type.googleapis.com/google.protobuf.Empty"})
    return state.with_resource(operation, done), build_json_response(done)


def _get_operation(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    return state, build_json_response(state.get_resource(asked.path_params["name"], EmulatedOperation))


ROUTES = (("GET", "{name=projects/*/locations/*/operations/*}", _get_operation),)
"""Videos, tunings and stores have routes of their own for theirs."""
