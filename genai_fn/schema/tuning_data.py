"""Statistics of the examples of a tuning job."""

from genai_fn.schema.base import OpenMessage
from genai_fn.schema.content import Content
from genai_fn.schema.rewards import ReinforcementTuningExample


class DatasetDistributionDistributionBucket(OpenMessage):
    """A bucket of a histogram."""

    count: int | None = None
    left: float | None = None
    right: float | None = None


class DatasetDistribution(OpenMessage):
    """Distribution of a number over the examples."""

    buckets: tuple[DatasetDistributionDistributionBucket, ...] = ()
    max: float | None = None
    mean: float | None = None
    median: float | None = None
    min: float | None = None
    p5: float | None = None
    p95: float | None = None
    sum: float | None = None


class ReinforcementTuningUserDatasetExamples(OpenMessage):
    """Some of the examples of a reinforcement tuning job."""

    user_dataset_examples: tuple[ReinforcementTuningExample, ...] = ()


class DatasetStats(OpenMessage):
    """Statistics of a dataset."""

    dropped_example_indices: tuple[int, ...] = ()
    """Indices of some of the examples that were dropped, counted from 1."""
    dropped_example_reasons: tuple[str, ...] = ()
    """The reason for each of ``dropped_example_indices``."""
    total_billable_character_count: int | None = None
    total_tuning_character_count: int | None = None
    tuning_dataset_example_count: int | None = None
    tuning_step_count: int | None = None
    user_dataset_examples: tuple[Content, ...] = ()
    """Some of the examples."""
    user_input_token_distribution: DatasetDistribution | None = None
    user_message_per_example_distribution: DatasetDistribution | None = None
    user_output_token_distribution: DatasetDistribution | None = None
    contents_per_example_distribution: DatasetDistribution | None = None
    reinforcement_tuning_user_dataset_examples: ReinforcementTuningUserDatasetExamples | None = None
    total_billable_token_count: int | None = None


class DistillationDataStats(OpenMessage):
    """Statistics of the examples of a distillation job."""

    training_dataset_stats: DatasetStats | None = None


class GeminiPreferenceExampleCompletion(OpenMessage):
    """A completion with its score."""

    completion: Content | None = None
    score: float | None = None
    """From 0 to 1."""


class GeminiPreferenceExample(OpenMessage):
    """A conversation with completions, of which one is preferred."""

    completions: tuple[GeminiPreferenceExampleCompletion, ...] = ()
    contents: tuple[Content, ...] = ()


class PreferenceOptimizationDataStats(OpenMessage):
    """Statistics of preference examples."""

    dropped_example_indices: tuple[int, ...] = ()
    """Indices of some of the examples that were dropped, counted from 1."""
    dropped_example_reasons: tuple[str, ...] = ()
    """The reason for each of ``dropped_example_indices``."""
    score_variance_per_example_distribution: DatasetDistribution | None = None
    scores_distribution: DatasetDistribution | None = None
    total_billable_token_count: int | None = None
    tuning_dataset_example_count: int | None = None
    tuning_step_count: int | None = None
    user_dataset_examples: tuple[GeminiPreferenceExample, ...] = ()
    """Some of the examples."""
    user_input_token_distribution: DatasetDistribution | None = None
    user_output_token_distribution: DatasetDistribution | None = None


class SupervisedTuningDatasetDistributionDatasetBucket(OpenMessage):
    """A bucket of a histogram."""

    count: float | None = None
    left: float | None = None
    right: float | None = None


class SupervisedTuningDatasetDistribution(OpenMessage):
    """Distribution of a number over the examples."""

    billable_sum: int | None = None
    buckets: tuple[SupervisedTuningDatasetDistributionDatasetBucket, ...] = ()
    max: float | None = None
    mean: float | None = None
    median: float | None = None
    min: float | None = None
    p5: float | None = None
    p95: float | None = None
    sum: int | None = None


class SupervisedTuningDataStats(OpenMessage):
    """Statistics of the examples of a supervised tuning job."""

    dropped_example_reasons: tuple[str, ...] = ()
    """A reason for each example that was dropped."""
    total_billable_character_count: int | None = None
    total_billable_token_count: int | None = None
    total_truncated_example_count: int | None = None
    total_tuning_character_count: int | None = None
    truncated_example_indices: tuple[int, ...] = ()
    """Indices of some of the examples that were truncated."""
    tuning_dataset_example_count: int | None = None
    tuning_step_count: int | None = None
    user_dataset_examples: tuple[Content, ...] = ()
    """Some of the examples."""
    user_input_token_distribution: SupervisedTuningDatasetDistribution | None = None
    user_message_per_example_distribution: SupervisedTuningDatasetDistribution | None = None
    user_output_token_distribution: SupervisedTuningDatasetDistribution | None = None


class TuningDataStats(OpenMessage):
    """Statistics of the examples, by tuning method."""

    distillation_data_stats: DistillationDataStats | None = None
    preference_optimization_data_stats: PreferenceOptimizationDataStats | None = None
    supervised_tuning_data_stats: SupervisedTuningDataStats | None = None
    reinforcement_tuning_data_stats: DatasetStats | None = None
