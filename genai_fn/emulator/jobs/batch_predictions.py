"""Batches of Vertex AI: their requests and answers lie elsewhere, and are taken for what they are said to be."""

from collections.abc import Mapping
from typing import Any

from genai_fn import codec
from genai_fn.emulator.faults import invalid, unfit
from genai_fn.emulator.jobs import vertex_jobs
from genai_fn.emulator.operations import deleted
from genai_fn.emulator.reading import Asked, body_of
from genai_fn.emulator.state import State
from genai_fn.http import HttpResponse
from genai_fn.schema._base import Message

__all__ = ["ROUTES"]


class _GcsSource(Message):
    uris: tuple[str, ...] = ()


class _BigquerySource(Message):
    input_uri: str | None = None


class _Input(Message):
    instances_format: str | None = None
    gcs_source: _GcsSource | None = None
    bigquery_source: _BigquerySource | None = None


class _GcsDestination(Message):
    output_uri_prefix: str | None = None


class _BigqueryDestination(Message):
    output_uri: str | None = None


class _Output(Message):
    predictions_format: str | None = None
    gcs_destination: _GcsDestination | None = None
    bigquery_destination: _BigqueryDestination | None = None


class _New(Message):
    display_name: str | None = None
    model: str | None = None
    input_config: _Input = _Input()
    output_config: _Output = _Output()
    model_parameters: Any = None
    labels: Mapping[str, str] | None = None


def _created(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    new = body_of(asked, _New, "batch_prediction_job")
    _check(new)
    state, name = state.named(asked.names["parent"])
    outcome = {"outputInfo": _written_to(new.output_config, name), "completionStats": {"successfulCount": "1"}}
    return vertex_jobs.begun(state, asked, name, codec.to_builtins(new), outcome)


def _check(new: _New) -> None:
    for field, given in (("display_name", new.display_name), ("model", new.model)):
        if not given:
            raise invalid(f"* batch_prediction_job.{field}: is required")
    source, to = new.input_config, new.output_config
    uris = () if source.gcs_source is None else source.gcs_source.uris
    if not uris and not (source.bigquery_source and source.bigquery_source.input_uri):
        raise invalid("* batch_prediction_job.input_config: gcs_source.uris or bigquery_source.input_uri is required")
    for uri in uris:
        if not uri.startswith("gs://"):
            raise invalid(f"* batch_prediction_job.input_config.gcs_source.uris: {uri!r} is no gs://…")
    if to.gcs_destination is None and to.bigquery_destination is None:
        raise invalid("* batch_prediction_job.output_config: gcs_destination or bigquery_destination is required")


def _written_to(to: _Output, name: str) -> dict[str, str]:
    """Say where the answers are."""
    if to.gcs_destination is not None:
        prefix = (to.gcs_destination.output_uri_prefix or "").rstrip("/")
        return {"gcsOutputDirectory": f"{prefix}/prediction-model-{name.rpartition('/')[2]}"}
    table = to.bigquery_destination and to.bigquery_destination.output_uri
    return {"bigqueryOutputTable": table or ""}


def _deleted(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Delete a batch that has ended."""
    name = asked.names["name"]
    if not vertex_jobs.known(state, asked).has_ended:
        raise unfit(f"{name} has not ended yet: cancel it first.")
    return deleted(state, name)


ROUTES = (
    ("POST", "{parent=projects/*/locations/*/batchPredictionJobs}", _created),
    ("GET", "{parent=projects/*/locations/*/batchPredictionJobs}", vertex_jobs.listed),
    ("GET", "{name=projects/*/locations/*/batchPredictionJobs/*}", vertex_jobs.got),
    ("POST", "{name=projects/*/locations/*/batchPredictionJobs/*}:cancel", vertex_jobs.cancelled),
    ("DELETE", "{name=projects/*/locations/*/batchPredictionJobs/*}", _deleted),
)
