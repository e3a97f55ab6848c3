"""How tuned models are judged."""

from genai_fn.schema.base import Message
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


class GcsDestination(Message):
    """A place in Cloud Storage."""

    output_uri_prefix: str | None = None
    """``gs://…``."""


class OutputConfig(Message):
    """Where the verdicts go."""

    gcs_destination: GcsDestination | None = None


class AutoraterConfig(Message):
    """Which model judges, and how."""

    sampling_count: int | None = None
    """How often each answer is judged; 4 unless told, at most 32."""
    flip_enabled: bool | None = None
    """Whether half of the times the two answers change places."""
    autorater_model: str | None = None
    """``projects/…/locations/…/publishers/…/models/…``."""
    generation_config: GenerationConfig | None = None


class Metric(Message):
    """What is measured."""

    name: str | None = None
    """``exact_match``, ``bleu``, ``rouge_1``, ``rouge_l_sum``, or one of one's own with a template."""
    prompt_template: str | None = None
    judge_model_system_instruction: str | None = None
    return_raw_output: bool | None = None


class EvaluationConfig(Message):
    """What is measured, by whom, and where the verdicts go."""

    metrics: tuple[Metric, ...] | None = None
    output_config: OutputConfig | None = None
    autorater_config: AutoraterConfig | None = None


class CustomOutputFormatConfig(Message):
    """What form a verdict has."""

    return_raw_output: bool | None = None
    """Whether the judge's own words come back."""


class BleuSpec(Message):
    """The BLEU metric."""

    use_effective_order: bool | None = None


class PairwiseMetricSpec(Message):
    """A metric that compares two answers."""

    metric_prompt_template: str | None = None
    baseline_response_field_name: str | None = None
    candidate_response_field_name: str | None = None
    custom_output_format_config: CustomOutputFormatConfig | None = None
    system_instruction: str | None = None


class PointwiseMetricSpec(Message):
    """A metric that judges one answer."""

    metric_prompt_template: str | None = None
    custom_output_format_config: CustomOutputFormatConfig | None = None
    system_instruction: str | None = None


class RougeSpec(Message):
    """The ROUGE metric."""

    rouge_type: str | None = None
    """``rouge1`` to ``rouge9``, ``rougeL`` or ``rougeLsum``."""
    split_summaries: bool | None = None
    use_stemmer: bool | None = None
