"""The agent as it was at first: it trusts a model that was told to look trains up to have done so."""

from agent import EMBEDDER, GUIDE, TRAINS, Trip, departures, proposed, suiting

from genai_fn import Result, ask, attempt, flow
from genai_fn.errors import GenaiError
from genai_fn.request import FlowGenerator

__all__ = ["EMBEDDER", "GUIDE", "TRAINS", "Trip", "departures", "planned"]


@flow
def planned(wish: str) -> FlowGenerator[Result[Trip, GenaiError]]:
    """Plan a trip."""
    cities = yield from ask(suiting(wish))
    return (yield from attempt(proposed(f"Plan a day out. The wish: {wish}. Choose from: {'; '.join(cities)}.")))
