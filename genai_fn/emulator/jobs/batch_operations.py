"""Batches as they are kept, and as the Developer API tells of them: operations, with the batch in their metadata."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import field

from genai_fn.emulator.answers import Int64
from genai_fn.emulator.operations import Operation
from genai_fn.schema._base import Message, Value

__all__ = [
    "CANCELLED",
    "PENDING",
    "RUNNING",
    "SUCCEEDED",
    "Answer",
    "Answers",
    "Batch",
    "Item",
    "Output",
    "operation",
]


PENDING: Final = "BATCH_STATE_PENDING"
RUNNING: Final = "BATCH_STATE_RUNNING"
SUCCEEDED: Final = "BATCH_STATE_SUCCEEDED"
CANCELLED: Final = "BATCH_STATE_CANCELLED"


# What is kept


class Item(Value):
    """A request of a batch, as JSON, and what tells its answer from others."""

    request: bytes
    key: str | None = None
    metadata: Mapping[str, Any] | None = None


class Batch(Value):
    """A batch, and how far it has come."""

    name: str
    kind: str
    """``GenerateContentBatch`` or ``EmbedContentBatch``."""
    model: str
    display_name: str | None
    items: tuple[Item, ...]
    in_file: bool
    create_time: datetime
    update_time: datetime
    state: str = PENDING
    end_time: datetime | None = None
    failed: int = 0
    output: "Output | None" = None


# What is told


class Answer(Message):
    """An answer of a batch, or why there is none; `key` stands on the lines of files alone."""

    key: str | None = None
    response: Any = None
    error: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None


class Answers(Message):
    """The answers of a batch, in the order of its requests."""

    inlined_responses: tuple[Answer, ...]


class Output(Message):
    """The answers of a batch, or the file that they are in."""

    responses_file: str | None = None
    inlined_responses: Answers | None = None


class _Counts(Message):
    request_count: int
    pending_request_count: int | None = None
    successful_request_count: int | None = None
    failed_request_count: int | None = None


class _Metadata(Message):
    type: str = field(name="@type")
    name: str
    model: str
    state: str
    create_time: datetime
    update_time: datetime
    end_time: datetime | None = None
    display_name: str | None = None
    batch_stats: _Counts
    output: Output | None = None


def operation(batch: Batch) -> Operation:
    """Tell how far a batch has come."""
    count, has_answers = Int64(len(batch.items)), batch.output is not None
    metadata = _Metadata(
        type=f"type.googleapis.com/google.ai.generativelanguage.v1main.{batch.kind}",
        name=batch.name,
        model=batch.model,
        state=batch.state,
        create_time=batch.create_time,
        update_time=batch.update_time,
        end_time=batch.end_time,
        display_name=batch.display_name,
        batch_stats=_Counts(
            request_count=count,
            pending_request_count=None if has_answers else count,
            successful_request_count=Int64(count - batch.failed) if has_answers else None,
            failed_request_count=Int64(batch.failed) if has_answers else None,
        ),
        output=batch.output,
    )
    was_cancelled = batch.state == CANCELLED
    return Operation(
        name=batch.name,
        metadata=metadata,
        done=True if batch.end_time is not None else None,
        error={"code": 1, "message": f"{batch.name} was cancelled."} if was_cancelled else None,
        response=batch.output,
    )
