"""The validation of a reward: what google-genai 3.6.1 sends."""

from typing import Any

import pytest

from genai_fn import tunings
from genai_fn.errors import InvalidRequest
from genai_fn.schema import Content, Part, ValidateRewardResponse
from tests.support.google_genai.agreement import decode_ours, encode_ours, get_refused_paths

EXAMPLE = {"contents": [{"parts": [{"text": "2+2"}], "role": "user"}], "references": {"a": "4"}}
REWARD = {"reward_name": "r", "cloud_run_reward_scorer": {"cloud_run_uri": "https://r.run.app"}}
BALANCED = {"model_selection_config": {"feature_selection_preference": "BALANCED"}}
ROOT = "https://us-central1-aiplatform.googleapis.com/v1beta1/projects"


def test_wire() -> None:
    """The request is google-genai's, with the project and location of the backend."""
    judged = {"reward_name": "r", "autorater_scorer": {"autorater_config": {"generation_config": BALANCED}}}
    sample = Content(parts=(Part(text="4"),), role="model")
    request = tunings.validate_reward(sample, EXAMPLE, judged)
    wire = {"modelConfig": {"featureSelectionPreference": "BALANCED"}}
    assert encode_ours(request, "vertex") == (
        "POST",
        f"{ROOT}/p/locations/us-central1/tuningJobs:validateReinforcementTuningReward",
        {
            "sampleResponse": {"parts": [{"text": "4"}], "role": "model"},
            "example": {"contents": [{"parts": [{"text": "2+2"}], "role": "user"}], "references": {"a": "4"}},
            "singleRewardConfig": {
                "rewardName": "r",
                "autoraterScorer": {"autoraterConfig": {"generationConfig": wire}},
            },
        },
    )


def test_parent() -> None:
    """With a parent, the request goes to its project and location."""
    request = tunings.validate_reward("4", EXAMPLE, REWARD, parent="projects/q/locations/l")
    assert encode_ours(request, "vertex")[1] == f"{ROOT}/q/locations/l/tuningJobs:validateReinforcementTuningReward"


def test_several_rewards() -> None:
    """Several rewards are sent with their weights."""
    composite = {"weighted_reward_configs": [{"reward_config": REWARD, "weight": 2}]}
    body = encode_ours(tunings.validate_reward("4", EXAMPLE, composite_reward_config=composite), "vertex")[2]
    assert body["compositeRewardConfig"] == {
        "weightedRewardConfigs": [
            {"rewardConfig": {"rewardName": "r", "cloudRunRewardScorer": {"cloudRunUri": "https://r.run.app"}}}
            | {"weight": 2.0}
        ]
    }


def test_text() -> None:
    """A text is a turn of the model."""
    body = encode_ours(tunings.validate_reward("4", EXAMPLE, REWARD), "vertex")[2]
    assert body["sampleResponse"] == {"parts": [{"text": "4"}], "role": "model"}


def test_refused_on_gemini() -> None:
    """Gemini has no reinforcement tuning."""
    assert get_refused_paths(tunings.validate_reward("4", EXAMPLE, REWARD), "gemini") == ("tunings.validate_reward",)


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({}, "single_reward_config"),
        ({"single_reward_config": REWARD, "composite_reward_config": {}}, "single_reward_config"),
        ({"single_reward_config": {"scorer": 1}}, "single_reward_config.scorer"),
        ({"single_reward_config": REWARD, "parent": "projects/p"}, "parent"),
        ({"single_reward_config": REWARD, "example": {"content": []}}, "example.content"),
        ({"single_reward_config": REWARD, "sample_response": {"text": 1}}, "sample_response.parts[0].text"),
    ],
)
def test_mistakes(arguments: Any, path: str) -> None:
    """Not exactly one reward, or a wrong argument, is a mistake at once."""
    with pytest.raises(InvalidRequest) as raised:
        tunings.validate_reward(**{"sample_response": "4", "example": EXAMPLE, **arguments})
    assert raised.value.path == path


def test_read() -> None:
    """Rewards and errors are decoded."""
    reply = {
        "overallReward": 0.5,
        "rewardInfoDetails": {"r": {"reward": 0.5, "userRequestedAuxInfo": "x", "errorStatus": {"code": 3}}},
    }
    result: ValidateRewardResponse = decode_ours(tunings.validate_reward("4", EXAMPLE, REWARD), "vertex", reply)
    assert result.overall_reward == 0.5
    assert result.reward_info_details is not None
    info = result.reward_info_details["r"]
    assert (info.reward, info.user_requested_aux_info) == (0.5, "x")
    assert info.error_status is not None
    assert info.error_status.code == 3


def test_is_repeatable() -> None:
    """A validation changes nothing, so it may be retried."""
    assert tunings.validate_reward("4", EXAMPLE, REWARD).operation.repeatable
