"""
Rewards of reinforcement tuning.

Matches of texts are computed. Other rewards are the results of models or code, and end with an error of their own.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

from genai_fn import codec
from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema.base import Message
from genai_fn.schema.content import Content
from genai_fn.schema.operations import GoogleRpcStatus
from genai_fn.schema.rewards import (
    MatchOperation,
    ReinforcementTuningExample,
    ReinforcementTuningRewardInfo,
    ReinforcementTuningStringMatchRewardScorer,
    ReinforcementTuningStringMatchRewardScorerStringMatchExpression,
    ResponseParseType,
    SingleReinforcementTuningRewardConfig,
    ValidateRewardResponse,
)

__all__ = ["ROUTES"]


class _RewardConfig(SingleReinforcementTuningRewardConfig):
    autorater_scorer: Any = None


class _WeightedRewardConfig(Message):
    reward_config: _RewardConfig = _RewardConfig()
    weight: float = 1.0


class _CompositeRewardConfig(Message):
    weighted_reward_configs: tuple[_WeightedRewardConfig, ...] = ()


class _ValidateRewardBody(Message):
    sample_response: Content = Content()
    example: ReinforcementTuningExample = ReinforcementTuningExample()
    single_reward_config: _RewardConfig | None = None
    composite_reward_config: _CompositeRewardConfig | None = None


def _validate_reward(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    body = parse_body(request, _ValidateRewardBody)
    single, composite = body.single_reward_config, body.composite_reward_config
    if (single is None) == (composite is None):
        raise make_invalid_argument("* either single_reward_config or composite_reward_config is required")
    if single is not None:
        composite = _CompositeRewardConfig(weighted_reward_configs=(_WeightedRewardConfig(reward_config=single),))
    weighted = () if composite is None else composite.weighted_reward_configs
    text = "".join(part.text or "" for part in body.sample_response.parts or ())
    infos = [_compute_reward(each.reward_config, text, body.example) for each in weighted]
    names = [each.reward_config.reward_name or f"reward{index}" for index, each in enumerate(weighted, 1)]
    failed = next((each.error_status for each in infos if each.error_status is not None), None)
    total = sum(each.weight * (info.reward or 0.0) for each, info in zip(weighted, infos, strict=True))
    response = ValidateRewardResponse(
        overall_reward=None if failed else total,
        error=failed.message if failed is not None else None,
        reward_info_details=dict(zip(names, infos, strict=True)),
    )
    return state, build_json_response(response)


def _compute_reward(
    config: _RewardConfig, text: str, example: ReinforcementTuningExample
) -> ReinforcementTuningRewardInfo:
    scorer = config.string_match_reward_scorer
    if scorer is None:
        why = "The emulator computes only rewards with a string_match_reward_scorer."
        return ReinforcementTuningRewardInfo(error_status=GoogleRpcStatus(code=_UNIMPLEMENTED, message=why))
    is_correct = _matches(scorer, _parse_response(config, text), example.references or {})
    reward = scorer.correct_answer_reward if is_correct else scorer.wrong_answer_reward
    return ReinforcementTuningRewardInfo(reward=reward or 0.0)


_UNIMPLEMENTED = 12
"""https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto"""


def _parse_response(config: _RewardConfig, text: str) -> str:
    """Return the part of a response that is scored: the last match of the regular expression, if there is one."""
    parse = config.parse_response_config
    if parse is None or parse.parse_type != ResponseParseType.REGEX_EXTRACT:
        return text
    matches = list(_compile(parse.regex_extract_expression or "").finditer(text))
    return matches[-1][matches[-1].re.groups and 1] or "" if matches else ""


def _matches(scorer: ReinforcementTuningStringMatchRewardScorer, text: str, references: Mapping[str, str]) -> bool:
    in_json = scorer.json_match_expression
    if in_json is not None:
        value = _get_json_value(text, in_json.key_name or "")
        return value is not None and _matches_text(in_json.value_string_match_expression, value, references)
    return _matches_text(scorer.string_match_expression, text, references)


def _get_json_value(text: str, key: str) -> str | None:
    """Return a value of the outermost object as a text; None if the text is no such JSON."""
    try:
        tree: Any = codec.decode(text.encode())
    except (ValueError, RecursionError):
        return None
    value = cast("dict[str, Any]", tree).get(key) if isinstance(tree, dict) else None
    return value if value is None or isinstance(value, str) else codec.encode(value).decode()


def _matches_text(
    match: ReinforcementTuningStringMatchRewardScorerStringMatchExpression | None,
    text: str,
    references: Mapping[str, str],
) -> bool:
    if match is None or match.match_operation is None:
        raise make_invalid_argument("* string_match_expression.match_operation: is required")
    expression = _REFERENCE_PATTERN.sub(lambda found: references.get(found[1], ""), match.expression or "")
    if match.match_operation == MatchOperation.REGEX_CONTAINS:
        return _compile(expression).search(text) is not None
    if match.match_operation == MatchOperation.PARTIAL_MATCH:
        return expression in text
    return expression == text


_REFERENCE_PATTERN = re.compile(r"\{\{references\.(\w+)\}\}")


def _compile(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except (re.error, RecursionError, OverflowError) as error:
        raise make_invalid_argument(f"* {expression!r} is not a regular expression: {error}") from None


ROUTES = (("POST", "{parent=projects/*/locations/*}/tuningJobs:validateReinforcementTuningReward", _validate_reward),)
