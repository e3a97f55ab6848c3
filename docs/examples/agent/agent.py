"""
Plans a day out: finds suitable places, asks a model that may look up trains and the weather, and checks its plan.

Nothing here does I/O. ``plan_trip(…)`` is a flow, which any interpreter runs: ``run(plan_trip("sea air"))``.
"""

from dataclasses import dataclass

from genai_fn import (
    Failure,
    Flow,
    OperationFailed,
    Result,
    Success,
    ask,
    calling,
    embed,
    flow,
    generate,
    returning,
    with_system,
)
from genai_fn.errors import GenaiError
from genai_fn.request import FlowGenerator

MODEL = "gemini-2.5-flash"
EMBEDDER = "gemini-embedding-001"

GUIDE = {
    "Brighton": "A pier, a pebble beach, and a pavilion full of curiosities.",
    "Bath": "Roman baths, Georgian crescents, and hills to walk in.",
    "York": "A minster, city walls, and the largest railway museum of all.",
}
TRAINS = {"Brighton": ("08:15", "09:45"), "Bath": ("07:30",), "York": ("06:58", "08:02")}


@dataclass(frozen=True)
class Trip:
    """A plan: where to go, with which train, and why."""

    city: str
    departure: str
    why: str


@flow
def plan_trip(wish: str) -> FlowGenerator[Result[Trip, GenaiError]]:
    """Plan a trip. If its train does not run, ask the model once more, then fail."""
    cities = yield from ask(find_cities(wish))
    question = f"Plan a day out. The wish: {wish}. Choose from: {'; '.join(cities)}."
    for _ in range(2):
        trip = yield from ask(propose_trip(question))
        if trip.departure in departures(trip.city):
            return Success(trip)
        question += f" There is no train to {trip.city} at {trip.departure}: look it up."
    return Failure(OperationFailed("planning", message="no plan with a train that runs"))


@flow
def find_cities(wish: str, limit: int = 2) -> FlowGenerator[Result[list[str], GenaiError]]:
    """Find the cities whose entries in the guide are closest in meaning to a wish."""
    response = yield from ask(embed(EMBEDDER, [wish, *GUIDE.values()]))
    wish_vector, *entries = [each.values for each in response.embeddings] or [()]
    similarity = {city: _dot(wish_vector, entry) for city, entry in zip(GUIDE, entries, strict=False)}
    return Success(sorted(similarity, key=similarity.__getitem__, reverse=True)[:limit])


def propose_trip(question: str) -> Flow[Trip]:
    """Ask a model for a trip; it may call the functions below."""
    request = generate(MODEL, question) | with_system("You plan trips. Look up trains before you name one.")
    return request | calling(departures, weather) | returning(Trip)


# Functions that the model may call


def departures(city: str) -> list[str]:
    """List the departure times of tomorrow's trains to a city."""
    return list(TRAINS.get(city, ()))


def weather(city: str) -> str:
    """Get tomorrow's weather in a city."""
    return "rain" if city == "Bath" else "sunny"


def _dot(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=False))
