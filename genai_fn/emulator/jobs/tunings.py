"""Tunings of the Developer API: tuned models in the making, which are done at the second look."""

from datetime import datetime

from msgspec.structs import replace

from genai_fn.emulator.answers import NOTHING, told
from genai_fn.emulator.faults import invalid
from genai_fn.emulator.listing import listed
from genai_fn.emulator.naming import chosen
from genai_fn.emulator.operations import LOOKS, Operation
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
    if looks < LOOKS:
        return replace(model, tuning_task=task, update_time=now)
    return replace(model, state="ACTIVE", tuning_task=replace(task, complete_time=now), update_time=now)


_CREATING = "CREATING"


# Its making, which goes by the name of an operation


class _Making(Value):
    name: str
    model: str


class _Metadata(Message):
    tuned_model: str
    total_steps: int
    completed_steps: int
    completed_percent: float


def _operation(making: _Making, model: _TunedModel | None) -> Operation:
    """Say how far it has come; the model may have been deleted since."""
    steps = LOOKS if model is None else len(model.tuning_task.snapshots)
    done = model is None or model.state != _CREATING
    metadata = _Metadata(
        tuned_model=making.model,
        total_steps=LOOKS,
        completed_steps=steps,
        completed_percent=100 * steps / LOOKS,
    )
    return Operation(name=making.name, metadata=metadata, done=done or None, response=model if done else None)


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
    new = body_of(asked, _New, "tuned_model")
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
    return state, chosen(state, "tunedModels", f"tunedModels/{identity}")


# What is done with one


def _got(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    model = _moved(state.known(asked.names["name"], _TunedModel), asked.now)
    return state.putting(model.name, model), told(model)


def _looked(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Look how far the making of a model has come."""
    making = state.known(asked.names["name"], _Making)
    model = state.kept.get(making.model)
    if not isinstance(model, _TunedModel):
        return state, told(_operation(making, None))
    moved = _moved(model, asked.now)
    return state.putting(moved.name, moved), told(_operation(making, moved))


def _listed(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    return state, listed("tunedModels", state.under("tunedModels"), asked, size=10)


def _cancelled(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Stop the making of a model; one that is there stays."""
    model = state.known(asked.names["name"], _TunedModel)
    if model.state == _CREATING:
        state = state.putting(model.name, replace(model, state="FAILED", update_time=asked.now))
    return state, NOTHING


ROUTES = (
    ("POST", "tunedModels", _created),
    ("GET", "tunedModels", _listed),
    ("GET", "{name=tunedModels/*}", _got),
    ("POST", "{name=tunedModels/*}:cancel", _cancelled),
    ("GET", "{name=tunedModels/*/operations/*}", _looked),
)
"""A tuned model is changed and deleted as any model is: in ``models``."""
