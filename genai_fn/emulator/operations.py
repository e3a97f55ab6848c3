"""Operations in general: what goes on, or has gone on, under a name that no resource of its own looks after."""

from collections.abc import Mapping
from typing import Any

from genai_fn.emulator.answers import told
from genai_fn.emulator.faults import missing
from genai_fn.emulator.reading import Asked
from genai_fn.emulator.state import State
from genai_fn.http import HttpResponse
from genai_fn.schema._base import Message

__all__ = ["ROUTES", "Operation"]


class Operation(Message):
    """Some work, as it is told and kept."""

    name: str
    done: bool | None = None
    metadata: Mapping[str, Any] | None = None
    response: Mapping[str, Any] | None = None


def _got(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    found = state.kept.get(asked.names["name"])
    if not isinstance(found, Operation):
        raise missing(asked.names["name"])
    return state, told(found)


ROUTES = (("GET", "{name=projects/*/locations/*/operations/*}", _got),)
"""Videos, tunings and stores have routes of their own for theirs."""
