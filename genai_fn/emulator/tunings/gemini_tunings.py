"""Tunings of the Developer API: tuned models in the making, which are done at the second look."""

from datetime import datetime

from msgspec.structs import replace

from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.operations import POLLS_UNTIL_DONE, EmulatedOperation
from genai_fn.emulator.server.pagination import build_page_response
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.resource_ids import check_new_name
from genai_fn.emulator.server.responses import EMPTY_RESPONSE, build_json_response
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.http import HttpResponse
from genai_fn.schema import TuningExample
from genai_fn.schema.base import Message
from genai_fn.values import Value

__all__ = ["ROUTES"]


# A tuned model, as it is told and kept


class _Snapshot(Message):
    step: int
    epoch: int
    mean_loss: float
    compute_time: datetime


class _Hyperparameters(Message):
    epoch_count: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    learning_rate_multiplier: float | None = None


class _TuningTask(Message):
    start_time: datetime
    complete_time: datetime | None = None
    snapshots: tuple[_Snapshot, ...] = ()
    """One for each look."""
    hyperparameters: _Hyperparameters | None = None


class _TunedModel(Message):
    name: str
    base_model: str
    display_name: str | None = None
    description: str | None = None
    state: str
    create_time: datetime
    update_time: datetime
    tuning_task: _TuningTask
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None


def _advance_tuning(model: _TunedModel, now: datetime) -> _TunedModel:
    """Let the making of a model come a step further, of two."""
    if model.state != _CREATING_STATE:
        return model
    task, looks = model.tuning_task, len(model.tuning_task.snapshots) + 1
    seen = _Snapshot(step=looks, epoch=looks, mean_loss=1 / looks, compute_time=now)
    task = replace(task, snapshots=(*task.snapshots, seen))
    if looks < POLLS_UNTIL_DONE:
        return replace(model, tuning_task=task, update_time=now)
    return replace(model, state="ACTIVE", tuning_task=replace(task, complete_time=now), update_time=now)


_CREATING_STATE = "CREATING"


# Its making, which goes by the name of an operation


class _TuningOperation(Value):
    name: str
    model: str


class _TuningMetadata(Message):
    tuned_model: str
    total_steps: int
    completed_steps: int
    completed_percent: float


def _build_operation(making: _TuningOperation, model: _TunedModel | None) -> EmulatedOperation:
    """Say how far it has come; the model may have been deleted since."""
    steps = POLLS_UNTIL_DONE if model is None else len(model.tuning_task.snapshots)
    done = model is None or model.state != _CREATING_STATE
    metadata = _TuningMetadata(
        tuned_model=making.model,
        total_steps=POLLS_UNTIL_DONE,
        completed_steps=steps,
        completed_percent=100 * steps / POLLS_UNTIL_DONE,
    )
    return EmulatedOperation(name=making.name, metadata=metadata, done=done or None, response=model if done else None)


# How it begins


class _Examples(Message):
    examples: tuple[TuningExample, ...] = ()


class _TrainingData(Message):
    examples: _Examples = _Examples()


class _NewTuningTask(Message):
    hyperparameters: _Hyperparameters | None = None
    training_data: _TrainingData | None = None
    """Is not asked for: google-genai never sends it."""


class _NewTunedModel(Message):
    base_model: str | None = None
    display_name: str | None = None
    description: str | None = None
    tuning_task: _NewTuningTask = _NewTuningTask()
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None


def _create_tuned_model(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    new = parse_body(asked, _NewTunedModel, "tuned_model")
    if not new.base_model:
        raise make_invalid_argument("* CreateTunedModelRequest.tuned_model.base_model: base_model is required")
    given = new.tuning_task.hyperparameters
    if given is not None and None not in (given.learning_rate, given.learning_rate_multiplier):
        raise make_invalid_argument(
            "* tuning_task.hyperparameters: learning_rate goes without learning_rate_multiplier"
        )
    state, name = _choose_model_name(state, asked)
    state, operation = state.assign_name(f"{name}/operations")
    model = _TunedModel(
        name=name,
        base_model=new.base_model,
        display_name=new.display_name,
        description=new.description,
        state=_CREATING_STATE,
        create_time=asked.now,
        update_time=asked.now,
        tuning_task=_TuningTask(start_time=asked.now, hyperparameters=given),
        temperature=new.temperature,
        top_p=new.top_p,
        top_k=new.top_k,
    )
    making = _TuningOperation(operation, name)
    return state.with_resource(name, model).with_resource(operation, making), build_json_response(
        _build_operation(making, model)
    )


def _choose_model_name(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, str]:
    """Take the name that is asked for, or make one up."""
    identity = asked.query.get("tunedModelId")
    if identity is None:
        return state.assign_name("tunedModels")
    return state, check_new_name(state, "tunedModels", f"tunedModels/{identity}")


# What is done with one


def _get_tuned_model(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    model = _advance_tuning(state.get_resource(asked.path_params["name"], _TunedModel), asked.now)
    return state.with_resource(model.name, model), build_json_response(model)


def _poll_tuning(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    """Look how far the making of a model has come."""
    making = state.get_resource(asked.path_params["name"], _TuningOperation)
    model = state.resources.get(making.model)
    if not isinstance(model, _TunedModel):
        return state, build_json_response(_build_operation(making, None))
    moved = _advance_tuning(model, asked.now)
    return state.with_resource(moved.name, moved), build_json_response(_build_operation(making, moved))


def _list_tuned_models(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    return state, build_page_response("tunedModels", state.list_resources("tunedModels"), asked, default_size=10)


def _cancel_tuning(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    """Stop the making of a model; one that is there stays."""
    model = state.get_resource(asked.path_params["name"], _TunedModel)
    if model.state == _CREATING_STATE:
        state = state.with_resource(model.name, replace(model, state="FAILED", update_time=asked.now))
    return state, EMPTY_RESPONSE


ROUTES = (
    ("POST", "tunedModels", _create_tuned_model),
    ("GET", "tunedModels", _list_tuned_models),
    ("GET", "{name=tunedModels/*}", _get_tuned_model),
    ("POST", "{name=tunedModels/*}:cancel", _cancel_tuning),
    ("GET", "{name=tunedModels/*/operations/*}", _poll_tuning),
)
"""A tuned model is changed and deleted as any model is: in ``models``."""
