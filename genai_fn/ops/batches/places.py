"""Where a batch on Vertex AI reads and writes, on the wire: each place in a message of its own, out and in."""

from genai_fn.ops.request_parts import omit_if_empty
from genai_fn.schema import BatchJobDestination, BatchJobSource
from genai_fn.schema.base import Message

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


class BatchInputConfig(Message):
    """Where the requests are."""

    instances_format: str | None = None
    gcs_source: _GcsSource | None = None
    bigquery_source: _BigquerySource | None = None


def encode_source(src: BatchJobSource) -> BatchInputConfig:
    """Write where the requests are."""
    return BatchInputConfig(
        instances_format=src.format,
        gcs_source=omit_if_empty(_GcsSource(uris=src.gcs_uri)),
        bigquery_source=omit_if_empty(_BigquerySource(input_uri=src.bigquery_uri)),
    )


def decode_source(said: BatchInputConfig) -> BatchJobSource:
    """Read where the requests are."""
    return BatchJobSource(
        format=said.instances_format,
        gcs_uri=(said.gcs_source or _GcsSource()).uris,
        bigquery_uri=(said.bigquery_source or _BigquerySource()).input_uri,
    )


class _GcsDestination(Message):
    output_uri_prefix: str | None = None


class _BigqueryDestination(Message):
    output_uri: str | None = None


class BatchOutputConfig(Message):
    """Where the answers go."""

    predictions_format: str | None = None
    gcs_destination: _GcsDestination | None = None
    bigquery_destination: _BigqueryDestination | None = None


def encode_destination(dest: BatchJobDestination) -> BatchOutputConfig:
    """Write where the answers go."""
    return BatchOutputConfig(
        predictions_format=dest.format,
        gcs_destination=omit_if_empty(_GcsDestination(output_uri_prefix=dest.gcs_uri)),
        bigquery_destination=omit_if_empty(_BigqueryDestination(output_uri=dest.bigquery_uri)),
    )


def decode_destination(said: BatchOutputConfig) -> BatchJobDestination:
    """Read where the answers go."""
    return BatchJobDestination(
        format=said.predictions_format,
        gcs_uri=(said.gcs_destination or _GcsDestination()).output_uri_prefix,
        bigquery_uri=(said.bigquery_destination or _BigqueryDestination()).output_uri,
    )
