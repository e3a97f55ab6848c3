"""Tests of the agent: four with fixed answers of the model, and one in which the model may answer anything."""

from typing import Any

from agent import EMBEDDER, GUIDE, TRAINS, Trip, departures, plan_trip
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
DEPARTURES_CALL = GenerateContentResponse(
    candidates=(Candidate(content=ModelContent(Part.from_function_call(name="departures", args={"city": "York"}))),)
)


def embed_texts(request: Any) -> EmbedContentResponse:
    """Return vectors by which texts that mention a museum are similar."""
    texts = [each.parts[0].text for each in request.operation.contents]
    return EmbedContentResponse(
        embeddings=tuple(ContentEmbedding(values=(1.0 if "museum" in each else 0.1,)) for each in texts)
    )


def test_plan() -> None:
    """The wish and the guide are embedded, and the prompt names the two closest places, the closest first."""
    run = Fake({"embed": embed_texts, "generate": PLAN})
    assert Success(TRIP) == run(plan_trip("a museum"))
    embedding, generation = run.requests
    assert (EMBEDDER, 1 + len(GUIDE)) == (embedding.operation.model, len(embedding.operation.contents))
    assert "York; Brighton" in generation.operation.contents[0].parts[0].text


def test_looks_up_trains() -> None:
    """The model receives the trains that it looks up."""
    run = Fake({"embed": embed_texts, "generate": [DEPARTURES_CALL, PLAN]})
    assert Success(TRIP) == run(plan_trip("a museum"))
    answer = run.requests[-1].operation.contents[-1].parts[0].function_response
    assert {"result": list(TRAINS["York"])} == answer.response


def test_no_quota() -> None:
    """A failure of the service is the result of the agent."""
    assert Failure(RateLimited(429)) == Fake({"embed": embed_texts, "generate": RateLimited(429)})(
        plan_trip("a museum")
    )


@settings(deadline=None)  # the machine may be busy
@given(interpreters())
def test_whatever_the_model_does(run: Interpreter) -> None:
    """The result is a plan with a train that runs, or a failure; never an exception."""
    result = run(plan_trip("a museum"))
    if ok(result):
        trip = result.unwrap()
        assert trip.departure in departures(trip.city)


# The regression test of the bug that it found


def test_train_that_does_not_run() -> None:
    """A plan whose train does not run is sent back to the model once; the second such plan is a failure."""
    run = Fake({"embed": embed_texts, "generate": [WRONG_TRAIN, PLAN]})
    assert Success(TRIP) == run(plan_trip("a museum"))
    assert isinstance(Fake({"embed": embed_texts, "generate": [WRONG_TRAIN] * 2})(plan_trip("a museum")), Failure)
