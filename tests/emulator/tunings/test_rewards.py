"""Rewards of reinforcement tuning in the emulator."""

from collections.abc import Mapping
from typing import Any

import pytest

from genai_fn import Offline, Vertex, tunings
from genai_fn.schema import ValidateRewardResponse

EXAMPLE = {"contents": [{"parts": [{"text": "2 + 2"}]}], "references": {"answer": "4"}}
NUMBER = {"parse_type": "REGEX_EXTRACT", "regex_extract_expression": "<a>(.*?)</a>"}


def build_reward(match: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """Build a reward of 1.0 for a match and -1.0 otherwise."""
    expression = {} if match is None else {"string_match_expression": match}
    scorer = {"correct_answer_reward": 1.0, "wrong_answer_reward": -1.0, **expression, **more.pop("scorer", {})}
    return {"reward_name": "r", "string_match_reward_scorer": scorer, **more}


def build_match(operation: str, expression: str = "{{references.answer}}") -> Any:
    return {"match_operation": operation, "expression": expression}


def validate(sample: str, reward: Any, **more: Any) -> ValidateRewardResponse:
    run = Offline(Vertex("p", "us-central1"))
    return run(tunings.validate_reward(sample, EXAMPLE, reward, **more)).unwrap()


@pytest.mark.parametrize(
    ("sample", "reward", "expected"),
    [
        ("4", build_reward(build_match("EXACT_MATCH")), 1.0),
        ("4!", build_reward(build_match("EXACT_MATCH")), -1.0),
        ("4!", build_reward(build_match("PARTIAL_MATCH")), 1.0),
        ("= 4", build_reward(build_match("REGEX_CONTAINS", "= ?{{references.answer}}$")), 1.0),
        ("<a>3</a><a>4</a>", build_reward(build_match("EXACT_MATCH"), parse_response_config=NUMBER), 1.0),
        ("none", build_reward(build_match("EXACT_MATCH"), parse_response_config=NUMBER), -1.0),
    ],
)
def test_texts(sample: str, reward: Any, expected: float) -> None:
    """The reward depends on the match of the text, or of the part of it that the parser extracts."""
    response = validate(sample, reward)
    assert (response.overall_reward, response.error) == (expected, None)
    assert response.reward_info_details is not None
    assert response.reward_info_details["r"].reward == expected


@pytest.mark.parametrize(
    ("sample", "expected"),
    [('{"sum": 4}', 1.0), ('{"sum": "4"}', 1.0), ('{"total": 4}', -1.0), ("4", -1.0), ("{", -1.0)],
)
def test_json(sample: str, expected: float) -> None:
    """A value of a response in JSON can be matched."""
    in_json = {"key_name": "sum", "value_string_match_expression": build_match("EXACT_MATCH")}
    assert validate(sample, build_reward(scorer={"json_match_expression": in_json})).overall_reward == expected


def test_weights() -> None:
    """Several rewards are added with their weights."""
    rewards = [
        {"weight": 0.5, "reward_config": build_reward(build_match("EXACT_MATCH"))},
        {"weight": 2, "reward_config": {**build_reward(build_match("PARTIAL_MATCH", "5")), "reward_name": "five"}},
    ]
    response = validate("4", None, composite_reward_config={"weighted_reward_configs": rewards})
    assert response.overall_reward == 0.5 - 2


def test_same_names() -> None:
    """Rewards with the same name are all added, each with its own weight; the details contain the last."""
    rewards = [
        {"weight": 2, "reward_config": build_reward(build_match("EXACT_MATCH"))},
        {"weight": 3, "reward_config": build_reward(build_match("EXACT_MATCH", "5"))},
    ]
    response = validate("4", None, composite_reward_config={"weighted_reward_configs": rewards})
    assert response.overall_reward == 2 - 3
    assert response.reward_info_details is not None
    assert [each.reward for each in response.reward_info_details.values()] == [-1.0]


def test_other_scorers() -> None:
    """A reward that only a model or code can compute has an error of its own."""
    response = validate("4", {"cloud_run_reward_scorer": {"cloud_run_uri": "https://r.run.app"}})
    assert response.overall_reward is None
    assert "string_match_reward_scorer" in str(response.error)


@pytest.mark.parametrize("reward", [build_reward(), build_reward(build_match("REGEX_CONTAINS", "("))])
def test_invalid(reward: Any) -> None:
    """A scorer without an expression, or with an invalid one, is refused."""
    run = Offline(Vertex("p", "us-central1"))
    error = run(tunings.validate_reward("4", EXAMPLE, reward)).failure()
    assert getattr(error, "code", None) == 400
