"""The first version of the agent: it assumes that the model looks up trains, because its instructions say so."""

from agent import EMBEDDER, GUIDE, TRAINS, Trip, departures, find_cities, propose_trip

from genai_fn import Result, ask, attempt, flow
from genai_fn.errors import GenaiError
from genai_fn.request import FlowGenerator

__all__ = ["EMBEDDER", "GUIDE", "TRAINS", "Trip", "departures", "plan_trip"]


@flow
def plan_trip(wish: str) -> FlowGenerator[Result[Trip, GenaiError]]:
    """Plan a trip."""
    cities = yield from ask(find_cities(wish))
    return (yield from attempt(propose_trip(f"Plan a day out. The wish: {wish}. Choose from: {'; '.join(cities)}.")))
