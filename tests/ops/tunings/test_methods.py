"""Tuning methods on Vertex AI: what google-genai 3.6.1 sends for each, and which options a method does not have."""

from collections.abc import Mapping
from typing import Any

import pytest

from genai_fn import tunings
from genai_fn.errors import InvalidRequest
from genai_fn.schema import BleuSpec, UnifiedMetric
from tests.cases.differences_by_resource import TUNING_DIFFERENCES
from tests.support.google_genai.agreement import decode_ours, encode_ours, get_refused_paths

DATA = {"gcs_uri": "gs://b/t.jsonl"}
VALIDATION = {"validation_dataset": {"gcs_uri": "gs://b/v.jsonl"}}
OUTPUT = {"gcs_destination": {"output_uri_prefix": "gs://b/o"}}
BALANCED = {"model_selection_config": {"feature_selection_preference": "BALANCED"}}
WIRE_BALANCED = {"modelConfig": {"featureSelectionPreference": "BALANCED"}}
AGGREGATIONS = ["AVERAGE", "STANDARD_DEVIATION"]
REWARD = {"reward_name": "r", "string_match_reward_scorer": {"correct_answer_reward": 1}}
WIRE_REWARD = {"rewardName": "r", "stringMatchRewardScorer": {"correctAnswerReward": 1}}

BODIES: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "supervised": (
        {
            "batch_size": 2,
            "learning_rate": 0.1,
            "tuning_mode": "TUNING_MODE_FULL",
            "output_uri": "gs://b/o",
            "encryption_spec": {"kms_key_name": "k"},
            "custom_base_model": "gs://b/m",
        },
        {
            "supervisedTuningSpec": {
                "trainingDatasetUri": "gs://b/t.jsonl",
                "hyperParameters": {"batchSize": 2, "learningRate": 0.1},
                "tuningMode": "TUNING_MODE_FULL",
            },
            "customBaseModel": "gs://b/m",
            "outputUri": "gs://b/o",
            "encryptionSpec": {"kmsKeyName": "k"},
        },
    ),
    "distillation": (
        {
            "method": "DISTILLATION",
            "base_teacher_model": "t",
            "tuned_teacher_model_source": "projects/p/locations/l/models/1",
            "epoch_count": 2,
            "learning_rate": 0.1,
            "batch_size": 3,
            "tuning_mode": "TUNING_MODE_FULL",
            "sft_loss_weight_multiplier": 0.3,
            "export_last_checkpoint_only": True,
            **VALIDATION,
        },
        {
            "distillationSpec": {
                "promptDatasetUri": "gs://b/t.jsonl",
                "validationDatasetUri": "gs://b/v.jsonl",
                "hyperParameters": {
                    "epochCount": 2,
                    "batchSize": 3,
                    "learningRate": 0.1,
                    "sftLossWeightMultiplier": 0.3,
                },
                "exportLastCheckpointOnly": True,
                "tuningMode": "TUNING_MODE_FULL",
                "baseTeacherModel": "t",
                "tunedTeacherModelSource": "projects/p/locations/l/models/1",
            }
        },
    ),
    "reinforcement": (
        {
            "method": "REINFORCEMENT_TUNING",
            "reward_config": REWARD,
            "samples_per_prompt": 2,
            "evaluate_interval": 3,
            "checkpoint_interval": 4,
            "max_output_tokens": 5,
            "thinking_level": "LOW",
            "adapter_size": "ADAPTER_SIZE_ONE",
            "batch_size": 6,
            **VALIDATION,
        },
        {
            "reinforcementTuningSpec": {
                "trainingDatasetUri": "gs://b/t.jsonl",
                "validationDatasetUri": "gs://b/v.jsonl",
                "singleRewardConfig": WIRE_REWARD,
                "hyperParameters": {
                    "samplesPerPrompt": 2,
                    "evaluateInterval": 3,
                    "checkpointInterval": 4,
                    "maxOutputTokens": 5,
                    "thinkingLevel": "LOW",
                    "adapterSize": "ADAPTER_SIZE_ONE",
                    "batchSize": 6,
                },
            }
        },
    ),
    "rewards": (
        {
            "method": "REINFORCEMENT_TUNING",
            "composite_reward_config": {
                "weighted_reward_configs": [
                    {"weight": 0.5, "reward_config": REWARD},
                    {
                        "weight": 0.5,
                        "reward_config": {
                            "autorater_scorer": {
                                "autorater_prompt": "p",
                                "autorater_config": {"sampling_count": 2, "generation_config": BALANCED},
                            }
                        },
                    },
                ]
            },
            "validation_dataset_uri": "gs://b/v.jsonl",
        },
        {
            "reinforcementTuningSpec": {
                "trainingDatasetUri": "gs://b/t.jsonl",
                "validationDatasetUri": "gs://b/v.jsonl",
                "compositeRewardConfig": {
                    "weightedRewardConfigs": [
                        {"weight": 0.5, "rewardConfig": WIRE_REWARD},
                        {
                            "weight": 0.5,
                            "rewardConfig": {
                                "autoraterScorer": {
                                    "autoraterPrompt": "p",
                                    "autoraterConfig": {"samplingCount": 2, "generationConfig": WIRE_BALANCED},
                                }
                            },
                        },
                    ]
                },
            }
        },
    ),
    "evaluated": (
        {
            "evaluation_config": {
                "metrics": [
                    {"name": "bleu"},
                    {"rougeSpec": {"rouge_type": "rougeL", "use_stemmer": True}},
                    {
                        "llm_based_metric_spec": {
                            "metric_prompt_template": "t",
                            "judge_autorater_config": {"generation_config": BALANCED},
                            "predefined_rubric_generation_spec": {
                                "metric_spec_name": "n",
                                "step_autorater_configs": {"rubric_generation": {"generation_config": BALANCED}},
                            },
                        }
                    },
                ],
                "output_config": OUTPUT,
                "inference_generation_config": {"temperature": 0.5, **BALANCED},
            }
        },
        {
            "supervisedTuningSpec": {
                "trainingDatasetUri": "gs://b/t.jsonl",
                "evaluationConfig": {
                    "metrics": [
                        {"aggregationMetrics": AGGREGATIONS, "bleuSpec": {}},
                        {
                            "aggregationMetrics": AGGREGATIONS,
                            "rougeSpec": {"rougeType": "rougeL", "useStemmer": True},
                        },
                        {
                            "aggregationMetrics": AGGREGATIONS,
                            "llmBasedMetricSpec": {
                                "metricPromptTemplate": "t",
                                "judgeAutoraterConfig": {"generationConfig": WIRE_BALANCED},
                                "predefinedRubricGenerationSpec": {
                                    "metricSpecName": "n",
                                    "stepAutoraterConfigs": {"rubric_generation": {"generationConfig": WIRE_BALANCED}},
                                },
                            },
                        },
                    ],
                    "outputConfig": {"gcsDestination": {"outputUriPrefix": "gs://b/o"}},
                    "inferenceGenerationConfig": {"temperature": 0.5, **WIRE_BALANCED},
                },
            }
        },
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_body(name: str) -> None:
    """Each option is sent where google-genai 3.6.1 sends it, except for the names in a metric's specification."""
    assert TUNING_DIFFERENCES["unified-metric"]
    config, expected = BODIES[name]
    assert encode_ours(tunings.tune("m", DATA, config), "vertex")[2] == {"baseModel": "m", **expected}


@pytest.mark.parametrize("name", BODIES)
def test_read(name: str) -> None:
    """A job that repeats the request decodes to the values that were passed."""
    config, body = BODIES[name]
    job = decode_ours(tunings.get("n"), "vertex", {"name": "n", **body})
    request = tunings.tune("m", DATA, config).operation.config  # type: ignore[attr-defined]  # of this operation
    rewards = job.reinforcement_tuning_spec
    assert (rewards and rewards.single_reward_config) == request.reward_config
    assert (rewards and rewards.composite_reward_config) == request.composite_reward_config
    assert job.evaluation_config == request.evaluation_config
    assert (job.custom_base_model, job.output_uri) == (request.custom_base_model, request.output_uri)
    assert job.encryption_spec == request.encryption_spec


def test_running_job() -> None:
    """What a running job does, its progress and its evaluations are decoded."""
    job = decode_ours(
        tunings.get("n"),
        "vertex",
        {
            "state": "JOB_STATE_RUNNING",
            "tuningJobState": "TUNING_JOB_STATE_TUNING",
            "tuningJobMetadata": {"completedEpochCount": "1", "completedStepCount": "20"},
            "distillationSpec": {"hyperParameters": {"generationConfig": WIRE_BALANCED}},
            "tuningDataStats": {"reinforcementTuningDataStats": {"droppedExampleIndices": ["3"]}},
            "evaluateDatasetRuns": [
                {
                    "checkpointId": "1",
                    "evaluateDatasetResponse": {
                        "aggregationOutput": {
                            "aggregationResults": [{"aggregationMetric": "AVERAGE", "bleuMetricValue": {"score": 0.5}}]
                        }
                    },
                }
            ],
        },
    )
    assert not job.has_ended
    assert (job.tuning_job_state, job.tuning_job_metadata.completed_step_count) == ("TUNING_JOB_STATE_TUNING", 20)
    assert job.tuning_data_stats.reinforcement_tuning_data_stats.dropped_example_indices == (3,)
    [result] = job.evaluate_dataset_runs[0].evaluate_dataset_response.aggregation_output.aggregation_results
    assert (result.aggregation_metric, result.bleu_metric_value.score) == ("AVERAGE", 0.5)
    teacher = job.distillation_spec.hyper_parameters.generation_config
    assert teacher.model_selection_config.feature_selection_preference == "BALANCED"


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("PREFERENCE_TUNING", {"batch_size": 1, "learning_rate": 0.1, "tuning_mode": "TUNING_MODE_FULL"}),
        ("REINFORCEMENT_TUNING", {"learning_rate": 0.1, "export_last_checkpoint_only": True}),
        ("REINFORCEMENT_TUNING", {"tuning_mode": "TUNING_MODE_FULL"}),
        (
            "REINFORCEMENT_TUNING",
            {"evaluation_config": {"metrics": [{"name": "bleu"}], "output_config": OUTPUT}},
        ),
    ],
)
def test_missing_options(method: str, options: Mapping[str, Any]) -> None:
    """Options that a method does not have are refused by name, where google-genai 3.6.1 drops them."""
    assert TUNING_DIFFERENCES["method-options"]
    request = tunings.tune("m", DATA, {"method": method, **options})
    assert get_refused_paths(request, "vertex") == tuple(f"config.{name}" for name in options)


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"reward_config": {}, "composite_reward_config": {}}, "config.reward_config"),
        ({"validation_dataset_uri": "gs://b/v.jsonl", **VALIDATION}, "config.validation_dataset_uri"),
    ],
)
def test_either(config: Mapping[str, Any], path: str) -> None:
    """Two options with the same meaning are a mistake at once."""
    with pytest.raises(InvalidRequest) as raised:
        tunings.tune("m", DATA, config)
    assert raised.value.path == path


@pytest.mark.parametrize(
    "metric",
    [
        {"bleu_spec": {}, "rouge_spec": {}},
        {"bleu_spec": None},
        {"bleu_spec": {}, "name": "bleu"},
        {"llm_based_metric_spec": {"template": "t"}},
    ],
)
def test_wrong_metrics(metric: Any) -> None:
    """A metric is either a name or exactly one specification."""
    with pytest.raises(InvalidRequest) as raised:
        tunings.tune("m", DATA, {"evaluation_config": {"metrics": [metric], "output_config": OUTPUT}})
    assert raised.value.path.startswith("config.evaluation_config.metrics[0]")


def test_unused_name() -> None:
    """A metric with a specification has no name."""
    metric = UnifiedMetric(name="our_body", bleu_spec=BleuSpec())
    with pytest.raises(InvalidRequest) as raised:
        tunings.tune("m", DATA, {"evaluation_config": {"metrics": [metric], "output_config": OUTPUT}})
    assert raised.value.path == "config.evaluation_config.metrics[0].name"
