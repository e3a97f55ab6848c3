"""Contents: the turns of a conversation, and their parts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast

from genai_fn.errors import InvalidRequest
from genai_fn.schema.base import ConversionError, FreeFormMessage, GeminiOnly, Message, Opaque, OpenEnum, OpenMessage
from genai_fn.schema.convert import as_struct, as_value, convert
from genai_fn.schema.disk import read_file
from genai_fn.schema.files import File
from genai_fn.schema.functions import FunctionCall, FunctionResponse, FunctionResponsePart, ToolCall, ToolResponse
from genai_fn.schema.images import Image
from genai_fn.schema.media import (
    AudioMetadata,
    DocumentMetadata,
    MediaProcessing,
    PartMediaResolution,
    SpeechMetadata,
    SpreadsheetMetadata,
    VideoMetadata,
)
from genai_fn.schema.mime_types import resolve_mime_type
from genai_fn.schema.notebooks import build_markdown, build_media_bundle
from genai_fn.schema.pillow_images import encode_pillow_image, is_pillow_image
from genai_fn.schema.transcription import Transcription


class Outcome(OpenEnum):
    """Outcome of code that the model ran."""

    OUTCOME_UNSPECIFIED = "OUTCOME_UNSPECIFIED"
    OUTCOME_OK = "OUTCOME_OK"
    OUTCOME_FAILED = "OUTCOME_FAILED"
    OUTCOME_DEADLINE_EXCEEDED = "OUTCOME_DEADLINE_EXCEEDED"


class Language(OpenEnum):
    """Programming language."""

    LANGUAGE_UNSPECIFIED = "LANGUAGE_UNSPECIFIED"
    PYTHON = "PYTHON"


class CodeExecutionResult(OpenMessage):
    """Result of code that the model ran."""

    outcome: Outcome | None = None
    output: str | None = None
    """Standard output, or standard error if the code failed."""
    id: str | None = None
    """The `id` of the executable code."""


class ExecutableCode(OpenMessage):
    """Code that the model wrote and runs."""

    code: str | None = None
    language: Language | None = None
    id: str | None = None
    """Id of the code, which its result repeats."""


class FileData(OpenMessage):
    """A file, by its URI."""

    display_name: str | None = None
    file_uri: str | None = None
    """URI of the Files API, Cloud Storage (``gs://…``), YouTube or the web."""
    mime_type: str | None = None


class Blob(OpenMessage):
    """Bytes with their MIME type."""

    data: bytes | None = None
    display_name: str | None = None
    mime_type: str | None = None

    def as_image(self) -> Image | None:
        """Return the bytes as an `Image`, or None if they are not an image."""
        if self.mime_type is None or not self.mime_type.startswith("image/"):
            return None
        return Image(image_bytes=self.data, mime_type=self.mime_type)


class Part(FreeFormMessage):
    """Part of a content: a text, media, a function call, …"""

    free_form_fields = ("part_metadata",)

    media_resolution: PartMediaResolution | None = None
    code_execution_result: CodeExecutionResult | None = None
    executable_code: ExecutableCode | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    inline_data: Blob | None = None
    text: str | None = None
    thought: bool | None = None
    """Whether the part is a thought of the model."""
    thought_signature: Opaque | None = None
    """Signature of a thought, which must be sent back unchanged."""
    video_metadata: VideoMetadata | None = None
    tool_call: GeminiOnly[ToolCall | None] = None
    tool_response: GeminiOnly[ToolResponse | None] = None
    part_metadata: GeminiOnly[Mapping[str, Any] | None] = None
    """Your own metadata, any JSON."""
    audio_transcription: Transcription | None = None
    media_processing: MediaProcessing | None = None
    speech_metadata: SpeechMetadata | None = None
    document_metadata: DocumentMetadata | None = None
    spreadsheet_metadata: SpreadsheetMetadata | None = None
    audio_metadata: AudioMetadata | None = None

    def __post_init__(self) -> None:  # of its own, as every text is a part
        if self.part_metadata is not None:
            super().__post_init__()

    @classmethod
    def from_value(cls, value: "PartLike") -> "Part":
        """
        Build a part of anything that is accepted as one: a text, `File`, `Blob`, function call, image or mapping.

        Raises:
            InvalidRequest: If the value is not accepted.

        >>> Part.from_value("hello")
        Part(text='hello')
        """
        part: Part = as_value(cls, value, "part")
        return part

    @classmethod
    def from_text(cls, *, text: str) -> Self:
        """Build a part of a text."""
        return as_struct(cls, {"text": text}, "part")

    @classmethod
    def from_bytes(cls, *, data: bytes, mime_type: str, media_resolution: "MediaResolutionLike | None" = None) -> Self:
        """Build a part of bytes."""
        blob = {"data": data, "mime_type": mime_type}
        return as_struct(cls, {"inline_data": blob, "media_resolution": media_resolution}, "part")

    @classmethod
    def from_uri(
        cls, *, file_uri: str, mime_type: str | None = None, media_resolution: "MediaResolutionLike | None" = None
    ) -> Self:
        """Build a part of a URI. Without `mime_type`, the extension must determine it."""
        file = {"file_uri": file_uri, "mime_type": resolve_mime_type(file_uri, mime_type)}
        return as_struct(cls, {"file_data": file, "media_resolution": media_resolution}, "part")

    @classmethod
    def from_file(
        cls,
        *,
        location: "str | PurePath",
        mime_type: str | None = None,
        media_resolution: "MediaResolutionLike | None" = None,
    ) -> Self:
        """
        Read a part from a file, whose bytes are sent with the request; ``files.upload`` is for large files.

        Without `mime_type`, the extension must determine it.
        """
        name = str(location)
        found = resolve_mime_type(name, mime_type)
        return cls.from_bytes(data=read_file(name), mime_type=found, media_resolution=media_resolution)

    @classmethod
    def from_function_call(cls, *, name: str, args: Mapping[str, Any]) -> Self:
        """Build a part of a function call, as in the history of a model."""
        return as_struct(cls, {"function_call": {"name": name, "args": args}}, "part")

    @classmethod
    def from_function_response(
        cls, *, name: str, response: Mapping[str, Any], parts: Sequence[FunctionResponsePart] | None = None
    ) -> Self:
        """Build a part of the response to a function call."""
        fields = {"name": name, "response": response, "parts": parts}
        return as_struct(cls, {"function_response": fields}, "part")

    @classmethod
    def from_executable_code(cls, *, code: str, language: Language) -> Self:
        """Build a part of code, as in the history of a model."""
        return as_struct(cls, {"executable_code": {"code": code, "language": language}}, "part")

    @classmethod
    def from_code_execution_result(cls, *, outcome: Outcome, output: str) -> Self:
        """Build a part of the result of code."""
        return as_struct(cls, {"code_execution_result": {"outcome": outcome, "output": output}}, "part")

    def as_image(self) -> Image | None:
        """Return the inline data as an `Image`, or None if it is missing or not an image."""
        return None if self.inline_data is None else self.inline_data.as_image()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Mapping[str, str] | None:
        return show_parts((self,))

    @classmethod
    def _coerce(cls, value: Any) -> Any:
        return _coerce_part(value)


def show_parts(parts: Sequence[Part]) -> Mapping[str, str] | None:
    """Build the MIME bundle of parts for notebooks: texts without thoughts, and images; None if there are none."""
    pieces: list[Any] = []
    for part in parts:
        blob = part.inline_data
        bundle = None if blob is None or blob.data is None else build_media_bundle(blob.data, blob.mime_type)
        if len(parts) == 1 and bundle is not None:
            return bundle
        pieces += [each for each in (None if part.thought else part.text, bundle) if each]
    return build_markdown(pieces)


def _coerce_part(value: object) -> Any:
    if isinstance(value, str):
        return Part(text=value)
    if isinstance(value, Mapping):
        kind = next((_TYPE_BY_DISTINCTIVE_FIELD[name] for name in _TYPE_BY_DISTINCTIVE_FIELD if name in value), None)
        return NotImplemented if kind is None else _coerce_part(convert(kind, value))
    if isinstance(value, File):
        return Part(file_data=_build_file_data(value))
    if is_pillow_image(value):
        data, mime_type = encode_pillow_image(value)
        return Part(inline_data=Blob(data=data, mime_type=mime_type))
    name = _PART_FIELD_BY_TYPE.get(type(value))
    if name is None:
        hint = next((hint for attribute, hint in _PART_HINTS.items() if hasattr(type(value), attribute)), None)
        if hint is not None:
            raise ConversionError(value, hint)
        return NotImplemented
    fields: dict[str, Any] = {name: value}
    return Part(**fields)


_PART_HINTS = {
    "__fspath__": "a Part: Part.from_file(location=…) reads a file, and files.upload(…) uploads one",
    "automatic_function_calling_history": "a Part: response.text is one, and response.candidates[0].content is a turn",
    "bind": "a Part, which the result of a request contains: raise_for(run(request)), or request.bind(…)",
}
"""What to write in place of a value, by an attribute of its type: a path, a response, a request or its result."""

_PART_FIELD_BY_TYPE: dict[type, str] = {
    Blob: "inline_data",
    FileData: "file_data",
    FunctionCall: "function_call",
    FunctionResponse: "function_response",
    ToolCall: "tool_call",
    ToolResponse: "tool_response",
    ExecutableCode: "executable_code",
    CodeExecutionResult: "code_execution_result",
}


_TYPE_BY_DISTINCTIVE_FIELD: dict[str, type[Message]] = {
    "uri": File,
    "data": Blob,
    "file_uri": FileData,
    "fileUri": FileData,
}
"""Fields that distinguish a dict of another type from a dict of a `Part`."""


def _build_file_data(file: File) -> FileData:
    if not file.uri or not file.mime_type:
        raise ConversionError(file, "a File with a uri and a mime_type")
    return FileData(file_uri=file.uri, mime_type=file.mime_type)


class Content(OpenMessage):
    """A turn of a conversation: a role and parts."""

    parts: tuple[Part, ...] | None = None
    role: str | None = None
    """``user`` or ``model``."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Mapping[str, str] | None:
        return show_parts(self.parts or ())

    @classmethod
    def _coerce(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            if not value:
                raise ConversionError(cast("Any", value), "at least one part")
            return {"parts": cast("Sequence[Any]", value), "role": "user"}
        if isinstance(value, Mapping):
            fields = cast("Mapping[str, Any]", value)
            _reject_openai_message(fields)
            return NotImplemented if _PART_KEYS.isdisjoint(fields) else {"parts": (fields,), "role": "user"}
        part = value if isinstance(value, Part) else _coerce_part(value)
        return part if part is NotImplemented else cls(parts=(part,), role="user")


def _reject_openai_message(fields: Mapping[str, Any]) -> None:
    """Name what to write in place of a message of OpenAI's chat: ``{"role": …, "content": …}``."""
    if not {"role", "content"} <= fields.keys():
        return
    role: Any = fields["role"]
    if role in ("system", "developer"):
        raise ConversionError(role, "system_instruction in the config, or | with_system(…)", ".role")
    name = "model" if role == "assistant" else "user"
    expected = f'parts in place of content, as in {{"role": "{name}", "parts": […]}}'
    raise ConversionError(fields["content"], expected, ".content")


_PART_KEYS = {*Part.__struct_fields__, *Part.__struct_encode_fields__, *_TYPE_BY_DISTINCTIVE_FIELD}


def UserContent(parts: "PartLike | Sequence[PartLike]") -> Content:  # noqa: N802  # google-genai's name, a class there
    """Build a content with the role ``user``."""
    return _build_content("user", parts)


def ModelContent(parts: "PartLike | Sequence[PartLike]") -> Content:  # noqa: N802  # google-genai's name, a class there
    """Build a content with the role ``model``."""
    return _build_content("model", parts)


def _build_content(role: str, parts: Any) -> Content:
    values = cast("Sequence[PartLike]", parts if isinstance(parts, list | tuple) else (parts,))
    if not values:
        raise InvalidRequest("parts", values, "at least one part")
    return Content(parts=tuple(Part.from_value(each) for each in values), role=role)


if TYPE_CHECKING:
    from pathlib import PurePath

    from genai_fn.schema.foreign_values import GoogleGenaiValue
    from genai_fn.schema.images import PillowImage
    from genai_fn.schema.media import PartMediaResolutionLevel

    MediaResolutionLike: TypeAlias = PartMediaResolution | PartMediaResolutionLevel | Mapping[str, Any] | str
    PartLike: TypeAlias = (
        Part
        | File
        | Blob
        | FileData
        | FunctionCall
        | FunctionResponse
        | ToolCall
        | ToolResponse
        | ExecutableCode
        | CodeExecutionResult
        | PillowImage
        | GoogleGenaiValue
        | Mapping[str, Any]
        | str
    )
    """What is accepted as one `Part`."""
    ContentLike: TypeAlias = Content | PartLike | Sequence[PartLike]
    """What is accepted as one `Content`."""
else:
    PartLike = Part
    ContentLike = Content
