"""Source and destination of a batch on Vertex AI, as they are sent and received."""

from genai_fn.ops.request_parts import nest_extra, omit_if_empty, take_extra
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
    extra = dict(src.extra or {})
    gcs = _GcsSource(uris=src.gcs_uri, extra=take_extra(extra, "gcsSource"))
    table = _BigquerySource(input_uri=src.bigquery_uri, extra=take_extra(extra, "bigquerySource"))
    dataset = _DatasetSource(
        dataset_name=src.vertex_dataset_name, extra=take_extra(extra, "vertexMultimodalDatasetSource")
    )
    return BatchInputConfig(
        instances_format=src.format,
        gcs_source=omit_if_empty(gcs),
        bigquery_source=omit_if_empty(table),
        vertex_multimodal_dataset_source=omit_if_empty(dataset),
        extra=extra or None,
    )


def decode_source(wire: BatchInputConfig) -> BatchJobSource:
    """Decode the source of a batch."""
    return BatchJobSource(
        format=wire.instances_format,
        gcs_uri=(wire.gcs_source or _GcsSource()).uris,
        bigquery_uri=(wire.bigquery_source or _BigquerySource()).input_uri,
        vertex_dataset_name=(wire.vertex_multimodal_dataset_source or _DatasetSource()).dataset_name,
        extra=nest_extra(wire, "gcs_source", "bigquery_source", "vertex_multimodal_dataset_source"),
    )


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
    extra = dict(dest.extra or {})
    gcs = _GcsDestination(output_uri_prefix=dest.gcs_uri, extra=take_extra(extra, "gcsDestination"))
    table = _BigqueryDestination(output_uri=dest.bigquery_uri, extra=take_extra(extra, "bigqueryDestination"))
    return BatchOutputConfig(
        predictions_format=dest.format,
        gcs_destination=omit_if_empty(gcs),
        bigquery_destination=omit_if_empty(table),
        vertex_multimodal_dataset_destination=_encode_dataset(dest.vertex_dataset),
        extra=extra or None,
    )


def decode_destination(wire: BatchOutputConfig) -> BatchJobDestination:
    """Decode the destination of a batch."""
    return BatchJobDestination(
        format=wire.predictions_format,
        gcs_uri=(wire.gcs_destination or _GcsDestination()).output_uri_prefix,
        bigquery_uri=(wire.bigquery_destination or _BigqueryDestination()).output_uri,
        vertex_dataset=_decode_dataset(wire.vertex_multimodal_dataset_destination),
        extra=nest_extra(wire, "gcs_destination", "bigquery_destination"),
    )


def _encode_dataset(dataset: VertexMultimodalDatasetDestination | None) -> _DatasetDestination | None:
    if dataset is None:
        return None
    table = omit_if_empty(_BigqueryDestination(output_uri=dataset.bigquery_destination))
    return _DatasetDestination(bigquery_destination=table, display_name=dataset.display_name, extra=dataset.extra)


def _decode_dataset(wire: _DatasetDestination | None) -> VertexMultimodalDatasetDestination | None:
    if wire is None:
        return None
    table = wire.bigquery_destination or _BigqueryDestination()
    return VertexMultimodalDatasetDestination(
        bigquery_destination=table.output_uri, display_name=wire.display_name, extra=wire.extra
    )
