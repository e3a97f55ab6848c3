"""What a model asks of functions, and what they answer."""

from collections.abc import Mapping
from typing import Any, Self

from genai_fn.schema.base import Message, OpenEnum, VertexOnly
from genai_fn.schema.mime_types import resolve_mime_type

__all__ = [
    "FunctionCall",
    "FunctionResponse",
    "FunctionResponseBlob",
    "FunctionResponseFileData",
    "FunctionResponsePart",
    "FunctionResponseScheduling",
    "PartialArg",
]


class FunctionResponseScheduling(OpenEnum):
    """When the model takes up a late answer of a function that did not hold it up."""

    SCHEDULING_UNSPECIFIED = "SCHEDULING_UNSPECIFIED"
    SILENT = "SILENT"
    """It only becomes part of the context."""
    WHEN_IDLE = "WHEN_IDLE"
    """It waits until the model has finished what it is at."""
    INTERRUPT = "INTERRUPT"
    """It breaks in on what the model is at."""


class PartialArg(Message):
    """A piece of a function's argument, where arguments are streamed."""

    null_value: str | None = None
    """``NULL_VALUE`` where the argument is null."""
    number_value: float | None = None
    string_value: str | None = None
    bool_value: bool | None = None
    json_path: str | None = None
    """Which argument, as an RFC 9535 path such as ``$.city.name``."""
    will_continue: bool | None = None
    """Whether more of the same argument follows."""


class FunctionCall(Message):
    """A call that the model would like made."""

    id: str | None = None
    """What the answer must repeat."""
    args: Mapping[str, Any] | None = None
    name: str | None = None
    partial_args: VertexOnly[tuple[PartialArg, ...] | None] = None
    will_continue: VertexOnly[bool | None] = None
    """Whether more arguments of the same call follow."""


class FunctionResponseBlob(Message):
    """Bytes in the answer of a function."""

    mime_type: str | None = None
    data: bytes | None = None
    display_name: str | None = None


class FunctionResponseFileData(Message):
    """A file in the answer of a function, by its address."""

    file_uri: str | None = None
    mime_type: str | None = None
    display_name: str | None = None


class FunctionResponsePart(Message):
    """One piece of media in the answer of a function."""

    inline_data: FunctionResponseBlob | None = None
    file_data: FunctionResponseFileData | None = None

    @classmethod
    def from_bytes(cls, *, data: bytes, mime_type: str) -> Self:
        """Make one of bytes."""
        return cls(inline_data=FunctionResponseBlob(data=data, mime_type=mime_type))

    @classmethod
    def from_uri(cls, *, file_uri: str, mime_type: str | None = None) -> Self:
        """Make one of a file's address, whose ending tells the MIME type unless it is given."""
        return cls(
            file_data=FunctionResponseFileData(file_uri=file_uri, mime_type=resolve_mime_type(file_uri, mime_type))
        )


class FunctionResponse(Message):
    """What a function answered."""

    will_continue: bool | None = None
    """Whether the function has more to say; only where it does not hold up the model."""
    scheduling: FunctionResponseScheduling | None = None
    """When the model takes it up; only where it does not hold up the model."""
    parts: tuple[FunctionResponsePart, ...] | None = None
    id: str | None = None
    """The `id` of the call that it answers."""
    name: str | None = None
    response: Mapping[str, Any] | None = None
    """The answer as JSON: under ``output`` if it went well, under ``error`` if not."""
