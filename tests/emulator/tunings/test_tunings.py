"""Tunings on both backends: progress, the tuned model, cancellation, lists."""

from typing import Any

import pytest

from genai_fn import Gemini, Offline, Vertex, generate, models, text, tunings, until_done
from genai_fn.schema import TuningJob
from tests.support.emulator_requests import GEMINI, PROJECT, VERTEX, JsonClient

BASE = "gemini-2.5-flash"
EXAMPLES = {"examples": [{"text_input": "1", "output": "2"}]}
GEMINI_RUN = (Gemini(), "models/gemini-2.5-flash", EXAMPLES)
VERTEX_RUN = (Vertex("p", "us-central1"), BASE, {"gcs_uri": "gs://b/examples.jsonl"})
both_backends = pytest.mark.parametrize(("backend", "base", "data"), [GEMINI_RUN, VERTEX_RUN], ids=("gemini", "vertex"))


def get_state(job: TuningJob) -> str:
    return str(job.state).removeprefix("JOB_STATE_")


@both_backends
def test_progress(backend: Gemini | Vertex, base: str, data: Any) -> None:
    """A tuning succeeds at the second poll, and its model generates answers."""
    run = Offline(backend)
    started = run(tunings.tune(base, data, {"tuned_model_display_name": "Mine", "epoch_count": 2})).unwrap()
    assert get_state(started) in ("QUEUED", "PENDING")
    polls = [run(tunings.get(str(started.name))).unwrap() for _ in range(3)]
    assert ["RUNNING", "SUCCEEDED", "SUCCEEDED"] == [get_state(each) for each in polls]
    last = polls[-1]
    assert ("Mine", base) == (last.tuned_model_display_name, last.base_model)
    assert last.end_time is not None
    assert last.tuned_model is not None
    reply = run(generate(str(last.tuned_model.endpoint), "hi") | text).unwrap()
    assert "You asked: “hi”" in reply
    assert [last] == list(run(tunings.list()).unwrap())


@both_backends
def test_model(backend: Gemini | Vertex, base: str, data: Any) -> None:
    """The tuned model can be listed, updated and deleted."""
    run = Offline(backend)
    name = str(run(tunings.tune(base, data, {"tuned_model_display_name": "Mine"})).unwrap().name)
    job = [run(tunings.get(name)).unwrap() for _ in range(2)][-1]
    assert job.tuned_model is not None
    model = str(job.tuned_model.model).partition("@")[0]
    (listed_model,) = run(models.list({"query_base": False})).unwrap()
    assert (model, "Mine") == (listed_model.name, listed_model.display_name)
    assert listed_model.tuned_model_info is not None
    assert base == listed_model.tuned_model_info.base_model
    assert "Yours" == run(models.update(model, {"display_name": "Yours"})).unwrap().display_name
    assert "Yours" == run(models.get(model)).unwrap().display_name
    run(models.delete(model)).unwrap()
    assert [] == list(run(models.list({"query_base": False})).unwrap())


@both_backends
def test_cancelled(backend: Gemini | Vertex, base: str, data: Any) -> None:
    """A cancelled tuning creates no model; a tuning that has ended cannot be cancelled."""
    run = Offline(backend)
    name = str(run(tunings.tune(base, data)).unwrap().name)
    assert run(tunings.cancel(name)).unwrap() is None
    job = run(tunings.get(name)).unwrap()
    assert get_state(job) in ("FAILED", "CANCELLED")
    run(tunings.cancel(name)).unwrap()
    assert get_state(run(tunings.get(name)).unwrap()) == get_state(job)


def test_checkpoints() -> None:
    """On Vertex AI there is a checkpoint for each epoch, unless only the last one is exported."""
    run = Offline(Vertex("p", "us-central1"))
    data = {"gcs_uri": "gs://b/examples.jsonl"}
    for only_last, count in ((None, 3), (True, 0)):
        config = {"epoch_count": 3, "export_last_checkpoint_only": only_last}
        name = str(run(tunings.tune(BASE, data, config)).unwrap().name)
        job = [run(tunings.get(name)).unwrap() for _ in range(2)][-1]
        assert job.tuned_model is not None
        assert count == len(job.tuned_model.checkpoints)


def test_echoed_fields() -> None:
    """On Vertex AI a job repeats the fields of its request, including the evaluation config."""
    run = Offline(Vertex("p", "us-central1"))
    prefix = {"output_uri_prefix": "gs://b/verdicts"}
    evaluation = {"metrics": [{"name": "bleu"}], "output_config": {"gcs_destination": prefix}}
    config = {
        "method": "PREFERENCE_TUNING",
        "beta": 0.5,
        "labels": {"kind": "big"},
        "description": "better",
        "evaluation_config": evaluation,
    }
    job = run(tunings.tune(BASE, {"gcs_uri": "gs://b/examples.jsonl"}, config)).unwrap()
    spec = job.preference_optimization_spec
    assert spec is not None
    assert spec.hyper_parameters is not None
    assert ("gs://b/examples.jsonl", 0.5) == (spec.training_dataset_uri, spec.hyper_parameters.beta)
    assert ({"kind": "big"}, "better") == (job.labels, job.description)
    assert job.evaluation_config is not None
    assert ["bleu"] == [each.name for each in job.evaluation_config.metrics or ()]


def test_numbers() -> None:
    """On Vertex AI 64-bit integers are strings, both in repeated fields and in checkpoints."""
    api = JsonClient(VERTEX)
    spec = {"trainingDatasetUri": "gs://b/examples.jsonl", "hyperParameters": {"epochCount": 2}}
    body = {"baseModel": BASE, "supervisedTuningSpec": spec}
    name = api.request_json("POST", f"{PROJECT}/tuningJobs", body)["name"]
    last = [api.request_json("GET", name) for _ in range(2)][-1]
    assert "2" == last["supervisedTuningSpec"]["hyperParameters"]["epochCount"]
    assert [("1", "1"), ("2", "2")] == [(each["epoch"], each["step"]) for each in last["tunedModel"]["checkpoints"]]


def test_pre_tuned_model() -> None:
    """On Vertex AI a tuned model can be tuned again."""
    run = Offline(Vertex("p", "us-central1"))
    model = f"{PROJECT}/models/7"
    job = run(tunings.tune(model, {"gcs_uri": "gs://b/e.jsonl"}, {"pre_tuned_model_checkpoint_id": "2"})).unwrap()
    assert job.pre_tuned_model is not None
    assert (model, "2") == (job.pre_tuned_model.tuned_model_name, job.pre_tuned_model.checkpoint_id)


def test_operation() -> None:
    """On the Developer API an operation reports the progress, and its response is the tuned model."""
    api = JsonClient()
    started = api.request_json("POST", "tunedModels?tunedModelId=mine", {"baseModel": "models/m"})
    metadata = {"tunedModel": "tunedModels/mine", "totalSteps": 2, "completedSteps": 0, "completedPercent": 0.0}
    assert {"name": "tunedModels/mine/operations/operation1", "metadata": metadata} == started
    assert 50.0 == api.request_json("GET", started["name"])["metadata"]["completedPercent"]
    last = api.request_json("GET", started["name"])
    assert last["done"] is True
    assert last["response"] == api.request_json("GET", "tunedModels/mine")
    assert "ACTIVE" == last["response"]["state"]
    api.request_json("DELETE", "tunedModels/mine")
    assert api.request_json("GET", started["name"])["done"] is True


JOBS = f"{PROJECT}/tuningJobs"
SPEC = {"trainingDatasetUri": "gs://b/e.jsonl"}
TUNING_JOB = {"baseModel": BASE, "supervisedTuningSpec": SPEC}

REFUSED_REQUESTS: list[tuple[str, str, str, Any, int, str]] = [
    (GEMINI, "POST", "tunedModels", {}, 400, "base_model"),
    (GEMINI, "POST", "tunedModels", {"baseModel": "models/m", "mood": "good"}, 400, "mood"),
    (
        *(GEMINI, "POST", "tunedModels"),
        {"baseModel": "m", "tuningTask": {"hyperparameters": {"learningRate": 1, "learningRateMultiplier": 1}}},
        *(400, "learning_rate_multiplier"),
    ),
    (GEMINI, "POST", "tunedModels?tunedModelId=My%2FModel", {"baseModel": "m"}, 400, "My/Model"),
    (GEMINI, "GET", "tunedModels/none", None, 404, "tunedModels/none"),
    (GEMINI, "POST", "tunedModels/none:cancel", None, 404, "tunedModels/none"),
    (GEMINI, "GET", "tunedModels/none/operations/1", None, 404, "operations/1"),
    (VERTEX, "POST", JOBS, {"supervisedTuningSpec": SPEC}, 400, "base_model"),
    (VERTEX, "POST", JOBS, {**TUNING_JOB, "preTunedModel": {}}, 400, "base_model"),
    (VERTEX, "POST", JOBS, {"baseModel": BASE}, 400, "tuning_spec"),
    (VERTEX, "POST", JOBS, {**TUNING_JOB, "supervisedTuningSpec": {"trainingDatasetUri": "e.jsonl"}}, 400, "gs://"),
    (VERTEX, "POST", JOBS, {**TUNING_JOB, "preferenceOptimizationSpec": SPEC}, 400, "oneof"),
    (
        *(VERTEX, "POST", JOBS),
        {"baseModel": BASE, "supervisedTuningSpec": {**SPEC, "hyperParameters": {"epochCount": "1000"}}},
        *(400, "epoch_count"),
    ),
    (VERTEX, "POST", JOBS, {**TUNING_JOB, "mood": "good"}, 400, "mood"),
    (VERTEX, "GET", f"{JOBS}/1", None, 404, f"{JOBS}/1"),
    (VERTEX, "POST", f"{JOBS}/1:cancel", None, 404, f"{JOBS}/1"),
]


@pytest.mark.parametrize(
    ("base", "verb", "path", "body", "code", "message"), REFUSED_REQUESTS, ids=range(len(REFUSED_REQUESTS))
)
def test_refused(base: str, verb: str, path: str, body: Any, code: int, message: str) -> None:
    """An invalid request and an unknown resource are rejected by name."""
    fault = JsonClient(base).request_fault(verb, path, body)
    assert code == fault[0]
    assert message in fault[2]


def test_name_taken() -> None:
    """A model name can be used once."""
    api = JsonClient()
    api.request_json("POST", "tunedModels?tunedModelId=mine", {"baseModel": "models/m"})
    assert "ALREADY_EXISTS" == api.request_fault("POST", "tunedModels?tunedModelId=mine", {"baseModel": "models/m"})[1]


METHODS: Any = [
    {"method": "DISTILLATION", "base_teacher_model": "gemini-2.5-pro", "sft_loss_weight_multiplier": 0.5},
    {"method": "REINFORCEMENT_TUNING", "reward_config": {"reward_name": "r"}, "samples_per_prompt": 2},
    {"method": "PREFERENCE_TUNING", "beta": 0.5},
    {"output_uri": "gs://b/o", "custom_base_model": "gs://b/m", "encryption_spec": {"kms_key_name": "k"}},
]


@pytest.mark.parametrize("config", METHODS)
def test_methods(config: Any) -> None:
    """Jobs of every method run on Vertex AI, and repeat the request."""
    run = Offline(VERTEX_RUN[0])
    job = run(tunings.tune(BASE, VERTEX_RUN[2], config) | until_done()).unwrap()
    assert job.has_succeeded
    assert job.output_uri == config.get("output_uri")


def test_one_method() -> None:
    """A job with the options of two methods is refused."""
    run = Offline(VERTEX_RUN[0])
    error = run(tunings.tune(BASE, VERTEX_RUN[2], {"base_teacher_model": "gemini-2.5-pro"})).failure()
    assert "Cannot set 'distillationSpec'" in str(error)
