"""How a tuned model is judged, on Vertex AI's wire: a metric goes out as a spec of its kind, and comes back as one."""

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
    """Nothing to be said."""


class _BleuSpec(Message):
    """Nothing to be said."""


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
    """How a tuned model is judged, as Vertex AI says it."""

    metrics: tuple[_WireMetric, ...] = ()
    output_config: OutputConfig | None = None
    autorater_config: _WireAutoraterConfig | None = None


# What is a mistake on any backend


def validate_evaluation(config: EvaluationConfig | None, path: str) -> None:
    """Refuse an evaluation without a metric or a place for its verdicts, and metrics that nobody knows."""
    if config is None:
        return
    if not config.metrics:
        raise InvalidRequest(f"{path}.metrics", config.metrics, "at least one metric")
    if config.output_config is None:
        raise InvalidRequest(f"{path}.output_config", None, "a place for the verdicts")
    place = config.output_config.gcs_destination
    if place is not None and not (place.output_uri_prefix or "gs://").startswith("gs://"):
        expected, where = "gs://…", f"{path}.output_config.gcs_destination.output_uri_prefix"
        raise InvalidRequest(where, place.output_uri_prefix, expected)
    for index, metric in enumerate(config.metrics):
        _validate_metric(metric, f"{path}.metrics[{index}]")


def _validate_metric(metric: Metric, path: str) -> None:
    if not metric.name:
        raise InvalidRequest(f"{path}.name", metric.name, "the name of a metric")
    if not _is_computed_metric(metric.name):
        if not metric.prompt_template:
            expected = "exact_match, bleu, rouge_…, or a prompt_template beside a name of one's own"
            raise InvalidRequest(path, metric.name, expected)
        return
    for name in ("prompt_template", "judge_model_system_instruction", "return_raw_output"):
        value = getattr(metric, name)
        if value is not None:
            raise InvalidRequest(f"{path}.{name}", value, f"nothing, as no model judges {metric.name}")


def _is_computed_metric(name: str) -> bool:
    return name.lower() in ("exact_match", "bleu") or name.lower().startswith("rouge")


# Out


def encode_evaluation(config: EvaluationConfig | None) -> WireEvaluationConfig | None:
    """Write how a tuned model is to be judged."""
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
    judged = _PointwiseMetricSpec(
        metric_prompt_template=metric.prompt_template,
        system_instruction=metric.judge_model_system_instruction,
        custom_output_format_config=None if raw is None else CustomOutputFormatConfig(return_raw_output=raw),
    )
    return _WireMetric(aggregation_metrics=_AGGREGATIONS, pointwise_metric_spec=judged)


_AGGREGATIONS = ("AVERAGE", "STANDARD_DEVIATION")


def _encode_autorater(config: AutoraterConfig) -> _WireAutoraterConfig:
    how = config.generation_config
    return _WireAutoraterConfig(
        sampling_count=config.sampling_count,
        flip_enabled=config.flip_enabled,
        autorater_model=config.autorater_model,
        generation_config=None if how is None else encode_generation_config(how),
    )


# In: 1.51.0 cannot read a metric that Vertex AI sends, and the wire has no name for one that a model judges


def decode_evaluation(said: WireEvaluationConfig | None) -> EvaluationConfig | None:
    """Read how a tuned model is judged."""
    if said is None:
        return None
    return EvaluationConfig(
        metrics=tuple(_decode_metric(each) for each in said.metrics) or None,
        output_config=said.output_config,
        autorater_config=None if said.autorater_config is None else _decode_autorater(said.autorater_config),
    )


def _decode_metric(said: _WireMetric) -> Metric:
    if said.rouge_spec is not None:
        return Metric(name=said.rouge_spec.rouge_type or "rouge")
    judged = said.pointwise_metric_spec
    if judged is not None:
        raw = judged.custom_output_format_config
        return Metric(
            prompt_template=judged.metric_prompt_template,
            judge_model_system_instruction=judged.system_instruction,
            return_raw_output=None if raw is None else raw.return_raw_output,
        )
    return Metric(name="exact_match" if said.exact_match_spec is not None else "bleu" if said.bleu_spec else None)


def _decode_autorater(said: _WireAutoraterConfig) -> AutoraterConfig:
    how = said.generation_config
    return AutoraterConfig(
        sampling_count=said.sampling_count,
        flip_enabled=said.flip_enabled,
        autorater_model=said.autorater_model,
        generation_config=None if how is None else copy_fields(GenerationConfig, how),
    )
