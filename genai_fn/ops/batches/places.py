"""Source and destination of a batch on Vertex AI, as they are sent and received."""

from genai_fn.ops.request_parts import copy_fields, nest_extra, omit_if_empty, unnest_extra
from genai_fn.schema.base import OpenMessage
from genai_fn.schema.batches import BatchJobDestination, BatchJobSource, VertexMultimodalDatasetDestination

__all__ = [
    "BatchInputConfig",
    "BatchOutputConfig",
    "decode_destination",
    "decode_source",
    "encode_destination",
    "encode_source",
]


class _GcsSource(OpenMessage):
    uris: tuple[str, ...] | None = None


class _BigquerySource(OpenMessage):
    input_uri: str | None = None


class _DatasetSource(OpenMessage):
    dataset_name: str | None = None


class BatchInputConfig(OpenMessage):
    """The source of a batch."""

    instances_format: str | None = None
    gcs_source: _GcsSource | None = None
    bigquery_source: _BigquerySource | None = None
    vertex_multimodal_dataset_source: _DatasetSource | None = None


def encode_source(src: BatchJobSource) -> BatchInputConfig:
    """Encode the source of a batch."""
    wire = BatchInputConfig(
        instances_format=src.format,
        gcs_source=_GcsSource(uris=src.gcs_uri),
        bigquery_source=_BigquerySource(input_uri=src.bigquery_uri),
        vertex_multimodal_dataset_source=_DatasetSource(dataset_name=src.vertex_dataset_name),
    )
    return unnest_extra(wire, src.extra, *_SOURCES)


def decode_source(wire: BatchInputConfig) -> BatchJobSource:
    """Decode the source of a batch."""
    return BatchJobSource(
        format=wire.instances_format,
        gcs_uri=(wire.gcs_source or _GcsSource()).uris,
        bigquery_uri=(wire.bigquery_source or _BigquerySource()).input_uri,
        vertex_dataset_name=(wire.vertex_multimodal_dataset_source or _DatasetSource()).dataset_name,
        extra=nest_extra(wire, *_SOURCES),
    )


_SOURCES = ("gcs_source", "bigquery_source", "vertex_multimodal_dataset_source")


class _GcsDestination(OpenMessage):
    output_uri_prefix: str | None = None


class _BigqueryDestination(OpenMessage):
    output_uri: str | None = None


class _DatasetDestination(OpenMessage):
    bigquery_destination: _BigqueryDestination | None = None
    display_name: str | None = None


class BatchOutputConfig(OpenMessage):
    """The destination of a batch."""

    predictions_format: str | None = None
    gcs_destination: _GcsDestination | None = None
    bigquery_destination: _BigqueryDestination | None = None
    vertex_multimodal_dataset_destination: _DatasetDestination | None = None


def encode_destination(dest: BatchJobDestination) -> BatchOutputConfig:
    """Encode the destination of a batch."""
    wire = BatchOutputConfig(
        predictions_format=dest.format,
        gcs_destination=_GcsDestination(output_uri_prefix=dest.gcs_uri),
        bigquery_destination=_BigqueryDestination(output_uri=dest.bigquery_uri),
        vertex_multimodal_dataset_destination=_encode_dataset(dest.vertex_dataset),
    )
    return unnest_extra(wire, dest.extra, *_DESTINATIONS)


def decode_destination(wire: BatchOutputConfig) -> BatchJobDestination:
    """Decode the destination of a batch."""
    return BatchJobDestination(
        format=wire.predictions_format,
        gcs_uri=(wire.gcs_destination or _GcsDestination()).output_uri_prefix,
        bigquery_uri=(wire.bigquery_destination or _BigqueryDestination()).output_uri,
        vertex_dataset=_decode_dataset(wire.vertex_multimodal_dataset_destination),
        extra=nest_extra(wire, *_DESTINATIONS),
    )


_DESTINATIONS = ("gcs_destination", "bigquery_destination")


def _encode_dataset(dataset: VertexMultimodalDatasetDestination | None) -> _DatasetDestination | None:
    if dataset is None:
        return None
    table = omit_if_empty(_BigqueryDestination(output_uri=dataset.bigquery_destination))
    return copy_fields(_DatasetDestination, dataset, bigquery_destination=table)


def _decode_dataset(wire: _DatasetDestination | None) -> VertexMultimodalDatasetDestination | None:
    if wire is None:
        return None
    table = wire.bigquery_destination or _BigqueryDestination()
    return copy_fields(VertexMultimodalDatasetDestination, wire, bigquery_destination=table.output_uri)
