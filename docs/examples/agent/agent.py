"""
Plans a day out: finds the places that suit a wish, asks a model that may look up trains and weather, and checks its
plan.

Nothing here calls anybody. ``planned(…)`` is a description; who runs it is up to whoever has it:
``run(planned("sea air and a museum"))``.
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
def planned(wish: str) -> FlowGenerator[Result[Trip, GenaiError]]:
    """Plan a trip. One whose train does not run is sent back once; after that there is no plan."""
    cities = yield from ask(suiting(wish))
    question = f"Plan a day out. The wish: {wish}. Choose from: {'; '.join(cities)}."
    for _ in range(2):
        trip = yield from ask(proposed(question))
        if trip.departure in departures(trip.city):
            return Success(trip)
        question += f" There is no train to {trip.city} at {trip.departure}: look it up."
    return Failure(OperationFailed("planning", message="no plan with a train that runs"))


@flow
def suiting(wish: str, most: int = 2) -> FlowGenerator[Result[list[str], GenaiError]]:
    """Find the cities whose entries in the guide are closest in meaning to a wish."""
    response = yield from ask(embed(EMBEDDER, [wish, *GUIDE.values()]))
    wished, *described = [each.values for each in response.embeddings] or [()]
    likeness = {city: _product(wished, each) for city, each in zip(GUIDE, described, strict=False)}
    return Success(sorted(likeness, key=likeness.__getitem__, reverse=True)[:most])


def proposed(question: str) -> Flow[Trip]:
    """Have a model propose a trip, looking up what it wants to know."""
    asked = generate(MODEL, question) | with_system("You plan trips. Look up trains before you name one.")
    return asked | calling(departures, weather) | returning(Trip)


# What the model may look up


def departures(city: str) -> list[str]:
    """List the trains to a city tomorrow, by their times of departure."""
    return list(TRAINS.get(city, ()))


def weather(city: str) -> str:
    """Tell tomorrow's weather in a city."""
    return "rain" if city == "Bath" else "sunny"


def _product(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    return sum(mine * its for mine, its in zip(one, other, strict=False))
