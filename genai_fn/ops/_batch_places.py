"""Where a batch on Vertex AI reads and writes, on the wire: each place in a message of its own, out and in."""

from genai_fn.ops._parts import nothing_is_none
from genai_fn.schema import BatchJobDestination, BatchJobSource
from genai_fn.schema._base import Message

__all__ = ["Input", "Output", "destination_in", "destination_out", "source_in", "source_out"]


class _GcsSource(Message):
    uris: tuple[str, ...] | None = None


class _BigquerySource(Message):
    input_uri: str | None = None


class Input(Message):
    """Where the requests are."""

    instances_format: str | None = None
    gcs_source: _GcsSource | None = None
    bigquery_source: _BigquerySource | None = None


def source_out(src: BatchJobSource) -> Input:
    """Write where the requests are."""
    return Input(
        instances_format=src.format,
        gcs_source=nothing_is_none(_GcsSource(uris=src.gcs_uri)),
        bigquery_source=nothing_is_none(_BigquerySource(input_uri=src.bigquery_uri)),
    )


def source_in(said: Input) -> BatchJobSource:
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


class Output(Message):
    """Where the answers go."""

    predictions_format: str | None = None
    gcs_destination: _GcsDestination | None = None
    bigquery_destination: _BigqueryDestination | None = None


def destination_out(dest: BatchJobDestination) -> Output:
    """Write where the answers go."""
    return Output(
        predictions_format=dest.format,
        gcs_destination=nothing_is_none(_GcsDestination(output_uri_prefix=dest.gcs_uri)),
        bigquery_destination=nothing_is_none(_BigqueryDestination(output_uri=dest.bigquery_uri)),
    )


def destination_in(said: Output) -> BatchJobDestination:
    """Read where the answers go."""
    return BatchJobDestination(
        format=said.predictions_format,
        gcs_uri=(said.gcs_destination or _GcsDestination()).output_uri_prefix,
        bigquery_uri=(said.bigquery_destination or _BigqueryDestination()).output_uri,
    )
