"""Calls of a model to functions and to tools of the service, and the responses."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from msgspec.structs import replace

from genai_fn.schema.base import Coerce, FreeFormMessage, GeminiOnly, OpenEnum, OpenMessage, VertexOnly
from genai_fn.schema.convert import as_value
from genai_fn.schema.media import (
    AudioMetadata,
    DocumentMetadata,
    MediaProcessing,
    PartMediaResolution,
    SpreadsheetMetadata,
    VideoMetadata,
)
from genai_fn.schema.mime_types import resolve_mime_type


class FunctionResponseScheduling(OpenEnum):
    """When the model processes the response of a non-blocking function."""

    SCHEDULING_UNSPECIFIED = "SCHEDULING_UNSPECIFIED"
    SILENT = "SILENT"
    """The response is only added to the context."""
    WHEN_IDLE = "WHEN_IDLE"
    """The response is processed once the model has finished its current output."""
    INTERRUPT = "INTERRUPT"
    """The response interrupts the current output of the model."""


class ToolType(OpenEnum):
    """A tool that the service runs."""

    TOOL_TYPE_UNSPECIFIED = "TOOL_TYPE_UNSPECIFIED"
    GOOGLE_SEARCH_WEB = "GOOGLE_SEARCH_WEB"
    GOOGLE_SEARCH_IMAGE = "GOOGLE_SEARCH_IMAGE"
    URL_CONTEXT = "URL_CONTEXT"
    GOOGLE_MAPS = "GOOGLE_MAPS"
    FILE_SEARCH = "FILE_SEARCH"
    MEDIA_PROCESSING = "MEDIA_PROCESSING"


class PartialArg(OpenMessage):
    """Part of an argument of a function call, if arguments are streamed."""

    null_value: str | None = None
    """``NULL_VALUE`` where the argument is null."""
    number_value: float | None = None
    string_value: str | None = None
    bool_value: bool | None = None
    json_path: str | None = None
    """Path of the argument (RFC 9535), such as ``$.city.name``."""
    will_continue: bool | None = None
    """Whether more of the same argument follows."""


class FunctionCall(FreeFormMessage):
    """A function call that the model requests."""

    free_form_fields = ("args",)

    id: str | None = None
    """Id of the call, which the response must repeat."""
    args: Mapping[str, Any] | None = None
    name: str | None = None
    partial_args: VertexOnly[tuple[PartialArg, ...] | None] = None
    will_continue: VertexOnly[bool | None] = None
    """Whether more arguments of the same call follow."""


class FunctionResponseBlob(OpenMessage):
    """Bytes in a function response."""

    mime_type: str | None = None
    data: bytes | None = None
    display_name: str | None = None


class FunctionResponseFileData(OpenMessage):
    """A file in a function response, by its URI."""

    file_uri: str | None = None
    mime_type: str | None = None
    display_name: str | None = None


class FunctionResponsePart(OpenMessage):
    """Media in a function response: bytes or a file."""

    inline_data: FunctionResponseBlob | None = None
    file_data: FunctionResponseFileData | None = None
    media_processing: GeminiOnly[MediaProcessing | None] = None
    media_resolution: PartMediaResolution | None = None
    video_metadata: VideoMetadata | None = None
    document_metadata: DocumentMetadata | None = None
    spreadsheet_metadata: SpreadsheetMetadata | None = None
    audio_metadata: AudioMetadata | None = None

    @classmethod
    def from_bytes(cls, *, data: bytes, mime_type: str) -> Self:
        """Build a part of bytes."""
        return cls(inline_data=FunctionResponseBlob(data=data, mime_type=mime_type))

    @classmethod
    def from_uri(cls, *, file_uri: str, mime_type: str | None = None) -> Self:
        """Build a part of a URI. Without `mime_type`, the extension must determine it."""
        return cls(
            file_data=FunctionResponseFileData(file_uri=file_uri, mime_type=resolve_mime_type(file_uri, mime_type))
        )


class FunctionResponse(FreeFormMessage):
    """The response to a function call."""

    free_form_fields = ("response",)

    will_continue: GeminiOnly[bool | None] = None
    """Whether more responses to the same call follow; for non-blocking functions only."""
    scheduling: FunctionResponseScheduling | None = None
    """When the model processes the response; for non-blocking functions only."""
    parts: tuple[FunctionResponsePart, ...] | None = None
    id: str | None = None
    """The `id` of the function call."""
    name: str | None = None
    response: Mapping[str, Any] | None = None
    """The response as JSON, by convention under ``output``, or under ``error`` for a failure."""

    @classmethod
    def from_mcp_response(cls, *, name: str, response: Any) -> Self:
        """
        Build the response for the result of a call to an MCP server. The package ``mcp`` is not needed.

        ``result`` is the list of the content blocks; of an error, ``error`` is the text. ``structuredContent`` is added
        unless a text repeats it. Images, sounds and binary resources become `parts`; in their place the block has a
        reference to the name of the part.

        Args:
            name: Name of the function.

            response: A ``CallToolResult`` of any version of ``mcp``, or a dict of its JSON.

        Raises:
            InvalidRequest: If it is neither, or its media are not base64.

        >>> result = {"content": [{"type": "text", "text": "rain"}]}
        >>> FunctionResponse.from_mcp_response(name="weather", response=result).response
        {'result': [{'type': 'text', 'text': 'rain'}]}
        """
        converted: Self = as_value(Annotated[cls, Coerce(_convert_mcp_result)], response, "response")
        return replace(converted, name=name)


def _convert_mcp_result(result: Any) -> Any:
    from genai_fn.schema.mcp_results import convert_tool_result  # noqa: PLC0415  # needed for MCP alone

    return convert_tool_result(result)


class ToolCall(FreeFormMessage):
    """A call to a tool that the service runs; it must be sent back with its response."""

    free_form_fields = ("args",)

    id: str | None = None
    """Id of the call, which the response repeats."""
    tool_type: ToolType | None = None
    args: Mapping[str, Any] | None = None


class ToolResponse(FreeFormMessage):
    """The response of a tool that the service has run; it must be sent back with its call."""

    free_form_fields = ("response",)

    id: str | None = None
    """The `id` of the tool call."""
    tool_type: ToolType | None = None
    response: Mapping[str, Any] | None = None
