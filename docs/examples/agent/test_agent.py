"""The agent's tests: a few that say what the model answers, and one in which it may answer anything."""

from typing import Any

from agent import EMBEDDER, GUIDE, TRAINS, Trip, departures, planned
from hypothesis import given, settings

from genai_fn import Failure, Interpreter, RateLimited, Success, ok
from genai_fn.schema import (
    Candidate,
    ContentEmbedding,
    EmbedContentResponse,
    GenerateContentResponse,
    ModelContent,
    Part,
)
from genai_fn.testing import Fake
from genai_fn.testing.strategies import interpreters

TRIP = Trip("York", "08:02", "The museum is right at the station.")
PLAN = '{"city": "York", "departure": "08:02", "why": "The museum is right at the station."}'
WRONG_TRAIN = '{"city": "York", "departure": "03:00", "why": "It is quiet then."}'
LOOKING_UP = GenerateContentResponse(
    candidates=(Candidate(content=ModelContent(Part.from_function_call(name="departures", args={"city": "York"}))),)
)


def vectors(request: Any) -> EmbedContentResponse:
    """Embed a text as what it says of museums."""
    texts = [each.parts[0].text for each in request.operation.contents]
    return EmbedContentResponse(
        embeddings=tuple(ContentEmbedding(values=(1.0 if "museum" in each else 0.1,)) for each in texts)
    )


def test_plan() -> None:
    """The wish is embedded beside the guide, and the best places are what the model chooses from."""
    run = Fake({"embed": vectors, "generate": PLAN})
    assert Success(TRIP) == run(planned("a museum"))
    embedded, asked = run.requests
    assert (EMBEDDER, 1 + len(GUIDE)) == (embedded.operation.model, len(embedded.operation.contents))
    assert "York; Brighton" in asked.operation.contents[0].parts[0].text


def test_looks_trains_up() -> None:
    """The model is told the trains that it asks for."""
    run = Fake({"embed": vectors, "generate": [LOOKING_UP, PLAN]})
    assert Success(TRIP) == run(planned("a museum"))
    answer = run.requests[-1].operation.contents[-1].parts[0].function_response
    assert {"result": list(TRAINS["York"])} == answer.response


def test_no_quota() -> None:
    """A failure of the service is the agent's."""
    assert Failure(RateLimited(429)) == Fake({"embed": vectors, "generate": RateLimited(429)})(planned("a museum"))


@settings(deadline=None)  # whatever else the machine does
@given(interpreters())
def test_whatever_the_model_does(run: Interpreter) -> None:
    """There is a plan with a train that runs, or a failure which says why; never an exception."""
    result = run(planned("a museum"))
    if ok(result):
        trip = result.unwrap()
        assert trip.departure in departures(trip.city)


# What that has taught


def test_train_that_does_not_run() -> None:
    """A plan with such a train goes back to the model, once."""
    run = Fake({"embed": vectors, "generate": [WRONG_TRAIN, PLAN]})
    assert Success(TRIP) == run(planned("a museum"))
    assert isinstance(Fake({"embed": vectors, "generate": [WRONG_TRAIN] * 2})(planned("a museum")), Failure)
