"""``tunings``: requests and responses compared with google-genai 1.51.0, on both backends."""

import pickle
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from google.genai import types

from genai_fn import schema
from genai_fn.errors import DecodeError, InvalidRequest, Unsupported
from genai_fn.http import HttpResponse
from genai_fn.ops import tunings
from genai_fn.request import Request
from genai_fn.wire import decode, encode
from tests.cases.differences_by_resource import TUNING_DIFFERENCES
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import (
    BACKENDS,
    check_same_request,
    check_same_response,
    decode_ours,
    encode_ours,
    get_refused_paths,
    to_plain,
)

CallPair = tuple[Callable[[], Request[Any]], oracle.Call]

GCS = {"gcs_uri": "gs://b/i.jsonl"}
TUNED_MODEL = "projects/q/locations/l/models/7@1"


def build_tune_pair(config: Any = None, dataset: Any = None, model: str = "m") -> CallPair:
    dataset = GCS if dataset is None else dataset
    return (
        lambda: tunings.tune(model, dataset, config),
        lambda client: client.tunings.tune(
            base_model=model, training_dataset=copy_value(dataset), config=_build_typed_config(config)
        ),
    )


def copy_value(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def _build_typed_config(config: Any) -> Any:
    """Build a typed config; google-genai 1.51.0 drops some fields of a dict."""
    return None if config is None else types.CreateTuningJobConfig(**copy_value(config))


OUTPUT = {"gcs_destination": {"output_uri_prefix": "gs://b/o"}}


def _build_evaluation(*metrics: Any, **fields: Any) -> Any:
    return {"evaluation_config": {"metrics": list(metrics), "output_config": OUTPUT, **fields}}


CUSTOM_METRIC = {"name": "mine", "prompt_template": "t"}
CONFIGS: Mapping[str, Any] = {
    "none": None,
    "empty": {},
    "method": {"method": "SUPERVISED_FINE_TUNING"},
    "preferences": {"method": "PREFERENCE_TUNING", "epoch_count": 2, "beta": 0.5, "learning_rate_multiplier": 1.5},
    "preferences-alone": {"method": "preference_tuning"},
    "preferences-all": {
        "method": "PREFERENCE_TUNING",
        "validation_dataset": GCS,
        "export_last_checkpoint_only": True,
        "adapter_size": "ADAPTER_SIZE_TWO",
        **_build_evaluation({"name": "bleu"}),
    },
    "validation": {"validation_dataset": {"gcs_uri": "gs://b/v.jsonl"}},
    "validation-dataset": {"validation_dataset": {"vertex_dataset_resource": "projects/p/locations/l/datasets/1"}},
    "validation-empty": {"validation_dataset": {}},
    "display-name": {"tuned_model_display_name": "d"},
    "description": {"description": "d"},
    "epochs": {"epoch_count": 3},
    "no-epochs": {"epoch_count": 0},
    "multiplier": {"learning_rate_multiplier": 0.5},
    "last-checkpoint": {"export_last_checkpoint_only": False},
    "adapter": {"adapter_size": "ADAPTER_SIZE_FOUR"},
    "adapter-of-next-year": {"adapter_size": "ADAPTER_SIZE_HUGE"},
    "batch-size": {"batch_size": 4},
    "learning-rate": {"learning_rate": 0.001},
    "labels": {"labels": {"snake_case": "x"}},
    "beta": {"beta": 0.1},
    "camel": {"tunedModelDisplayName": "d", "epochCount": 1},
    "unknown-field": {"epochs": 1},
    "number": {"epoch_count": "many"},
    "exact-match": _build_evaluation({"name": "exact_match"}),
    "bleu": _build_evaluation({"name": "BLEU"}),
    "rouge": _build_evaluation({"name": "rouge_1"}, {"name": "rouge_l_sum"}, {"name": "ROUGE_L"}),
    "judged": _build_evaluation(CUSTOM_METRIC),
    "judged-all": _build_evaluation(
        {**CUSTOM_METRIC, "judge_model_system_instruction": "s", "return_raw_output": True}
    ),
    "judges": _build_evaluation(
        CUSTOM_METRIC,
        autorater_config={
            "sampling_count": 2,
            "flip_enabled": False,
            "autorater_model": "projects/p/locations/l/publishers/google/models/j",
            "generation_config": {
                "temperature": 0,
                "response_modalities": ["TEXT"],
                "model_selection_config": {"feature_selection_preference": "BALANCED"},
                "thinking_config": {"thinking_budget": 0},
            },
        },
    ),
    "judges-empty": _build_evaluation(CUSTOM_METRIC, autorater_config={}),
    "judges-speakers": _build_evaluation(
        CUSTOM_METRIC, autorater_config={"generation_config": {"speech_config": {"multi_speaker_voice_config": {}}}}
    ),
    "judges-civic": _build_evaluation(
        CUSTOM_METRIC, autorater_config={"generation_config": {"enable_enhanced_civic_answers": True}}
    ),
    "output-empty": {"evaluation_config": {"metrics": [{"name": "bleu"}], "output_config": {}}},
}
BY_BACKEND: Mapping[str, Mapping[str, CallPair]] = {
    "gemini": {
        **{
            name: build_tune_pair(config, {})
            for name, config in CONFIGS.items()
            if name not in ("labels", "multiplier") and "pref" not in name
        },
        "dataset-gcs": build_tune_pair(),
        "dataset-vertex": build_tune_pair(None, {"vertex_dataset_resource": "projects/p/locations/l/datasets/1"}),
        "checkpoint": build_tune_pair({"pre_tuned_model_checkpoint_id": "1"}, {}),
        "model-whole": build_tune_pair(None, {}, "models/m"),
        "model-tuned": build_tune_pair({"epoch_count": 1, "batch_size": 2, "learning_rate": 0.5}, {}, "tunedModels/m"),
    },
    "vertex": {
        **{name: build_tune_pair(config) for name, config in CONFIGS.items()},
        **{f"again-{name}": build_tune_pair(config, model=TUNED_MODEL) for name, config in CONFIGS.items()},
        "dataset-none": build_tune_pair(None, {}),
        "dataset-vertex": build_tune_pair(None, {"vertex_dataset_resource": "projects/p/locations/l/datasets/1"}),
        "dataset-camel": build_tune_pair(None, {"gcsUri": "gs://b/i.jsonl"}),
        "dataset-of-preferences": build_tune_pair({"method": "PREFERENCE_TUNING"}, {"vertex_dataset_resource": "d"}),
        "examples": build_tune_pair(None, {"examples": [{"text_input": "a", "output": "b"}]}),
        "dataset-unknown-field": build_tune_pair(None, {"uri": "gs://b/i.jsonl"}),
        "checkpoint": build_tune_pair({"pre_tuned_model_checkpoint_id": "1"}, model=TUNED_MODEL),
        "model-whole": build_tune_pair(model="publishers/google/models/m"),
    },
}
ALL_PAIRS = [(backend, name) for backend, pairs in BY_BACKEND.items() for name in pairs]


@pytest.mark.parametrize(("backend", "name"), ALL_PAIRS)
def test_tuned(backend: str, name: str) -> None:
    """A tuning sends what google-genai sends, or is refused with the same field."""
    check_same_request(*BY_BACKEND[backend][name], backend)


BAD_EVALUATIONS: Mapping[str, tuple[Any, str]] = {
    "no-metrics": ({"output_config": OUTPUT}, "metrics"),
    "empty-metrics": ({"metrics": [], "output_config": OUTPUT}, "metrics"),
    "no-output": ({"metrics": [{"name": "bleu"}]}, "output_config"),
    "unknown-metric": (_build_evaluation({"name": "mine"})["evaluation_config"], "metrics[0]"),
    "empty-template": (_build_evaluation({"name": "mine", "prompt_template": ""})["evaluation_config"], "metrics[0]"),
    "other-address": (
        {"metrics": [{"name": "bleu"}], "output_config": {"gcs_destination": {"output_uri_prefix": "b/o"}}},
        "output_config.gcs_destination.output_uri_prefix",
    ),
    "no-name": (_build_evaluation({"prompt_template": "t"})["evaluation_config"], "metrics[0].name"),
    "empty-name": (_build_evaluation({"name": ""})["evaluation_config"], "metrics[0].name"),
}


@pytest.mark.parametrize("name", BAD_EVALUATIONS)
def test_bad_evaluations(name: str) -> None:
    """An incomplete evaluation is a mistake at once, as in google-genai."""
    config, path = BAD_EVALUATIONS[name]
    theirs = oracle.capture_request(
        oracle.VERTEX,
        lambda client: client.tunings.tune(
            base_model="m",
            training_dataset=GCS,
            config=types.CreateTuningJobConfig(evaluation_config=types.EvaluationConfig(**copy_value(config))),
        ),
    )
    assert isinstance(theirs, oracle.RefusedCall)
    for model in ("m", TUNED_MODEL):
        with pytest.raises(InvalidRequest) as raised:
            tunings.tune(model, GCS, {"evaluation_config": config})
        assert f"config.evaluation_config.{path}" == raised.value.path
    assert TUNING_DIFFERENCES["evaluation-unchecked"]


@pytest.mark.parametrize("field", ["prompt_template", "judge_model_system_instruction", "return_raw_output"])
@pytest.mark.parametrize("metric", ["exact_match", "rouge_1"])
def test_unused_template(metric: str, field: str) -> None:
    """A computed metric takes no prompt template."""
    assert TUNING_DIFFERENCES["unused-template"]
    value: Any = field != "return_raw_output" and "t"
    with pytest.raises(InvalidRequest) as raised:
        tunings.tune("m", GCS, _build_evaluation({"name": metric, field: value}))
    assert f"config.evaluation_config.metrics[0].{field}" == raised.value.path


def test_raw_output() -> None:
    """``return_raw_output`` is sent, true or false."""
    assert TUNING_DIFFERENCES["raw-output-false"]
    body = encode_ours(
        tunings.tune("m", GCS, _build_evaluation({**CUSTOM_METRIC, "return_raw_output": False})), "vertex"
    )[2]
    [metric] = body["supervisedTuningSpec"]["evaluationConfig"]["metrics"]
    assert metric["pointwiseMetricSpec"]["customOutputFormatConfig"] == {"returnRawOutput": False}


def test_examples() -> None:
    """Examples and hyperparameters are sent to Gemini."""
    assert TUNING_DIFFERENCES["examples"]
    assert TUNING_DIFFERENCES["multiplier"]
    examples = [{"text_input": "a", "output": "b"}, {"textInput": "c"}]
    body = encode_ours(
        tunings.tune("m", {"examples": examples}, {"epoch_count": 3, "learning_rate_multiplier": 0.5}), "gemini"
    )[2]
    assert body == {
        "baseModel": "m",
        "tuningTask": {
            "hyperparameters": {"epochCount": 3, "learningRateMultiplier": 0.5},
            "trainingData": {"examples": {"examples": [{"output": "b", "textInput": "a"}, {"textInput": "c"}]}},
        },
    }


@pytest.mark.parametrize(
    ("backend", "dataset", "config"),
    [
        ("gemini", {}, {"method": "PREFERENCE_TUNING"}),
        ("gemini", {}, {"method": "DISTILLATION"}),
        ("vertex", GCS, {"method": "METHOD_OF_NEXT_YEAR"}),
    ],
)
def test_other_methods(backend: str, dataset: Any, config: Any) -> None:
    """A method that a backend does not have is refused, not dropped."""
    assert TUNING_DIFFERENCES["method"]
    assert get_refused_paths(tunings.tune("m", dataset, config), backend) == ("config.method",)


def test_checkpoint() -> None:
    """Only a tuned model has checkpoints, whether the config is a dict or not."""
    assert TUNING_DIFFERENCES["checkpoint"]
    config = {"pre_tuned_model_checkpoint_id": "1"}
    assert get_refused_paths(tunings.tune("m", GCS, config), "vertex") == ("config.pre_tuned_model_checkpoint_id",)
    body = encode_ours(tunings.tune(TUNED_MODEL, GCS, config), "vertex")[2]
    assert body == {
        "preTunedModel": {"checkpointId": "1", "tunedModelName": TUNED_MODEL},
        "supervisedTuningSpec": {"trainingDatasetUri": "gs://b/i.jsonl"},
    }


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (("m", {**GCS, "vertex_dataset_resource": "d"}), "training_dataset"),
        (
            ("m", GCS, {"validation_dataset": {**GCS, "vertex_dataset_resource": "d"}}),
            "config.validation_dataset",
        ),
        (("", GCS), "base_model"),
        (("m", {"examples": [{"text": "a"}]}), "training_dataset.examples[0].text"),
        (("m", "gs://b/i.jsonl"), "training_dataset"),
    ],
)
def test_mistakes(arguments: Any, path: str) -> None:
    """Two sources of examples, an empty model name or an invalid dataset are mistakes at once."""
    assert TUNING_DIFFERENCES["two-places"]
    with pytest.raises(InvalidRequest) as raised:
        tunings.tune(*arguments)
    assert path == raised.value.path


NAMES = ("tunedModels/x", "77", "tuningJobs/77", "projects/q/locations/l/tuningJobs/77")
CALLS: Mapping[str, Callable[[str], Request[Any]]] = {"get": tunings.get, "cancel": tunings.cancel}


def _build_name_pair(method: str, name: str) -> CallPair:
    return lambda: CALLS[method](name), lambda client: getattr(client.tunings, method)(name=name)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", CALLS)
def test_named(method: str, name: str, backend: str) -> None:
    """A name is the path, unchanged."""
    check_same_request(*_build_name_pair(method, name), backend)


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("name", ["", "a/../b", "a?b", None])
def test_no_names(method: str, name: Any) -> None:
    """An empty or invalid name is a mistake at once."""
    with pytest.raises(InvalidRequest):
        CALLS[method](name)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("config", [None, {}, {"page_size": 3}, {"pageToken": "a/b c"}, {"filter": "a=b c"}])
def test_listed(config: Any, backend: str) -> None:
    """Lists are requested as by google-genai."""
    check_same_request(lambda: tunings.list(config), lambda client: client.tunings.list(config=config), backend)


def test_values() -> None:
    """Requests compare and pickle; a creation is not retried once bytes were sent."""
    request = tunings.tune("m", GCS, _build_evaluation(CUSTOM_METRIC))
    assert request == pickle.loads(pickle.dumps(request))
    assert hash(tunings.get("n")) == hash(tunings.get("n"))
    assert [False, True] == [request.operation.repeatable, tunings.get("n").operation.repeatable]


def test_unsupported_names_all() -> None:
    """All fields that a backend does not have are in one error."""
    error = encode(tunings.tune("m", GCS, {"beta": 1, "labels": {}}), BACKENDS["gemini"][1]).failure()
    assert error == Unsupported(
        "the Gemini Developer API", ("training_dataset.gcs_uri", "config.labels", "config.beta")
    )


# Responses


TIMES = {"createTime": "2025-01-02T03:04:05.678901Z", "updateTime": "2025-01-02T03:04:06Z"}
REPLIES: Mapping[str, Mapping[str, Any]] = {
    "gemini": {
        "nothing": {},
        "all": {
            "name": "tunedModels/x",
            "state": "CREATING",
            "description": "d",
            "baseModel": "models/m",
            "tuningTask": {"startTime": "2025-01-02T03:04:07Z", "completeTime": "2025-01-02T03:04:08Z"},
            **TIMES,
        },
        **{
            state: {"name": "tunedModels/x", "state": state}
            for state in ("STATE_UNSPECIFIED", "ACTIVE", "FAILED", "JOB_STATE_QUEUED", "NEW")
        },
    },
    "vertex": {
        "nothing": {},
        "all": {
            "name": "projects/1/locations/l/tuningJobs/7",
            "state": "JOB_STATE_SUCCEEDED",
            "description": "d",
            "baseModel": "m",
            "tunedModelDisplayName": "n",
            "tunedModel": {
                "model": "projects/1/locations/l/models/2@1",
                "endpoint": "projects/1/locations/l/endpoints/3",
                "checkpoints": [{"checkpointId": "1", "epoch": "2", "step": "30", "endpoint": "e"}],
            },
            "experiment": "projects/1/locations/l/metadataStores/default/contexts/c",
            "labels": {"snake_case": "x"},
            "supervisedTuningSpec": {
                "trainingDatasetUri": "gs://b/i.jsonl",
                "validationDatasetUri": "gs://b/v.jsonl",
                "hyperParameters": {"epochCount": "3", "learningRateMultiplier": 1, "adapterSize": "ADAPTER_SIZE_FOUR"},
                "exportLastCheckpointOnly": True,
            },
            "encryptionSpec": {"kmsKeyName": "k"},
            "serviceAccount": "s",
            "pipelineJob": "p",
            "outputUri": "gs://b/o",
            "customBaseModel": "c",
            "startTime": "2025-01-02T03:04:07Z",
            "endTime": "2025-01-02T03:04:08Z",
            **TIMES,
        },
        "preferences": {
            "name": "n",
            "state": "JOB_STATE_NEW",
            "preTunedModel": {"tunedModelName": TUNED_MODEL, "checkpointId": "1", "baseModel": "m"},
            "preferenceOptimizationSpec": {"hyperParameters": {"beta": 0.5}, "trainingDatasetUri": "u"},
        },
        "partner": {
            "name": "n",
            "partnerModelTuningSpec": {"hyperParameters": {"a": {"b": 1}}, "trainingDatasetUri": "u"},
            "veoTuningSpec": {"hyperParameters": {"tuningTask": "TUNING_TASK_I2V"}},
        },
        "failed": {"name": "n", "error": {"code": 3, "message": "no", "details": [{"@type": "t"}]}},
        "told": {
            "name": "n",
            "tuningDataStats": {
                "supervisedTuningDataStats": {
                    "totalBillableCharacterCount": "10",
                    "userInputTokenDistribution": {"sum": "5", "buckets": [{"count": 1, "left": 0, "right": 2.5}]},
                }
            },
        },
        "judges": {
            "name": "n",
            "evaluationConfig": {
                "outputConfig": {"gcsDestination": {"outputUriPrefix": "gs://b/o"}},
                "autoraterConfig": {
                    "samplingCount": 2,
                    "generationConfig": {"temperature": 0.5, "modelConfig": {"featureSelectionPreference": "BALANCED"}},
                },
            },
        },
    },
}
READ = [(backend, name) for backend, replies in REPLIES.items() for name in replies]


@pytest.mark.parametrize(("backend", "name"), READ)
def test_read(backend: str, name: str) -> None:
    """A job decodes to the same value as with google-genai."""
    check_same_response(*_build_name_pair("get", NAMES[0]), backend, REPLIES[backend][name])


@pytest.mark.parametrize("backend", BACKENDS)
def test_state_as_a_number(backend: str) -> None:
    """A state may be a number, as protocol buffers allow for any enum; it is kept as a text."""
    assert decode_ours(tunings.get(NAMES[0]), backend, {"state": 4}).state == "4"


@pytest.mark.parametrize("name", REPLIES["vertex"])
def test_begun_on_vertex(name: str) -> None:
    """A created job decodes to the same value as with google-genai."""
    check_same_response(*build_tune_pair(), "vertex", REPLIES["vertex"][name])


@pytest.mark.parametrize(
    "reply",
    [
        {"name": "tunedModels/x/operations/1"},
        {"name": "operations/1", "metadata": {"tunedModel": "tunedModels/y"}},
        {"name": "tunedModels/x/operations/1", "metadata": {"totalSteps": 5}, "done": False},
        {"name": "tunedModels/x"},
        {"metadata": {"tunedModel": "tunedModels/y"}},
    ],
)
def test_begun_on_gemini(reply: Any) -> None:
    """Gemini returns an operation with the name of the tuned model."""
    check_same_response(*build_tune_pair(None, {}), "gemini", reply)


def test_begun_without_a_name() -> None:
    """A started tuning without a name is a failure."""
    assert TUNING_DIFFERENCES["no-name"]
    result = decode(tunings.tune("m", {}), HttpResponse(200, (), b"{}"), BACKENDS["gemini"][1])
    assert isinstance(result.failure(), DecodeError)


@pytest.mark.parametrize("backend", BACKENDS)
def test_pages_read(backend: str) -> None:
    """A page of jobs decodes to the same value as with google-genai."""
    items = list(REPLIES[backend].values())
    reply = {"nextPageToken": "t", "tunedModels" if backend == "gemini" else "tuningJobs": items}
    theirs = oracle.parse_reply(BACKENDS[backend][0], lambda client: client.tunings.list(), reply)
    page = decode_ours(tunings.list(), backend, reply)
    assert (to_plain(theirs.page), "t") == (to_plain(page.items), page.next_page_token)
    assert decode_ours(tunings.list(), backend, {}) == schema.ListTuningJobsResponse()


@pytest.mark.parametrize("backend", BACKENDS)
def test_empty_responses(backend: str) -> None:
    """An empty response is a success."""
    assert [None, None] == [decode_ours(tunings.cancel("tunedModels/x"), backend, reply) for reply in (b"", {})]


def test_display_name_read() -> None:
    """The display name of a tuned model on Gemini is kept."""
    assert TUNING_DIFFERENCES["display-name"]
    job = decode_ours(tunings.get("tunedModels/x"), "gemini", {"name": "tunedModels/x", "displayName": "d"})
    assert (job.tuned_model_display_name, job.tuned_model.model) == ("d", "tunedModels/x")


SPECS = [
    {"exactMatchSpec": {}},
    {"bleuSpec": {}, "aggregationMetrics": ["AVERAGE"]},
    {"rougeSpec": {"rougeType": "rougelsum"}},
    {"pointwiseMetricSpec": {"metricPromptTemplate": "t", "customOutputFormatConfig": {"returnRawOutput": True}}},
    {"nextYearsSpec": {}},
]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda evaluation: {"evaluationConfig": evaluation},
        lambda evaluation: {"supervisedTuningSpec": {"evaluationConfig": evaluation}},
        lambda evaluation: {"preferenceOptimizationSpec": {"evaluationConfig": evaluation}},
    ],
)
def test_evaluation_read(wrap: Callable[[Any], Any]) -> None:
    """The evaluation config is decoded from every place where it can be."""
    assert TUNING_DIFFERENCES["evaluation-read"]
    job = decode_ours(tunings.get("n"), "vertex", wrap({"metrics": SPECS}))
    assert job.evaluation_config == schema.EvaluationConfig(
        metrics=(
            schema.Metric(name="exact_match"),
            schema.Metric(name="bleu"),
            schema.Metric(name="rougelsum"),
            schema.Metric(prompt_template="t", return_raw_output=True),
            schema.Metric(),
        )
    )


def test_evaluation_comes_back() -> None:
    """An evaluation config decodes to what was sent, except for the name of a pointwise metric."""
    sent_config = _build_evaluation({"name": "exact_match"}, CUSTOM_METRIC, autorater_config={"sampling_count": 2})
    body = encode_ours(tunings.tune("m", GCS, sent_config), "vertex")[2]
    job = decode_ours(tunings.get("n"), "vertex", {"name": "n", **body})
    config = tunings.tune("m", GCS, sent_config).operation.config.evaluation_config
    assert [(None, "t") if each.prompt_template else (each.name, None) for each in config.metrics] == [
        (each.name, each.prompt_template) for each in job.evaluation_config.metrics
    ]
    assert (config.output_config, config.autorater_config) == (
        job.evaluation_config.output_config,
        job.evaluation_config.autorater_config,
    )
