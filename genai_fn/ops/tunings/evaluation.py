"""Validates, encodes and decodes the evaluation config of a tuning job. Each kind of metric has its own message."""

from collections.abc import Mapping

from genai_fn.errors import InvalidRequest
from genai_fn.ops.generate import WireGenerationConfig
from genai_fn.ops.request_parts import copy_fields
from genai_fn.schema.base import Message, OpenMessage
from genai_fn.schema.evaluation import (
    AutoraterConfig,
    BleuSpec,
    ComputationBasedMetricSpec,
    CustomCodeExecutionSpec,
    CustomOutputFormatConfig,
    EvaluationConfig,
    LLMBasedMetricSpec,
    Metric,
    OutputConfig,
    PointwiseMetricSpec,
    PredefinedMetricSpec,
    RougeSpec,
    UnifiedMetric,
)

__all__ = [
    "WireAutoraterConfig",
    "WireEvaluationConfig",
    "decode_evaluation",
    "encode_evaluation",
    "validate_evaluation",
]


class WireAutoraterConfig(AutoraterConfig):
    """An `AutoraterConfig` as it is sent and received."""

    generation_config: WireGenerationConfig | None = None


class _WirePredefinedMetricSpec(PredefinedMetricSpec):
    step_autorater_configs: Mapping[str, WireAutoraterConfig] | None = None


class _WireLLMBasedMetricSpec(LLMBasedMetricSpec):
    judge_autorater_config: WireAutoraterConfig | None = None
    predefined_rubric_generation_spec: _WirePredefinedMetricSpec | None = None


class _ExactMatchSpec(Message):
    """Has no fields."""


class _WireMetric(OpenMessage):
    aggregation_metrics: tuple[str, ...] = ()
    exact_match_spec: _ExactMatchSpec | None = None
    bleu_spec: BleuSpec | None = None
    rouge_spec: RougeSpec | None = None
    pointwise_metric_spec: PointwiseMetricSpec | None = None
    llm_based_metric_spec: _WireLLMBasedMetricSpec | None = None
    custom_code_execution_spec: CustomCodeExecutionSpec | None = None
    predefined_metric_spec: _WirePredefinedMetricSpec | None = None
    computation_based_metric_spec: ComputationBasedMetricSpec | None = None


class WireEvaluationConfig(OpenMessage):
    """An `EvaluationConfig` as it is sent and received."""

    metrics: tuple[_WireMetric, ...] = ()
    output_config: OutputConfig | None = None
    autorater_config: WireAutoraterConfig | None = None
    inference_generation_config: WireGenerationConfig | None = None


# Validation


def validate_evaluation(config: EvaluationConfig | None, path: str) -> None:
    """
    Raise `InvalidRequest` if an evaluation config is incomplete or contradictory.

    It needs metrics and an output location, in Cloud Storage if it has a prefix. Each metric needs a name and, unless
    the service computes it without a model, a prompt template; or, as a `UnifiedMetric`, exactly one specification.
    """
    if config is None:
        return
    if not config.metrics:
        raise InvalidRequest(f"{path}.metrics", config.metrics, "at least one metric")
    if config.output_config is None:
        raise InvalidRequest(f"{path}.output_config", None, "an output location for the results")
    destination = config.output_config.gcs_destination
    if destination is not None and not (destination.output_uri_prefix or "gs://").startswith("gs://"):
        expected, where = "gs://…", f"{path}.output_config.gcs_destination.output_uri_prefix"
        raise InvalidRequest(where, destination.output_uri_prefix, expected)
    for index, metric in enumerate(config.metrics):
        if metric.custom_function is not None:
            expected = "nothing: the service runs no Python function; a CustomCodeExecutionSpec contains its source"
            raise InvalidRequest(f"{path}.metrics[{index}].custom_function", metric.custom_function, expected)
        validate = _validate_unified_metric if isinstance(metric, UnifiedMetric) else _validate_metric
        validate(metric, f"{path}.metrics[{index}]")


def _validate_metric(metric: Metric, path: str) -> None:
    if not metric.name:
        raise InvalidRequest(f"{path}.name", metric.name, "the name of a metric")
    if not _is_computed_metric(metric.name):
        if not metric.prompt_template:
            expected = "exact_match, bleu, rouge_…, or another name with a prompt_template"
            raise InvalidRequest(path, metric.name, expected)
        return
    _refuse_fields(
        metric,
        ("prompt_template", "judge_model_system_instruction", "return_raw_output"),
        path,
        "is computed without a model",
    )


def _validate_unified_metric(metric: Metric, path: str) -> None:
    _refuse_fields(metric, Metric.__struct_fields__, path, "is described by its specification")
    if sum(getattr(metric, name) is not None for name in _SPECIFICATIONS) != 1:
        raise InvalidRequest(path, metric, f"exactly one of {', '.join(_SPECIFICATIONS)}")


_SPECIFICATIONS = tuple(name for name in UnifiedMetric.__struct_fields__ if name not in Metric.__struct_fields__)


def _refuse_fields(metric: Metric, names: tuple[str, ...], path: str, reason: str) -> None:
    for name in names:
        value = getattr(metric, name)
        if value is not None:
            raise InvalidRequest(f"{path}.{name}", value, f"nothing: {metric.name or 'the metric'} {reason}")


def _is_computed_metric(name: str) -> bool:
    """Check whether a metric is computed from the texts alone; a judge model rates all others."""
    return name.lower() in ("exact_match", "bleu") or name.lower().startswith("rouge")


# Requests


def encode_evaluation(config: EvaluationConfig | None) -> WireEvaluationConfig | None:
    """Encode an evaluation config; None stays None."""
    if config is None:
        return None
    return copy_fields(
        WireEvaluationConfig, config, metrics=tuple(_encode_metric(each) for each in config.metrics or ())
    )


def _encode_metric(metric: Metric) -> _WireMetric:
    if isinstance(metric, UnifiedMetric):
        return copy_fields(_WireMetric, metric, aggregation_metrics=_AGGREGATIONS)
    name = (metric.name or "").lower()
    if name == "exact_match":
        return _WireMetric(aggregation_metrics=_AGGREGATIONS, exact_match_spec=_ExactMatchSpec())
    if name == "bleu":
        return _WireMetric(aggregation_metrics=_AGGREGATIONS, bleu_spec=BleuSpec())
    if name.startswith("rouge"):
        return _WireMetric(aggregation_metrics=_AGGREGATIONS, rouge_spec=RougeSpec(rouge_type=name.replace("_", "")))
    raw = metric.return_raw_output
    pointwise = PointwiseMetricSpec(
        metric_prompt_template=metric.prompt_template,
        system_instruction=metric.judge_model_system_instruction,
        custom_output_format_config=None if raw is None else CustomOutputFormatConfig(return_raw_output=raw),
    )
    return _WireMetric(aggregation_metrics=_AGGREGATIONS, pointwise_metric_spec=pointwise)


_AGGREGATIONS = ("AVERAGE", "STANDARD_DEVIATION")
"""Aggregations of every metric, as in google-genai 1.51.0."""


# Responses: google-genai 1.51.0 cannot read the metrics that Vertex AI sends; a pointwise metric has no name there


def decode_evaluation(wire: WireEvaluationConfig | None) -> EvaluationConfig | None:
    """Decode an evaluation config; None stays None."""
    if wire is None:
        return None
    return copy_fields(EvaluationConfig, wire, metrics=tuple(_decode_metric(each) for each in wire.metrics) or None)


def _decode_metric(wire: _WireMetric) -> Metric:
    if wire.exact_match_spec is not None:
        return Metric(name="exact_match")
    if wire.bleu_spec == BleuSpec():
        return Metric(name="bleu")
    rouge = wire.rouge_spec
    if rouge is not None and rouge == RougeSpec(rouge_type=rouge.rouge_type):
        return Metric(name=rouge.rouge_type or "rouge")
    pointwise = wire.pointwise_metric_spec
    if pointwise is not None:
        raw = pointwise.custom_output_format_config
        return Metric(
            prompt_template=pointwise.metric_prompt_template,
            judge_model_system_instruction=pointwise.system_instruction,
            return_raw_output=None if raw is None else raw.return_raw_output,
        )
    return (
        copy_fields(UnifiedMetric, wire)
        if any(getattr(wire, name) is not None for name in _SPECIFICATIONS)
        else Metric()
    )
