"""Tunings, on both backends: begun, looked at until the model is there, used, stopped, listed."""

from typing import Any

import pytest

from genai_fn import Gemini, Offline, Vertex, generate, models, text, tunings
from genai_fn.schema import TuningJob
from tests.support.emulator_requests import GEMINI, PROJECT, VERTEX, Api

BASE = "gemini-2.5-flash"
EXAMPLES = {"examples": [{"text_input": "1", "output": "2"}]}
GEMINI_RUN = (Gemini(), "models/gemini-2.5-flash", EXAMPLES)
VERTEX_RUN = (Vertex("p", "us-central1"), BASE, {"gcs_uri": "gs://b/examples.jsonl"})
both = pytest.mark.parametrize(("backend", "base", "data"), [GEMINI_RUN, VERTEX_RUN], ids=("gemini", "vertex"))


def state(job: TuningJob) -> str:
    return str(job.state).removeprefix("JOB_STATE_")


# Through the client


@both
def test_progress(backend: Gemini | Vertex, base: str, data: Any) -> None:
    """A tuning is done at the second look, and its model answers."""
    run = Offline(backend)
    begun = run(tunings.tune(base, data, {"tuned_model_display_name": "Mine", "epoch_count": 2})).unwrap()
    assert state(begun) in ("QUEUED", "PENDING")
    seen = [run(tunings.get(str(begun.name))).unwrap() for _ in range(3)]
    assert ["RUNNING", "SUCCEEDED", "SUCCEEDED"] == [state(each) for each in seen]
    last = seen[-1]
    assert ("Mine", base) == (last.tuned_model_display_name, last.base_model)
    assert last.end_time is not None
    assert last.tuned_model is not None
    said = run(generate(str(last.tuned_model.endpoint), "hi") | text).unwrap()
    assert "You asked: “hi”" in said
    assert [last] == list(run(tunings.list()).unwrap())


@both
def test_model(backend: Gemini | Vertex, base: str, data: Any) -> None:
    """What comes of a tuning is listed, changed and deleted as a model."""
    run = Offline(backend)
    name = str(run(tunings.tune(base, data, {"tuned_model_display_name": "Mine"})).unwrap().name)
    job = [run(tunings.get(name)).unwrap() for _ in range(2)][-1]
    assert job.tuned_model is not None
    model = str(job.tuned_model.model).partition("@")[0]
    (listed,) = run(models.list({"query_base": False})).unwrap()
    assert (model, "Mine") == (listed.name, listed.display_name)
    assert listed.tuned_model_info is not None
    assert base == listed.tuned_model_info.base_model
    assert "Yours" == run(models.update(model, {"display_name": "Yours"})).unwrap().display_name
    assert "Yours" == run(models.get(model)).unwrap().display_name
    run(models.delete(model)).unwrap()
    assert [] == list(run(models.list({"query_base": False})).unwrap())


@both
def test_stopped(backend: Gemini | Vertex, base: str, data: Any) -> None:
    """A tuning that is stopped makes no model; one that has ended stays as it is."""
    run = Offline(backend)
    name = str(run(tunings.tune(base, data)).unwrap().name)
    assert run(tunings.cancel(name)).unwrap() is None
    job = run(tunings.get(name)).unwrap()
    assert state(job) in ("FAILED", "CANCELLED")
    run(tunings.cancel(name)).unwrap()
    assert state(run(tunings.get(name)).unwrap()) == state(job)


def test_checkpoints() -> None:
    """On Vertex AI there is a checkpoint for each epoch, unless only the last is wanted."""
    run = Offline(Vertex("p", "us-central1"))
    data = {"gcs_uri": "gs://b/examples.jsonl"}
    for only_last, count in ((None, 3), (True, 0)):
        config = {"epoch_count": 3, "export_last_checkpoint_only": only_last}
        name = str(run(tunings.tune(BASE, data, config)).unwrap().name)
        job = [run(tunings.get(name)).unwrap() for _ in range(2)][-1]
        assert job.tuned_model is not None
        assert count == len(job.tuned_model.checkpoints)


def test_repeated() -> None:
    """On Vertex AI a job repeats what was asked for, its evaluation too."""
    run = Offline(Vertex("p", "us-central1"))
    prefix = {"output_uri_prefix": "gs://b/verdicts"}
    judged = {"metrics": [{"name": "bleu"}], "output_config": {"gcs_destination": prefix}}
    config = {
        "method": "PREFERENCE_TUNING",
        "beta": 0.5,
        "labels": {"kind": "big"},
        "description": "better",
        "evaluation_config": judged,
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
    """On Vertex AI what has 64 bits is in quotes: what is repeated, and the checkpoints."""
    api = Api(VERTEX)
    spec = {"trainingDatasetUri": "gs://b/examples.jsonl", "hyperParameters": {"epochCount": 2}}
    body = {"baseModel": BASE, "supervisedTuningSpec": spec}
    name = api.told("POST", f"{PROJECT}/tuningJobs", body)["name"]
    last = [api.told("GET", name) for _ in range(2)][-1]
    assert "2" == last["supervisedTuningSpec"]["hyperParameters"]["epochCount"]
    assert [("1", "1"), ("2", "2")] == [(each["epoch"], each["step"]) for each in last["tunedModel"]["checkpoints"]]


def test_tuned_further() -> None:
    """On Vertex AI a tuned model is tuned further."""
    run = Offline(Vertex("p", "us-central1"))
    model = f"{PROJECT}/models/7"
    job = run(tunings.tune(model, {"gcs_uri": "gs://b/e.jsonl"}, {"pre_tuned_model_checkpoint_id": "2"})).unwrap()
    assert job.pre_tuned_model is not None
    assert (model, "2") == (job.pre_tuned_model.tuned_model_name, job.pre_tuned_model.checkpoint_id)


# On the wire


def test_operation() -> None:
    """On the Developer API an operation tells of the making, and is done with the model."""
    api = Api()
    begun = api.told("POST", "tunedModels?tunedModelId=mine", {"baseModel": "models/m"})
    metadata = {"tunedModel": "tunedModels/mine", "totalSteps": 2, "completedSteps": 0, "completedPercent": 0.0}
    assert {"name": "tunedModels/mine/operations/operation1", "metadata": metadata} == begun
    assert 50.0 == api.told("GET", begun["name"])["metadata"]["completedPercent"]
    last = api.told("GET", begun["name"])
    assert last["done"] is True
    assert last["response"] == api.told("GET", "tunedModels/mine")
    assert "ACTIVE" == last["response"]["state"]
    api.told("DELETE", "tunedModels/mine")
    assert api.told("GET", begun["name"])["done"] is True


JOBS = f"{PROJECT}/tuningJobs"
SPEC = {"trainingDatasetUri": "gs://b/e.jsonl"}
JOB = {"baseModel": BASE, "supervisedTuningSpec": SPEC}

REFUSED: list[tuple[str, str, str, Any, int, str]] = [
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
    (VERTEX, "POST", JOBS, {**JOB, "preTunedModel": {}}, 400, "base_model"),
    (VERTEX, "POST", JOBS, {"baseModel": BASE}, 400, "tuning_spec"),
    (VERTEX, "POST", JOBS, {**JOB, "supervisedTuningSpec": {"trainingDatasetUri": "e.jsonl"}}, 400, "gs://"),
    (VERTEX, "POST", JOBS, {**JOB, "preferenceOptimizationSpec": SPEC}, 400, "oneof"),
    (
        *(VERTEX, "POST", JOBS),
        {"baseModel": BASE, "supervisedTuningSpec": {**SPEC, "hyperParameters": {"epochCount": "1000"}}},
        *(400, "epoch_count"),
    ),
    (VERTEX, "POST", JOBS, {**JOB, "mood": "good"}, 400, "mood"),
    (VERTEX, "GET", f"{JOBS}/1", None, 404, f"{JOBS}/1"),
    (VERTEX, "POST", f"{JOBS}/1:cancel", None, 404, f"{JOBS}/1"),
]


@pytest.mark.parametrize(("base", "verb", "path", "body", "code", "why"), REFUSED, ids=range(len(REFUSED)))
def test_refused(base: str, verb: str, path: str, body: Any, code: int, why: str) -> None:
    """What makes no sense, or is not there, is refused by name."""
    told = Api(base).fault(verb, path, body)
    assert code == told[0]
    assert why in told[2]


def test_name_taken() -> None:
    """Two models do not have one name."""
    api = Api()
    api.told("POST", "tunedModels?tunedModelId=mine", {"baseModel": "models/m"})
    assert "ALREADY_EXISTS" == api.fault("POST", "tunedModels?tunedModelId=mine", {"baseModel": "models/m"})[1]
