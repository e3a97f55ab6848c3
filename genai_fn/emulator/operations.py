"""Operations: what goes on, or has gone on; those of Vertex AI that no resource looks after are answered here."""

from typing import Any, Final

from genai_fn.emulator.answers import told
from genai_fn.emulator.reading import Asked
from genai_fn.emulator.state import State
from genai_fn.http import HttpResponse
from genai_fn.schema._base import Message

__all__ = ["LOOKS", "ROUTES", "Operation", "deleted"]

LOOKS: Final = 2
"""How often somebody has to look before something that takes its time is done."""


class Operation(Message):
    """Some work, as it is told."""

    name: str
    done: bool | None = None
    metadata: Any = None
    response: Any = None
    error: Any = None


def deleted(state: State, name: str) -> tuple[State, HttpResponse]:
    """Delete something in a project: that is an operation, which is done at once."""
    state, operation = state.dropping(name).named(f"{'/'.join(name.split('/')[:4])}/operations")
    done = Operation(name=operation, done=True, response={"@type": "type.googleapis.com/google.protobuf.Empty"})
    return state.putting(operation, done), told(done)


def _got(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    return state, told(state.known(asked.names["name"], Operation))


ROUTES = (("GET", "{name=projects/*/locations/*/operations/*}", _got),)
"""Videos, tunings and stores have routes of their own for theirs."""
