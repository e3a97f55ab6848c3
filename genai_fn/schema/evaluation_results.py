"""Results of the evaluation of a tuned model."""

from genai_fn.schema.base import OpenEnum, OpenMessage
from genai_fn.schema.operations import GoogleRpcStatus


class AggregationMetric(OpenEnum):
    """How the values of a metric are aggregated over a dataset."""

    AGGREGATION_METRIC_UNSPECIFIED = "AGGREGATION_METRIC_UNSPECIFIED"
    AVERAGE = "AVERAGE"
    MODE = "MODE"
    STANDARD_DEVIATION = "STANDARD_DEVIATION"
    VARIANCE = "VARIANCE"
    MINIMUM = "MINIMUM"
    MAXIMUM = "MAXIMUM"
    MEDIAN = "MEDIAN"
    PERCENTILE_P90 = "PERCENTILE_P90"
    PERCENTILE_P95 = "PERCENTILE_P95"
    PERCENTILE_P99 = "PERCENTILE_P99"


class PairwiseChoice(OpenEnum):
    """The better one of two responses."""

    PAIRWISE_CHOICE_UNSPECIFIED = "PAIRWISE_CHOICE_UNSPECIFIED"
    BASELINE = "BASELINE"
    CANDIDATE = "CANDIDATE"
    TIE = "TIE"


class BleuMetricValue(OpenMessage):
    """A BLEU score."""

    score: float | None = None


class CustomCodeExecutionResult(OpenMessage):
    """A score that Python code has computed."""

    score: float | None = None


class ExactMatchMetricValue(OpenMessage):
    """A score of exact matches."""

    score: float | None = None


class RougeMetricValue(OpenMessage):
    """A ROUGE score."""

    score: float | None = None


class RawOutput(OpenMessage):
    """Unparsed outputs of the evaluating model."""

    raw_output: tuple[str, ...] = ()


class CustomOutput(OpenMessage):
    """Output of the evaluating model in a format of its own."""

    raw_outputs: RawOutput | None = None


class PairwiseMetricResult(OpenMessage):
    """Result of a comparison of two responses."""

    custom_output: CustomOutput | None = None
    explanation: str | None = None
    pairwise_choice: PairwiseChoice | None = None


class PointwiseMetricResult(OpenMessage):
    """Rating of one response."""

    custom_output: CustomOutput | None = None
    explanation: str | None = None
    score: float | None = None


class AggregationResult(OpenMessage):
    """An aggregated value of one metric; the field of its kind is set."""

    aggregation_metric: AggregationMetric | None = None
    bleu_metric_value: BleuMetricValue | None = None
    custom_code_execution_result: CustomCodeExecutionResult | None = None
    exact_match_metric_value: ExactMatchMetricValue | None = None
    pairwise_metric_result: PairwiseMetricResult | None = None
    pointwise_metric_result: PointwiseMetricResult | None = None
    rouge_metric_value: RougeMetricValue | None = None


class BigQuerySource(OpenMessage):
    """A table in BigQuery."""

    input_uri: str | None = None
    """``bq://project.dataset.table``."""


class GcsSource(OpenMessage):
    """Files in Cloud Storage."""

    uris: tuple[str, ...] = ()
    """``gs://…``."""


class EvaluationDataset(OpenMessage):
    """The dataset of an evaluation."""

    bigquery_source: BigQuerySource | None = None
    gcs_source: GcsSource | None = None


class AggregationOutput(OpenMessage):
    """The aggregated values of all metrics, and the dataset that they belong to."""

    aggregation_results: tuple[AggregationResult, ...] = ()
    dataset: EvaluationDataset | None = None


class OutputInfo(OpenMessage):
    """Location of the evaluation results."""

    gcs_output_directory: str | None = None
    """``gs://…``."""


class EvaluateDatasetResponse(OpenMessage):
    """The result of one evaluation."""

    aggregation_output: AggregationOutput | None = None
    output_info: OutputInfo | None = None


class EvaluateDatasetRun(OpenMessage):
    """One evaluation of a tuned model or of one of its checkpoints."""

    checkpoint_id: str | None = None
    error: GoogleRpcStatus | None = None
    evaluate_dataset_response: EvaluateDatasetResponse | None = None
    evaluation_run: str | None = None
    """``projects/…/locations/…/evaluationRuns/…``."""
    operation_name: str | None = None
    """Predecessor of ``evaluation_run``."""
