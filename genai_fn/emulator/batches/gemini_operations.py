"""Batches of the Developer API as they are stored, and as operations whose metadata contains the batch."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import field
from msgspec.structs import replace

from genai_fn.emulator.server.operations import EmulatedOperation
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


class EmulatedBatchResponse(Message):
    """The response to one request of a batch, or its error. Only lines of files have a `key`."""

    key: str | None = None
    response: Any = None
    error: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None


class EmulatedBatchStats(Message):
    """How many requests a batch has: all pending, or successful and failed ones."""

    request_count: int
    pending_request_count: int | None = None
    successful_request_count: int | None = None
    failed_request_count: int | None = None


class EmulatedBatch(Message):
    """A batch as the API returns it, in the metadata of an operation."""

    type: str = field(name="@type")
    name: str
    model: str
    state: str
    create_time: datetime
    update_time: datetime
    end_time: datetime | None = None
    display_name: str | None = None
    batch_stats: EmulatedBatchStats
    output: Mapping[str, Any] | None = None
    """The responses, or the name of the file that contains them."""


class StoredBatch(Value):
    """A batch and its requests."""

    resource: EmulatedBatch
    kind: str
    """``GenerateContentBatch`` or ``EmbedContentBatch``."""
    items: tuple[EmulatedBatchItem, ...]
    is_from_file: bool

    def update(self, now: datetime, **changes: Any) -> "StoredBatch":
        """Return the batch with changes of its resource."""
        return replace(self, resource=replace(self.resource, update_time=now, **changes))

    def to_operation(self) -> EmulatedOperation:
        """Return the batch as an operation."""
        batch = self.resource
        was_cancelled = batch.state == CANCELLED
        return EmulatedOperation(
            name=batch.name,
            metadata=batch,
            done=True if batch.end_time is not None else None,
            error={"code": 1, "message": f"{batch.name} was cancelled."} if was_cancelled else None,
            response=batch.output,
        )
