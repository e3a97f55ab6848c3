"""Limits in the fields of classes, of libraries other than msgspec."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, NotRequired, TypedDict, TypeVar

import msgspec
import pydantic
import pytest
from annotated_types import Ge, Interval, Len, MinLen

from genai_fn import calling, generate, returning
from genai_fn.errors import DecodeError
from genai_fn.flows.typed_json import convert_json
from genai_fn.schema import Candidate, Content, FunctionCall, GenerateContentResponse, Part
from genai_fn.testing import Fake


@dataclass
class Score:
    """A dataclass with a limit."""

    value: Annotated[float, Interval(ge=0, le=1)]
    weight: Annotated[int, Ge(1)] = 0
    """Its default is below its limit: defaults are not checked."""


class Report(msgspec.Struct, rename="camel"):
    """A Struct with limits of its own, and within."""

    bullet_points: Annotated[list[str], Len(2, 3)]
    best: Score | None = None
    others: "Mapping[str, Report]" = msgspec.field(default_factory=dict)


class Size(NamedTuple):
    """A NamedTuple with a limit of pydantic's ``Field``."""

    width: Annotated[int, pydantic.Field(multiple_of=4)]


class Options(TypedDict):
    """A TypedDict with a limit on a field that may be missing."""

    name: NotRequired[Annotated[str, MinLen(2)]]
    sizes: list[Size]


T = TypeVar("T")

ACCEPTED = [
    (Score, {"value": 1}),
    (Report, {"bulletPoints": ["a", "b"], "best": {"value": 0.5, "weight": 2}}),
    (Report, {"bulletPoints": ["a", "b"], "others": {"x": {"bulletPoints": ["c", "d"]}}}),
    (Options, {"sizes": [[8], [4]]}),
    (Score | None, None),
    (Annotated[Score, "a comment"] | int, 3),
]


@pytest.mark.parametrize(("kind", "value"), ACCEPTED, ids=str)
def test_accepted(kind: Any, value: Any) -> None:
    """Values within their limits are converted as without limits."""
    assert convert_json(value, kind) == msgspec.convert(value, kind)


REFUSED = [
    (Score, {"value": 2}, "`float` <= 1.0 - at `$.value`"),
    (Score, {"value": 1, "weight": 0.0}, "Expected `int`, got `float` - at `$.weight`"),
    (Report, {"bulletPoints": ["a"]}, "`array` of length >= 2 - at `$.bulletPoints`"),
    (Report, {"bulletPoints": ["a", "b"], "best": {"value": -1}}, "`float` >= 0.0 - at `$.best.value`"),
    (
        Report,
        {"bulletPoints": ["a", "b"], "others": {"x": {"bulletPoints": []}}},
        "`array` of length >= 2 - at `$.others[...].bulletPoints`",
    ),
    (Options, {"name": "a", "sizes": []}, "`str` of length >= 2 - at `$.name`"),
    (list[Options], [{"sizes": [[4], [6]]}], "a multiple of 4 - at `$[0].sizes[1].width`"),
    (tuple[int, Score | None], [1, {"value": 3}], "`float` <= 1.0 - at `$[1].value`"),
    (dict[str, Annotated[Score, "a comment"] | int], {"a": {"value": 3}}, "`float` <= 1.0 - at `$[...].value`"),
]


@pytest.mark.parametrize(("kind", "value", "message"), REFUSED, ids=str)
def test_refused(kind: Any, value: Any, message: str) -> None:
    """A field beyond its limit is an error that states the limit and the path, as with limits of msgspec."""
    with pytest.raises(msgspec.ValidationError) as raised:
        convert_json(value, kind)
    assert message in str(raised.value)


def test_answers() -> None:
    """`returning` fails with the path."""
    result = Fake({"generate": '{"value": 2}'})(generate("m", "hi") | returning(Score))
    assert isinstance(result.failure(), DecodeError)
    assert result.failure().path == "$.value"


def test_parameters() -> None:
    """A function is not called with a field beyond its limit: the model gets the error."""
    calls: list[Score] = []

    def rate(score: Score) -> str:
        calls.append(score)
        return "rated"

    part = Part(function_call=FunctionCall(name="rate", args={"score": {"value": 2}}))
    called = GenerateContentResponse(candidates=(Candidate(content=Content(role="model", parts=(part,))),))
    run = Fake({"generate": [called, "done"]})
    assert run(generate("m", "hi") | calling(rate)).unwrap().text == "done"
    assert calls == []
