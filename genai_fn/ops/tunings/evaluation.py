"""Validates, encodes and decodes the evaluation config of a tuning job. Each kind of metric has its own message."""

from genai_fn.errors import InvalidRequest
from genai_fn.ops.generate import WireGenerationConfig, encode_generation_config
from genai_fn.ops.request_parts import copy_fields
from genai_fn.schema import (
    AutoraterConfig,
    CustomOutputFormatConfig,
    EvaluationConfig,
    GenerationConfig,
    Metric,
    OutputConfig,
    RougeSpec,
)
from genai_fn.schema.base import Message

__all__ = ["WireEvaluationConfig", "decode_evaluation", "encode_evaluation", "validate_evaluation"]


class _ExactMatchSpec(Message):
    """Has no fields."""


class _BleuSpec(Message):
    """Has no fields."""


class _PointwiseMetricSpec(Message):
    metric_prompt_template: str | None = None
    system_instruction: str | None = None
    custom_output_format_config: CustomOutputFormatConfig | None = None


class _WireMetric(Message):
    aggregation_metrics: tuple[str, ...] = ()
    exact_match_spec: _ExactMatchSpec | None = None
    bleu_spec: _BleuSpec | None = None
    rouge_spec: RougeSpec | None = None
    pointwise_metric_spec: _PointwiseMetricSpec | None = None


class _WireAutoraterConfig(Message):
    sampling_count: int | None = None
    flip_enabled: bool | None = None
    autorater_model: str | None = None
    generation_config: WireGenerationConfig | None = None


class WireEvaluationConfig(Message):
    """An `EvaluationConfig` as it is sent and received."""

    metrics: tuple[_WireMetric, ...] = ()
    output_config: OutputConfig | None = None
    autorater_config: _WireAutoraterConfig | None = None


# Validation


def validate_evaluation(config: EvaluationConfig | None, path: str) -> None:
    """
    Raise `InvalidRequest` if an evaluation config is incomplete or contradictory.

    It needs metrics and an output location, in Cloud Storage if it has a prefix. Each metric needs a name and, unless
    the service computes it without a model, a prompt template.
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
        _validate_metric(metric, f"{path}.metrics[{index}]")


def _validate_metric(metric: Metric, path: str) -> None:
    if not metric.name:
        raise InvalidRequest(f"{path}.name", metric.name, "the name of a metric")
    if not _is_computed_metric(metric.name):
        if not metric.prompt_template:
            expected = "exact_match, bleu, rouge_…, or another name with a prompt_template"
            raise InvalidRequest(path, metric.name, expected)
        return
    for name in ("prompt_template", "judge_model_system_instruction", "return_raw_output"):
        value = getattr(metric, name)
        if value is not None:
            raise InvalidRequest(f"{path}.{name}", value, f"nothing: {metric.name} is computed without a model")


def _is_computed_metric(name: str) -> bool:
    """Check whether a metric is computed from the texts alone; a judge model rates all others."""
    return name.lower() in ("exact_match", "bleu") or name.lower().startswith("rouge")


# Requests


def encode_evaluation(config: EvaluationConfig | None) -> WireEvaluationConfig | None:
    """Encode an evaluation config; None stays None."""
    if config is None:
        return None
    return WireEvaluationConfig(
        metrics=tuple(_encode_metric(each) for each in config.metrics or ()),
        output_config=config.output_config,
        autorater_config=None if config.autorater_config is None else _encode_autorater(config.autorater_config),
    )


def _encode_metric(metric: Metric) -> _WireMetric:
    name = (metric.name or "").lower()
    if name == "exact_match":
        return _WireMetric(aggregation_metrics=_AGGREGATIONS, exact_match_spec=_ExactMatchSpec())
    if name == "bleu":
        return _WireMetric(aggregation_metrics=_AGGREGATIONS, bleu_spec=_BleuSpec())
    if name.startswith("rouge"):
        return _WireMetric(aggregation_metrics=_AGGREGATIONS, rouge_spec=RougeSpec(rouge_type=name.replace("_", "")))
    raw = metric.return_raw_output
    pointwise = _PointwiseMetricSpec(
        metric_prompt_template=metric.prompt_template,
        system_instruction=metric.judge_model_system_instruction,
        custom_output_format_config=None if raw is None else CustomOutputFormatConfig(return_raw_output=raw),
    )
    return _WireMetric(aggregation_metrics=_AGGREGATIONS, pointwise_metric_spec=pointwise)


_AGGREGATIONS = ("AVERAGE", "STANDARD_DEVIATION")
"""Aggregations of every metric, as in google-genai 1.51.0."""


def _encode_autorater(config: AutoraterConfig) -> _WireAutoraterConfig:
    generation = config.generation_config
    return _WireAutoraterConfig(
        sampling_count=config.sampling_count,
        flip_enabled=config.flip_enabled,
        autorater_model=config.autorater_model,
        generation_config=None if generation is None else encode_generation_config(generation),
    )


# Responses: google-genai 1.51.0 cannot read the metrics that Vertex AI sends; a pointwise metric has no name there


def decode_evaluation(wire: WireEvaluationConfig | None) -> EvaluationConfig | None:
    """Decode an evaluation config; None stays None."""
    if wire is None:
        return None
    return EvaluationConfig(
        metrics=tuple(_decode_metric(each) for each in wire.metrics) or None,
        output_config=wire.output_config,
        autorater_config=None if wire.autorater_config is None else _decode_autorater(wire.autorater_config),
    )


def _decode_metric(wire: _WireMetric) -> Metric:
    if wire.rouge_spec is not None:
        return Metric(name=wire.rouge_spec.rouge_type or "rouge")
    pointwise = wire.pointwise_metric_spec
    if pointwise is not None:
        raw = pointwise.custom_output_format_config
        return Metric(
            prompt_template=pointwise.metric_prompt_template,
            judge_model_system_instruction=pointwise.system_instruction,
            return_raw_output=None if raw is None else raw.return_raw_output,
        )
    return Metric(name="exact_match" if wire.exact_match_spec is not None else "bleu" if wire.bleu_spec else None)


def _decode_autorater(wire: _WireAutoraterConfig) -> AutoraterConfig:
    generation = wire.generation_config
    return AutoraterConfig(
        sampling_count=wire.sampling_count,
        flip_enabled=wire.flip_enabled,
        autorater_model=wire.autorater_model,
        generation_config=None if generation is None else copy_fields(GenerationConfig, generation),
    )
