"""Source and destination of a batch on Vertex AI, as they are sent and received."""

from genai_fn.ops.request_parts import omit_if_empty
from genai_fn.schema import BatchJobDestination, BatchJobSource
from genai_fn.schema.base import Message, OpenMessage

__all__ = [
    "BatchInputConfig",
    "BatchOutputConfig",
    "decode_destination",
    "decode_source",
    "encode_destination",
    "encode_source",
]


class _GcsSource(Message):
    uris: tuple[str, ...] | None = None


class _BigquerySource(Message):
    input_uri: str | None = None


class BatchInputConfig(OpenMessage):
    """The source of a batch."""

    instances_format: str | None = None
    gcs_source: _GcsSource | None = None
    bigquery_source: _BigquerySource | None = None


def encode_source(src: BatchJobSource) -> BatchInputConfig:
    """Encode the source of a batch."""
    return BatchInputConfig(
        instances_format=src.format,
        gcs_source=omit_if_empty(_GcsSource(uris=src.gcs_uri)),
        bigquery_source=omit_if_empty(_BigquerySource(input_uri=src.bigquery_uri)),
        extra=src.extra,
    )


def decode_source(wire: BatchInputConfig) -> BatchJobSource:
    """Decode the source of a batch."""
    return BatchJobSource(
        format=wire.instances_format,
        gcs_uri=(wire.gcs_source or _GcsSource()).uris,
        bigquery_uri=(wire.bigquery_source or _BigquerySource()).input_uri,
        extra=wire.extra,
    )


class _GcsDestination(Message):
    output_uri_prefix: str | None = None


class _BigqueryDestination(Message):
    output_uri: str | None = None


class BatchOutputConfig(OpenMessage):
    """The destination of a batch."""

    predictions_format: str | None = None
    gcs_destination: _GcsDestination | None = None
    bigquery_destination: _BigqueryDestination | None = None


def encode_destination(dest: BatchJobDestination) -> BatchOutputConfig:
    """Encode the destination of a batch."""
    return BatchOutputConfig(
        predictions_format=dest.format,
        gcs_destination=omit_if_empty(_GcsDestination(output_uri_prefix=dest.gcs_uri)),
        bigquery_destination=omit_if_empty(_BigqueryDestination(output_uri=dest.bigquery_uri)),
        extra=dest.extra,
    )


def decode_destination(wire: BatchOutputConfig) -> BatchJobDestination:
    """Decode the destination of a batch."""
    return BatchJobDestination(
        format=wire.predictions_format,
        gcs_uri=(wire.gcs_destination or _GcsDestination()).output_uri_prefix,
        bigquery_uri=(wire.bigquery_destination or _BigqueryDestination()).output_uri,
        extra=wire.extra,
    )
