"""Tunings: tuned models in the making on the Developer API, jobs on Vertex AI; either are done at the second look."""

import re
from datetime import datetime

from msgspec.structs import replace

from genai_fn.emulator import tuning_jobs
from genai_fn.emulator.answers import NOTHING, told
from genai_fn.emulator.faults import existing, invalid, missing
from genai_fn.emulator.listing import paged
from genai_fn.emulator.reading import Asked, body_of
from genai_fn.emulator.state import State
from genai_fn.http import HttpResponse
from genai_fn.schema import TuningExample
from genai_fn.schema._base import Message, Value

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


class _Task(Message):
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
    tuning_task: _Task
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None


def _moved(model: _TunedModel, now: datetime) -> _TunedModel:
    """Let the making of a model come a step further, of two."""
    if model.state != _CREATING:
        return model
    task, looks = model.tuning_task, len(model.tuning_task.snapshots) + 1
    seen = _Snapshot(step=looks, epoch=looks, mean_loss=1 / looks, compute_time=now)
    task = replace(task, snapshots=(*task.snapshots, seen))
    if looks < _LOOKS:
        return replace(model, tuning_task=task, update_time=now)
    return replace(model, state="ACTIVE", tuning_task=replace(task, complete_time=now), update_time=now)


_CREATING = "CREATING"
_LOOKS = 2


# Its making, which goes by the name of an operation


class _Making(Value):
    name: str
    model: str


class _Metadata(Message):
    tuned_model: str
    total_steps: int
    completed_steps: int
    completed_percent: float


class _Operation(Message):
    name: str
    metadata: _Metadata
    done: bool | None = None
    response: _TunedModel | None = None


def _operation(making: _Making, model: _TunedModel | None) -> _Operation:
    """Say how far it has come; the model may have been deleted since."""
    steps = _LOOKS if model is None else len(model.tuning_task.snapshots)
    done = model is None or model.state != _CREATING
    metadata = _Metadata(
        tuned_model=making.model,
        total_steps=_LOOKS,
        completed_steps=steps,
        completed_percent=100 * steps / _LOOKS,
    )
    return _Operation(name=making.name, metadata=metadata, done=done or None, response=model if done else None)


# How it begins


class _Examples(Message):
    examples: tuple[TuningExample, ...] = ()


class _TrainingData(Message):
    examples: _Examples = _Examples()


class _NewTask(Message):
    hyperparameters: _Hyperparameters | None = None
    training_data: _TrainingData | None = None
    """Is not asked for: google-genai never sends it."""


class _New(Message):
    base_model: str | None = None
    display_name: str | None = None
    description: str | None = None
    tuning_task: _NewTask = _NewTask()
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None


def _created(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    new = body_of(asked, _New)
    if not new.base_model:
        raise invalid("* CreateTunedModelRequest.tuned_model.base_model: base_model is required")
    given = new.tuning_task.hyperparameters
    if given is not None and None not in (given.learning_rate, given.learning_rate_multiplier):
        raise invalid("* tuning_task.hyperparameters: learning_rate goes without learning_rate_multiplier")
    state, name = _named(state, asked)
    state, operation = state.named(f"{name}/operations")
    model = _TunedModel(
        name=name,
        base_model=new.base_model,
        display_name=new.display_name,
        description=new.description,
        state=_CREATING,
        create_time=asked.now,
        update_time=asked.now,
        tuning_task=_Task(start_time=asked.now, hyperparameters=given),
        temperature=new.temperature,
        top_p=new.top_p,
        top_k=new.top_k,
    )
    making = _Making(operation, name)
    return state.putting(name, model).putting(operation, making), told(_operation(making, model))


def _named(state: State, asked: Asked) -> tuple[State, str]:
    """Take the name that is asked for, or make one up."""
    identity = asked.query.get("tunedModelId")
    if identity is None:
        return state.named("tunedModels")
    if not _NAME.fullmatch(identity):
        raise invalid(f"* tuned_model_id: {identity!r} is not up to 40 of a-z, 0-9 and -, which is not at an end")
    if f"tunedModels/{identity}" in state.kept:
        raise existing(f"tunedModels/{identity}")
    return state, f"tunedModels/{identity}"


_NAME = re.compile("[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")

# What is done with one


def _got(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    model = _moved(_known(state, asked), asked.now)
    return state.putting(model.name, model), told(model)


def _looked(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Look how far the making of a model has come."""
    making = state.kept.get(asked.names["name"])
    if not isinstance(making, _Making):
        raise missing(asked.names["name"])
    model = state.kept.get(making.model)
    if not isinstance(model, _TunedModel):
        return state, told(_operation(making, None))
    moved = _moved(model, asked.now)
    return state.putting(moved.name, moved), told(_operation(making, moved))


class _TunedModels(Message):
    tuned_models: tuple[_TunedModel, ...]
    next_page_token: str | None = None


def _listed(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    page, token = paged(state.under("tunedModels"), asked, size=10)
    return state, told(_TunedModels(tuned_models=page, next_page_token=token))


def _cancelled(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Stop the making of a model; one that is there stays."""
    model = _known(state, asked)
    if model.state == _CREATING:
        state = state.putting(model.name, replace(model, state="FAILED", update_time=asked.now))
    return state, NOTHING


def _known(state: State, asked: Asked) -> _TunedModel:
    model = state.kept.get(asked.names["name"])
    if not isinstance(model, _TunedModel):
        raise missing(asked.names["name"])
    return model


ROUTES = (
    ("POST", "tunedModels", _created),
    ("GET", "tunedModels", _listed),
    ("GET", "{name=tunedModels/*}", _got),
    ("POST", "{name=tunedModels/*}:cancel", _cancelled),
    ("GET", "{name=tunedModels/*/operations/*}", _looked),
    *tuning_jobs.ROUTES,
)
"""A tuned model is changed and deleted as any model is: in ``models``."""
