"""Evaluation of tuned models: metrics, and where the results are written."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, cast

from genai_fn import codec
from genai_fn.errors import MissingExtra
from genai_fn.schema.base import Message, OpenEnum, OpenMessage
from genai_fn.schema.disk import write_file
from genai_fn.schema.generation import GenerationConfig


class RubricContentType(OpenEnum):
    """Form of generated rubrics: properties, questions in natural language, or assertions in Python."""

    RUBRIC_CONTENT_TYPE_UNSPECIFIED = "RUBRIC_CONTENT_TYPE_UNSPECIFIED"
    PROPERTY = "PROPERTY"
    NL_QUESTION_ANSWER = "NL_QUESTION_ANSWER"
    PYTHON_CODE_ASSERTION = "PYTHON_CODE_ASSERTION"


class ComputationBasedMetricType(OpenEnum):
    """A metric that is computed from the texts alone."""

    COMPUTATION_BASED_METRIC_TYPE_UNSPECIFIED = "COMPUTATION_BASED_METRIC_TYPE_UNSPECIFIED"
    EXACT_MATCH = "EXACT_MATCH"
    BLEU = "BLEU"
    ROUGE = "ROUGE"


class GcsDestination(OpenMessage):
    """A location in Cloud Storage."""

    output_uri_prefix: str | None = None
    """``gs://…``."""


class OutputConfig(OpenMessage):
    """Destination of the evaluation results."""

    gcs_destination: GcsDestination | None = None


class AutoraterConfig(OpenMessage):
    """The evaluating model, and its parameters."""

    sampling_count: int | None = None
    """Number of samples for each response; the default is 4, the maximum 32."""
    flip_enabled: bool | None = None
    """Whether the two responses are swapped for half of the samples."""
    autorater_model: str | None = None
    """``projects/…/locations/…/publishers/…/models/…``."""
    generation_config: GenerationConfig | None = None


class CustomOutputFormatConfig(OpenMessage):
    """Format of the evaluation results."""

    return_raw_output: bool | None = None
    """Whether the unparsed output of the evaluating model is returned."""


class BleuSpec(OpenMessage):
    """The BLEU metric."""

    use_effective_order: bool | None = None


class PairwiseMetricSpec(OpenMessage):
    """A metric that compares two responses."""

    metric_prompt_template: str | None = None
    baseline_response_field_name: str | None = None
    candidate_response_field_name: str | None = None
    custom_output_format_config: CustomOutputFormatConfig | None = None
    system_instruction: str | None = None


class PointwiseMetricSpec(OpenMessage):
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


class PredefinedMetricSpec(OpenMessage):
    """A metric that the service defines."""

    metric_spec_name: str | None = None
    """Such as ``instruction_following_v1`` or ``text_quality_v1``."""
    metric_spec_parameters: Mapping[str, Any] | None = None
    step_autorater_configs: Mapping[str, AutoraterConfig] | None = None
    """By step: ``intent_extraction``, ``rubric_generation`` or ``rubric_validation``."""


class RubricGenerationSpec(OpenMessage):
    """How rubrics are generated."""

    prompt_template: str | None = None
    rubric_content_type: RubricContentType | None = None
    rubric_type_ontology: tuple[str, ...] | None = None
    """The types that generated rubrics may have."""


class EvaluationParserConfigCustomCodeParserConfig(OpenMessage):
    """Python code that parses the output of the evaluating model."""

    parsing_function: str | None = None
    """Source of a function that takes a list of texts."""
    code_execution_region: str | None = None
    """Region in which the code runs, if not that of the request."""


class EvaluationParserConfig(OpenMessage):
    """How the output of the evaluating model is parsed."""

    custom_code_parser_config: EvaluationParserConfigCustomCodeParserConfig | None = None


class LLMBasedMetricSpec(OpenMessage):
    """A metric whose scores a model gives, with rubrics if they are given or generated."""

    metric_prompt_template: str | None = None
    system_instruction: str | None = None
    judge_autorater_config: AutoraterConfig | None = None
    rubric_group_key: str | None = None
    """Key of a group of rubrics of the evaluated instance."""
    predefined_rubric_generation_spec: PredefinedMetricSpec | None = None
    rubric_generation_spec: RubricGenerationSpec | None = None
    additional_config: Mapping[str, Any] | None = None
    result_parser_config: EvaluationParserConfig | None = None


class CustomCodeExecutionSpec(OpenMessage):
    """A metric that Python code computes on the server."""

    evaluation_function: str | None = None
    """Source of ``def evaluate(instance: dict[str, Any]) -> float``."""
    code_execution_region: str | None = None
    """Region in which the code runs, if not that of the request."""


class ComputationBasedMetricSpec(OpenMessage):
    """A metric that is computed from the texts alone, with its parameters."""

    type: ComputationBasedMetricType | None = None
    parameters: Mapping[str, Any] | None = None
    """Such as ``{"rouge_type": "rougeL"}``."""


class Metric(Message):
    """A metric of an evaluation, by name."""

    name: str | None = None
    """``exact_match``, ``bleu``, ``rouge_1``, ``rouge_l_sum``, or your own name, with a prompt template."""
    prompt_template: str | None = None
    judge_model_system_instruction: str | None = None
    return_raw_output: bool | None = None
    custom_function: Callable[..., Any] | None = None
    """A Python function that computes the metric. `tunings.tune` raises `InvalidRequest` if it is set."""

    def to_yaml_file(self, file_path: str, version: str | None = None) -> None:
        """
        Write the set fields to a YAML file, as google-genai does: the name in lower case, and no ``custom_function``.

        A `version` becomes one more field. Raises `MissingExtra` if PyYAML is not installed.
        """
        try:
            yaml: Any = import_module("yaml")
        except ImportError:
            raise MissingExtra("pyyaml", "Metric.to_yaml_file()", "pip install pyyaml") from None
        values = {name: getattr(self, name) for name in Metric.__struct_fields__ if name != "custom_function"}
        shown = {name: codec.to_builtins(value) for name, value in values.items() if value is not None}
        if "name" in shown:
            shown["name"] = shown["name"].lower()
        if version is not None:
            shown["version"] = version
        text: str = yaml.safe_dump(shown, sort_keys=False, allow_unicode=True)
        write_file(file_path, text.encode())

    @classmethod
    def _coerce(cls, value: Any) -> Any:
        """Convert a mapping with a specification, such as ``{"bleu_spec": {}}``, to a `UnifiedMetric`."""
        from genai_fn.schema.convert import convert  # noqa: PLC0415  # not needed to import the types

        if cls is not Metric or not isinstance(value, Mapping):
            return NotImplemented
        given = cast("Mapping[str, Any]", value)
        names = {*UnifiedMetric.__struct_fields__, *UnifiedMetric.__struct_encode_fields__}
        return convert(UnifiedMetric, given) if names >= given.keys() else NotImplemented


class UnifiedMetric(Metric):
    """A metric of an evaluation, by exactly one specification; the fields inherited from `Metric` are not set."""

    bleu_spec: BleuSpec | None = None
    rouge_spec: RougeSpec | None = None
    pointwise_metric_spec: PointwiseMetricSpec | None = None
    llm_based_metric_spec: LLMBasedMetricSpec | None = None
    custom_code_execution_spec: CustomCodeExecutionSpec | None = None
    predefined_metric_spec: PredefinedMetricSpec | None = None
    computation_based_metric_spec: ComputationBasedMetricSpec | None = None


class EvaluationConfig(OpenMessage):
    """Metrics, evaluating model and destination of an evaluation."""

    metrics: tuple[Metric, ...] | None = None
    """Each a `Metric` or a `UnifiedMetric`."""
    output_config: OutputConfig | None = None
    autorater_config: AutoraterConfig | None = None
    inference_generation_config: GenerationConfig | None = None
    """How the tuned model generates the responses that are evaluated."""
