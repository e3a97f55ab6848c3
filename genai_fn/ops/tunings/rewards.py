"""Validation of a reward before a reinforcement tuning; the builder is ``tunings.validate_reward``."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.ops.request_parts import copy_fields
from genai_fn.ops.tunings.evaluation import WireAutoraterConfig
from genai_fn.request import POST, Call, Operation, Refusal, Request, read_json
from genai_fn.schema.base import Message
from genai_fn.schema.content import Content, ModelContent
from genai_fn.schema.convert import as_struct, as_value
from genai_fn.schema.rewards import (
    CompositeReinforcementTuningRewardConfig,
    CompositeReinforcementTuningRewardConfigWeightedRewardConfig,
    ReinforcementTuningAutoraterScorer,
    ReinforcementTuningExample,
    SingleReinforcementTuningRewardConfig,
    ValidateRewardResponse,
)
from genai_fn.wire.resource_names import check_resource_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.tunings import (
        CompositeReinforcementTuningRewardConfigLike,
        SingleReinforcementTuningRewardConfigLike,
    )

__all__ = [
    "ValidateReward",
    "WireCompositeRewardConfig",
    "WireSingleRewardConfig",
    "validate_reward",
]


class ValidateReward(Operation[ValidateRewardResponse]):
    """Compute the reward of a sample response."""

    op: ClassVar = "tunings.validate_reward"

    sample_response: Content
    example: ReinforcementTuningExample
    single_reward_config: SingleReinforcementTuningRewardConfig | None = None
    composite_reward_config: CompositeReinforcementTuningRewardConfig | None = None
    parent: str | None = None

    def gemini(self, at: Gemini) -> Refusal:
        return Refusal("only Vertex AI has reinforcement tuning")

    def vertex(self, at: Vertex) -> Call[ValidateRewardResponse]:
        path = "tuningJobs:validateReinforcementTuningReward"
        body = copy_fields(_ValidateRewardBody, self)
        return POST(path if self.parent is None else f"{self.parent}/{path}", body, read_json(ValidateRewardResponse))


def validate_reward(
    sample_response: Content | Mapping[str, Any] | str,
    example: ReinforcementTuningExample | Mapping[str, Any],
    single_reward_config: "SingleReinforcementTuningRewardConfigLike | None" = None,
    composite_reward_config: "CompositeReinforcementTuningRewardConfigLike | None" = None,
    *,
    parent: str | None = None,
) -> Request[ValidateRewardResponse]:
    """
    Compute the reward that a reinforcement tuning would give to a sample response. Vertex AI only.

    Args:
        sample_response: The response to score: a text, a turn of the model, or a dict of its fields.

        example: The prompt, ``contents``, and reference answers by key, ``references``.

        single_reward_config: One reward. Either this or the composite one is required.

        composite_reward_config: Several rewards with weights.

        parent: ``projects/…/locations/…``; by default those of the backend.

    Raises:
        InvalidRequest: If not exactly one reward config is given, or a field is unknown or has the wrong type.

    Fails with:
        Unsupported: On the Gemini Developer API.

        ClientError: If the server rejects the reward config (400).

    >>> reward = {"reward_name": "exact", "string_match_reward_scorer": {"correct_answer_reward": 1.0}}
    >>> validate_reward("4", {"contents": ["2 + 2"]}, reward).operation.single_reward_config.reward_name
    'exact'
    """
    if parent is not None:
        parent = check_resource_name(parent, "parent", "projects/…/locations/…", _PARENT_PATTERN)
    operation = ValidateReward(
        sample_response=ModelContent(sample_response)
        if isinstance(sample_response, str)
        else as_struct(Content, sample_response, "sample_response"),
        example=as_struct(ReinforcementTuningExample, example, "example"),
        single_reward_config=as_value(
            SingleReinforcementTuningRewardConfig | None, single_reward_config, "single_reward_config"
        ),
        composite_reward_config=as_value(
            CompositeReinforcementTuningRewardConfig | None, composite_reward_config, "composite_reward_config"
        ),
        parent=parent,
    )
    if (operation.single_reward_config is None) == (operation.composite_reward_config is None):
        raise InvalidRequest(
            "single_reward_config", single_reward_config, "either single_reward_config or composite_reward_config"
        )
    return Request(operation)


_PARENT_PATTERN = re.compile(r"projects/[^/]+/locations/[^/]+")


class _ValidateRewardBody(Message):
    sample_response: Content
    example: ReinforcementTuningExample
    single_reward_config: "WireSingleRewardConfig | None" = None
    composite_reward_config: "WireCompositeRewardConfig | None" = None


# A reward that a model computes contains a generation config, one field of which has another name on the wire


class _WireAutoraterScorer(ReinforcementTuningAutoraterScorer):
    autorater_config: WireAutoraterConfig | None = None


class WireSingleRewardConfig(SingleReinforcementTuningRewardConfig):
    """A `SingleReinforcementTuningRewardConfig` as it is sent and received."""

    autorater_scorer: _WireAutoraterScorer | None = None


class _WireWeightedRewardConfig(CompositeReinforcementTuningRewardConfigWeightedRewardConfig):
    reward_config: WireSingleRewardConfig | None = None


class WireCompositeRewardConfig(CompositeReinforcementTuningRewardConfig):
    """A `CompositeReinforcementTuningRewardConfig` as it is sent and received."""

    weighted_reward_configs: tuple[_WireWeightedRewardConfig, ...] | None = None
