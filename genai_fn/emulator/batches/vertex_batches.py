"""Batches of Vertex AI. Their requests and responses are in Cloud Storage or BigQuery, and are not accessed."""

from collections.abc import Mapping
from typing import Any

from genai_fn import codec
from genai_fn.emulator import vertex_jobs
from genai_fn.emulator.server.faults import make_failed_precondition, make_invalid_argument
from genai_fn.emulator.server.operations import delete_project_resource
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema.base import Message
from genai_fn.schema.evaluation import GcsDestination
from genai_fn.schema.evaluation_results import BigQuerySource, GcsSource


class _DatasetSource(Message):
    dataset_name: str | None = None


class _InputConfig(Message):
    instances_format: str | None = None
    gcs_source: GcsSource = GcsSource()
    bigquery_source: BigQuerySource = BigQuerySource()
    vertex_multimodal_dataset_source: _DatasetSource = _DatasetSource()


class _BigqueryDestination(Message):
    output_uri: str | None = None


class _DatasetDestination(Message):
    bigquery_destination: _BigqueryDestination | None = None
    display_name: str | None = None


class _OutputConfig(Message):
    predictions_format: str | None = None
    gcs_destination: GcsDestination | None = None
    bigquery_destination: _BigqueryDestination | None = None
    vertex_multimodal_dataset_destination: _DatasetDestination | None = None


class _NewBatchJob(Message):
    display_name: str | None = None
    model: str | None = None
    input_config: _InputConfig = _InputConfig()
    output_config: _OutputConfig = _OutputConfig()
    model_parameters: Any = None
    labels: Mapping[str, str] | None = None


def _create_batch_job(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    new = parse_body(request, _NewBatchJob, "batch_prediction_job")
    _check_batch_job(new)
    state, name = state.assign_name(request.path_params["parent"])
    result_fields = {
        "outputInfo": _describe_output(new.output_config, name),
        "completionStats": {"successfulCount": "1"},  # its real number of requests is unknown
    }
    job = vertex_jobs.EmulatedJob(name, codec.to_builtins(new), result_fields, request.now, request.now)
    return vertex_jobs.store_job(state, job)


def _check_batch_job(new: _NewBatchJob) -> None:
    for field, value in (("display_name", new.display_name), ("model", new.model)):
        if not value:
            raise make_invalid_argument(f"* batch_prediction_job.{field}: is required")
    source, destination = new.input_config, new.output_config
    table, dataset = source.bigquery_source.input_uri, source.vertex_multimodal_dataset_source.dataset_name
    if not (source.gcs_source.uris or table or dataset):
        raise make_invalid_argument("* batch_prediction_job.input_config: a source is required")
    for uri in source.gcs_source.uris:
        if not uri.startswith("gs://"):
            raise make_invalid_argument(
                f"* batch_prediction_job.input_config.gcs_source.uris: {uri!r} must start with gs://"
            )
    places = (destination.gcs_destination, destination.bigquery_destination)
    if not any((*places, destination.vertex_multimodal_dataset_destination)):
        raise make_invalid_argument("* batch_prediction_job.output_config: a destination is required")


def _describe_output(destination: _OutputConfig, name: str) -> dict[str, str]:
    """Build the ``outputInfo`` of a job: the folder, dataset or table of its responses, one of them."""
    if destination.gcs_destination is not None:
        prefix = (destination.gcs_destination.output_uri_prefix or "").rstrip("/")
        return {"gcsOutputDirectory": f"{prefix}/prediction-model-{name.rpartition('/')[2]}"}
    if destination.vertex_multimodal_dataset_destination is not None:
        parent, _, job_id = name.partition("/batchPredictionJobs/")
        return {"vertexMultimodalDatasetName": f"{parent}/datasets/{job_id}"}
    table = destination.bigquery_destination and destination.bigquery_destination.output_uri
    return {"bigqueryOutputTable": table or ""}


def _delete_batch_job(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Delete a batch; one that has not ended is refused."""
    job = state.get_resource(request.resource_name, vertex_jobs.EmulatedJob)
    if not job.has_ended:
        raise make_failed_precondition(f"{job.name} has not ended yet: cancel it first.")
    return delete_project_resource(state, job.name)


ROUTES = (
    ("POST", "{parent=projects/*/locations/*/batchPredictionJobs}", _create_batch_job),
    ("GET", "{parent=projects/*/locations/*/batchPredictionJobs}", vertex_jobs.list_jobs),
    ("GET", "{name=projects/*/locations/*/batchPredictionJobs/*}", vertex_jobs.get_job),
    ("POST", "{name=projects/*/locations/*/batchPredictionJobs/*}:cancel", vertex_jobs.cancel_job),
    ("DELETE", "{name=projects/*/locations/*/batchPredictionJobs/*}", _delete_batch_job),
)
