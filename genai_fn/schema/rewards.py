"""Rewards of reinforcement tuning: how a response of the model is scored."""

from collections.abc import Mapping

from genai_fn.schema.base import Message, OpenEnum, OpenMessage
from genai_fn.schema.content import Content
from genai_fn.schema.evaluation import AutoraterConfig
from genai_fn.schema.operations import GoogleRpcStatus
from genai_fn.schema.tools import Tool


class ResponseParseType(OpenEnum):
    """Which part of a response is scored: all of it, or the last match of a regular expression."""

    RESPONSE_PARSE_TYPE_UNSPECIFIED = "RESPONSE_PARSE_TYPE_UNSPECIFIED"
    IDENTITY = "IDENTITY"
    REGEX_EXTRACT = "REGEX_EXTRACT"


class MatchOperation(OpenEnum):
    """How a response is compared with an expression."""

    MATCH_OPERATION_UNSPECIFIED = "MATCH_OPERATION_UNSPECIFIED"
    REGEX_CONTAINS = "REGEX_CONTAINS"
    PARTIAL_MATCH = "PARTIAL_MATCH"
    EXACT_MATCH = "EXACT_MATCH"


class ReinforcementTuningParseResponseConfig(OpenMessage):
    """Which part of a response is scored."""

    parse_type: ResponseParseType | None = None
    regex_extract_expression: str | None = None
    """For ``REGEX_EXTRACT``; the last match counts."""


class ReinforcementTuningAutoraterScorerParsedResponseConversionScorer(OpenMessage):
    """The reward is the number that the evaluating model returns, from -1 to 1."""


class ReinforcementTuningAutoraterScorerExactMatchScorer(OpenMessage):
    """The reward depends on whether the evaluating model returns a certain text."""

    correct_answer_reward: float | None = None
    wrong_answer_reward: float | None = None
    expression: str | None = None
    """The text; may contain ``{{references.key}}``."""


class ReinforcementTuningAutoraterScorer(OpenMessage):
    """A model scores the response."""

    autorater_config: AutoraterConfig | None = None
    autorater_prompt: str | None = None
    """May contain ``{{prompt}}``, ``{{response}}``, ``{{system_instruction}}`` and ``{{references.key}}``."""
    autorater_response_parse_config: ReinforcementTuningParseResponseConfig | None = None
    parsed_response_conversion_scorer: ReinforcementTuningAutoraterScorerParsedResponseConversionScorer | None = None
    exact_match_scorer: ReinforcementTuningAutoraterScorerExactMatchScorer | None = None


class ReinforcementTuningCodeExecutionRewardScorer(OpenMessage):
    """Python code scores the response."""

    python_code_snippet: str | None = None


class ReinforcementTuningStringMatchRewardScorerStringMatchExpression(OpenMessage):
    """A text or regular expression that the response is compared with."""

    match_operation: MatchOperation | None = None
    expression: str | None = None
    """May contain ``{{references.key}}``."""


class ReinforcementTuningStringMatchRewardScorerJsonMatchExpression(OpenMessage):
    """An expression for one value of a response in JSON."""

    key_name: str | None = None
    """A key of the outermost object."""
    value_string_match_expression: ReinforcementTuningStringMatchRewardScorerStringMatchExpression | None = None


class ReinforcementTuningStringMatchRewardScorer(OpenMessage):
    """The reward depends on whether the response matches an expression."""

    wrong_answer_reward: float | None = None
    correct_answer_reward: float | None = None
    string_match_expression: ReinforcementTuningStringMatchRewardScorerStringMatchExpression | None = None
    json_match_expression: ReinforcementTuningStringMatchRewardScorerJsonMatchExpression | None = None


class ReinforcementTuningCloudRunRewardScorer(OpenMessage):
    """A service on Cloud Run scores the response."""

    cloud_run_uri: str | None = None


class SingleReinforcementTuningRewardConfig(OpenMessage):
    """One reward: which part of the response is scored, and by what; one of the four scorers is set."""

    autorater_scorer: ReinforcementTuningAutoraterScorer | None = None
    reward_name: str | None = None
    """Unique among the rewards of a job."""
    parse_response_config: ReinforcementTuningParseResponseConfig | None = None
    code_execution_reward_scorer: ReinforcementTuningCodeExecutionRewardScorer | None = None
    string_match_reward_scorer: ReinforcementTuningStringMatchRewardScorer | None = None
    cloud_run_reward_scorer: ReinforcementTuningCloudRunRewardScorer | None = None


class CompositeReinforcementTuningRewardConfigWeightedRewardConfig(OpenMessage):
    """A reward, and its weight in the sum of the rewards."""

    reward_config: SingleReinforcementTuningRewardConfig | None = None
    weight: float | None = None


class CompositeReinforcementTuningRewardConfig(OpenMessage):
    """Several rewards, which are added with their weights."""

    weighted_reward_configs: tuple[CompositeReinforcementTuningRewardConfigWeightedRewardConfig, ...] | None = None


class ReinforcementTuningExample(OpenMessage):
    """An example of reinforcement tuning: a conversation, and reference answers by key."""

    contents: tuple[Content, ...] | None = None
    references: Mapping[str, str] | None = None
    """Values for ``{{references.key}}``."""
    system_instruction: Content | None = None
    tools: tuple[Tool, ...] | None = None


class ValidateRewardConfig(Message):
    """Options of `tunings.validate_reward`; there are none."""


class ReinforcementTuningRewardInfo(OpenMessage):
    """The result of one reward, or its error."""

    reward: float | None = None
    user_requested_aux_info: str | None = None
    """Information that your own code has returned beside the reward."""
    error_status: GoogleRpcStatus | None = None


class ValidateRewardResponse(OpenMessage):
    """The reward of a sample response, or the error of its computation."""

    overall_reward: float | None = None
    error: str | None = None
    reward_info_details: Mapping[str, ReinforcementTuningRewardInfo] | None = None
    """By the name of the reward."""
