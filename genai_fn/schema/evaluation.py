"""Evaluation of tuned models."""

from genai_fn.schema.base import Message, OpenMessage
from genai_fn.schema.generation import GenerationConfig

__all__ = [
    "AutoraterConfig",
    "BleuSpec",
    "CustomOutputFormatConfig",
    "EvaluationConfig",
    "GcsDestination",
    "Metric",
    "OutputConfig",
    "PairwiseMetricSpec",
    "PointwiseMetricSpec",
    "RougeSpec",
]


class GcsDestination(OpenMessage):
    """A location in Cloud Storage."""

    output_uri_prefix: str | None = None
    """``gs://…``."""


class OutputConfig(OpenMessage):
    """Destination of the evaluation results."""

    gcs_destination: GcsDestination | None = None


class AutoraterConfig(OpenMessage):
    """The model that evaluates, and how it does."""

    sampling_count: int | None = None
    """Number of samples for each response; the default is 4, the maximum 32."""
    flip_enabled: bool | None = None
    """Whether the two responses are swapped for half of the samples."""
    autorater_model: str | None = None
    """``projects/…/locations/…/publishers/…/models/…``."""
    generation_config: GenerationConfig | None = None


class Metric(Message):
    """A metric of an evaluation."""

    name: str | None = None
    """``exact_match``, ``bleu``, ``rouge_1``, ``rouge_l_sum``, or your own name, with a prompt template."""
    prompt_template: str | None = None
    judge_model_system_instruction: str | None = None
    return_raw_output: bool | None = None


class EvaluationConfig(OpenMessage):
    """Metrics, evaluating model and destination of an evaluation."""

    metrics: tuple[Metric, ...] | None = None
    output_config: OutputConfig | None = None
    autorater_config: AutoraterConfig | None = None


class CustomOutputFormatConfig(OpenMessage):
    """Format of the evaluation results."""

    return_raw_output: bool | None = None
    """Whether the unparsed output of the evaluating model is returned."""


class BleuSpec(Message):
    """The BLEU metric."""

    use_effective_order: bool | None = None


class PairwiseMetricSpec(Message):
    """A metric that compares two responses."""

    metric_prompt_template: str | None = None
    baseline_response_field_name: str | None = None
    candidate_response_field_name: str | None = None
    custom_output_format_config: CustomOutputFormatConfig | None = None
    system_instruction: str | None = None


class PointwiseMetricSpec(Message):
    """A metric that rates one response."""

    metric_prompt_template: str | None = None
    custom_output_format_config: CustomOutputFormatConfig | None = None
    system_instruction: str | None = None


class RougeSpec(OpenMessage):
    """The ROUGE metric."""

    rouge_type: str | None = None
    """``rouge1`` to ``rouge9``, ``rougeL`` or ``rougeLsum``."""
    split_summaries: bool | None = None
    use_stemmer: bool | None = None
