"""Batches as they are kept, and as the Developer API tells of them: operations, with the batch in their metadata."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import field

from genai_fn.emulator.server.operations import EmulatedOperation
from genai_fn.emulator.server.responses import Int64
from genai_fn.schema.base import Message
from genai_fn.values import Value

__all__ = [
    "CANCELLED",
    "PENDING",
    "RUNNING",
    "SUCCEEDED",
    "EmulatedBatch",
    "EmulatedBatchItem",
    "EmulatedBatchOutput",
    "EmulatedBatchResponse",
    "EmulatedBatchResponses",
    "build_operation",
]


PENDING: Final = "BATCH_STATE_PENDING"
RUNNING: Final = "BATCH_STATE_RUNNING"
SUCCEEDED: Final = "BATCH_STATE_SUCCEEDED"
CANCELLED: Final = "BATCH_STATE_CANCELLED"


# What is kept


class EmulatedBatchItem(Value):
    """A request of a batch, as JSON, and what tells its answer from others."""

    request: bytes
    key: str | None = None
    metadata: Mapping[str, Any] | None = None


class EmulatedBatch(Value):
    """A batch, and how far it has come."""

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


# What is told


class EmulatedBatchResponse(Message):
    """An answer of a batch, or why there is none; `key` stands on the lines of files alone."""

    key: str | None = None
    response: Any = None
    error: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None


class EmulatedBatchResponses(Message):
    """The answers of a batch, in the order of its requests."""

    inlined_responses: tuple[EmulatedBatchResponse, ...]


class EmulatedBatchOutput(Message):
    """The answers of a batch, or the file that they are in."""

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
    """Tell how far a batch has come."""
    count, has_answers = Int64(len(batch.items)), batch.output is not None
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
            pending_request_count=None if has_answers else count,
            successful_request_count=Int64(count - batch.failed_count) if has_answers else None,
            failed_request_count=Int64(batch.failed_count) if has_answers else None,
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
