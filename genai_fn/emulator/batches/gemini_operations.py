"""Batches of the Developer API as they are stored, and as operations whose metadata contains the batch."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import field

from genai_fn.emulator.server.operations import EmulatedOperation
from genai_fn.emulator.server.responses import Int64
from genai_fn.schema.base import Message
from genai_fn.values import Value

PENDING: Final = "BATCH_STATE_PENDING"
RUNNING: Final = "BATCH_STATE_RUNNING"
SUCCEEDED: Final = "BATCH_STATE_SUCCEEDED"
CANCELLED: Final = "BATCH_STATE_CANCELLED"


class EmulatedBatchItem(Value):
    """A request of a batch, as JSON, with the key or metadata that identifies its response."""

    request: bytes
    key: str | None = None
    metadata: Mapping[str, Any] | None = None


class EmulatedBatch(Value):
    """A batch with its state and its responses."""

    name: str
    kind: str
    """``GenerateContentBatch`` or ``EmbedContentBatch``."""
    model: str
    display_name: str | None
    items: tuple[EmulatedBatchItem, ...]
    is_from_file: bool
    create_time: datetime
    update_time: datetime
    state: str = PENDING
    end_time: datetime | None = None
    failed_count: int = 0
    output: "EmulatedBatchOutput | None" = None


class EmulatedBatchResponse(Message):
    """The response to one request of a batch, or its error. Only lines of files have a `key`."""

    key: str | None = None
    response: Any = None
    error: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None


class EmulatedBatchResponses(Message):
    """The responses of a batch, in the order of its requests."""

    inlined_responses: tuple[EmulatedBatchResponse, ...]


class EmulatedBatchOutput(Message):
    """The responses of a batch, or the name of the file that contains them."""

    responses_file: str | None = None
    inlined_responses: EmulatedBatchResponses | None = None


class _BatchStats(Message):
    request_count: int
    pending_request_count: int | None = None
    successful_request_count: int | None = None
    failed_request_count: int | None = None


class _BatchMetadata(Message):
    type: str = field(name="@type")
    name: str
    model: str
    state: str
    create_time: datetime
    update_time: datetime
    end_time: datetime | None = None
    display_name: str | None = None
    batch_stats: _BatchStats
    output: EmulatedBatchOutput | None = None


def build_operation(batch: EmulatedBatch) -> EmulatedOperation:
    """Return a batch as an operation."""
    count, has_output = Int64(len(batch.items)), batch.output is not None
    metadata = _BatchMetadata(
        type=f"type.googleapis.com/google.ai.generativelanguage.v1main.{batch.kind}",
        name=batch.name,
        model=batch.model,
        state=batch.state,
        create_time=batch.create_time,
        update_time=batch.update_time,
        end_time=batch.end_time,
        display_name=batch.display_name,
        batch_stats=_BatchStats(
            request_count=count,
            pending_request_count=None if has_output else count,
            successful_request_count=Int64(count - batch.failed_count) if has_output else None,
            failed_request_count=Int64(batch.failed_count) if has_output else None,
        ),
        output=batch.output,
    )
    was_cancelled = batch.state == CANCELLED
    return EmulatedOperation(
        name=batch.name,
        metadata=metadata,
        done=True if batch.end_time is not None else None,
        error={"code": 1, "message": f"{batch.name} was cancelled."} if was_cancelled else None,
        response=batch.output,
    )
