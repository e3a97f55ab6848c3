"""Tunings of the Developer API: a tuned model is active after two polls."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from genai_fn.emulator.server.faults import make_invalid_argument
from genai_fn.emulator.server.operations import POLLS_UNTIL_DONE, EmulatedOperation
from genai_fn.emulator.server.pagination import build_page_response
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.resource_ids import choose_name
from genai_fn.emulator.server.responses import EMPTY_RESPONSE, build_json_response
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema.base import Message
from genai_fn.schema.tunings import TuningExample
from genai_fn.values import Value


class _Hyperparameters(Message):
    epoch_count: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    learning_rate_multiplier: float | None = None


class _TuningTask(Message):
    start_time: datetime
    complete_time: datetime | None = None
    snapshots: tuple[Mapping[str, Any], ...] = ()
    """One snapshot for each poll."""
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
    """Count one poll of a model that is being created."""
    if model.state != _CREATING_STATE:
        return model
    task, polls = model.tuning_task, len(model.tuning_task.snapshots) + 1
    snapshot = {"step": polls, "epoch": polls, "meanLoss": 1 / polls, "computeTime": now}
    task = replace(task, snapshots=(*task.snapshots, snapshot))
    if polls < POLLS_UNTIL_DONE:
        return replace(model, tuning_task=task, update_time=now)
    return replace(model, state="ACTIVE", tuning_task=replace(task, complete_time=now), update_time=now)


_CREATING_STATE = "CREATING"


class _TuningOperation(Value):
    name: str
    model: str


def _build_operation(operation: _TuningOperation, model: _TunedModel | None) -> EmulatedOperation:
    """Return the operation of a tuning. It is done if its model was deleted."""
    steps = POLLS_UNTIL_DONE if model is None else len(model.tuning_task.snapshots)
    done = model is None or model.state != _CREATING_STATE
    metadata = {
        "tunedModel": operation.model,
        "totalSteps": POLLS_UNTIL_DONE,
        "completedSteps": steps,
        "completedPercent": 100 * steps / POLLS_UNTIL_DONE,
    }
    return EmulatedOperation(
        name=operation.name, metadata=metadata, done=done or None, response=model if done else None
    )


class _Examples(Message):
    examples: tuple[TuningExample, ...] = ()


class _TrainingData(Message):
    examples: _Examples = _Examples()


class _NewTuningTask(Message):
    hyperparameters: _Hyperparameters | None = None
    training_data: _TrainingData | None = None
    """Accepted but not required: google-genai never sends it."""


class _NewTunedModel(Message):
    base_model: str | None = None
    display_name: str | None = None
    description: str | None = None
    tuning_task: _NewTuningTask = _NewTuningTask()
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None


def _create_tuned_model(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    new = parse_body(request, _NewTunedModel, "tuned_model")
    if not new.base_model:
        raise make_invalid_argument("* CreateTunedModelRequest.tuned_model.base_model: base_model is required")
    rates = new.tuning_task.hyperparameters
    if rates is not None and None not in (rates.learning_rate, rates.learning_rate_multiplier):
        raise make_invalid_argument(
            "* tuning_task.hyperparameters: learning_rate and learning_rate_multiplier are mutually exclusive"
        )
    model_id = request.query.get("tunedModelId")
    state, name = choose_name(state, "tunedModels", None if model_id is None else f"tunedModels/{model_id}")
    state, operation_name = state.assign_name(f"{name}/operations")
    model = _TunedModel(
        name=name,
        base_model=new.base_model,
        display_name=new.display_name,
        description=new.description,
        state=_CREATING_STATE,
        create_time=request.now,
        update_time=request.now,
        tuning_task=_TuningTask(start_time=request.now, hyperparameters=new.tuning_task.hyperparameters),
        temperature=new.temperature,
        top_p=new.top_p,
        top_k=new.top_k,
    )
    operation = _TuningOperation(operation_name, name)
    state = state.with_resource(name, model).with_resource(operation_name, operation)
    return state, build_json_response(_build_operation(operation, model))


def _get_tuned_model(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    model = _advance_tuning(state.get_resource(request.resource_name, _TunedModel), request.now)
    return state.with_resource(model.name, model), build_json_response(model)


def _poll_tuning(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Return the operation of a tuning, after counting one poll of its model."""
    operation = state.get_resource(request.resource_name, _TuningOperation)
    model = state.resources.get(operation.model)
    if not isinstance(model, _TunedModel):
        return state, build_json_response(_build_operation(operation, None))
    advanced = _advance_tuning(model, request.now)
    return state.with_resource(advanced.name, advanced), build_json_response(_build_operation(operation, advanced))


def _list_tuned_models(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    return state, build_page_response("tunedModels", state.list_resources("tunedModels"), request, default_size=10)


def _cancel_tuning(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Cancel a tuning. A model that is active does not change."""
    model = state.get_resource(request.resource_name, _TunedModel)
    if model.state == _CREATING_STATE:
        state = state.with_resource(model.name, replace(model, state="FAILED", update_time=request.now))
    return state, EMPTY_RESPONSE


ROUTES = (
    ("POST", "tunedModels", _create_tuned_model),
    ("GET", "tunedModels", _list_tuned_models),
    ("GET", "{name=tunedModels/*}", _get_tuned_model),
    ("POST", "{name=tunedModels/*}:cancel", _cancel_tuning),
    ("GET", "{name=tunedModels/*/operations/*}", _poll_tuning),
)
"""Updates and deletions of tuned models are handled in `genai_fn.emulator.models`."""
