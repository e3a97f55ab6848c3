"""Conversion of values to contents and parts: as in google-genai, unless a test states a difference."""

import io
from typing import Any

import msgspec
import PIL.Image
import pytest
from google.genai import types

from genai_fn import generate, schema
from genai_fn.errors import InvalidRequest
from genai_fn.schema import (
    Blob,
    CodeExecutionResult,
    Content,
    ExecutableCode,
    File,
    FileData,
    FunctionCall,
    FunctionDeclaration,
    FunctionResponse,
    FunctionResponsePart,
    GenerateContentConfig,
    GoogleSearch,
    Image,
    ModelContent,
    Part,
    PartMediaResolution,
    SpeechConfig,
    Tool,
    ToolCall,
    ToolResponse,
    UserContent,
    Video,
)
from genai_fn.schema.convert import as_struct
from genai_fn.schema.mime_types import guess_mime_type

FILE = File(uri="https://files/x", mime_type="image/png", display_name="a cat")


def encode_value(value: Any) -> Any:
    """Encode a value of either library as JSON."""
    if isinstance(value, msgspec.Struct):
        return msgspec.json.decode(msgspec.json.encode(value))
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)


PART_BUILDERS: dict[str, Any] = {
    "text": lambda lib: lib.Part.from_text(text="a"),
    "bytes": lambda lib: lib.Part.from_bytes(data=b"x", mime_type="image/png"),
    "bytes, level": lambda lib: lib.Part.from_bytes(
        data=b"x", mime_type="image/png", media_resolution="MEDIA_RESOLUTION_LOW"
    ),
    "bytes, tokens": lambda lib: lib.Part.from_bytes(
        data=b"x", mime_type="image/png", media_resolution={"num_tokens": 64}
    ),
    "uri": lambda lib: lib.Part.from_uri(file_uri="gs://b/o", mime_type="image/png"),
    "uri, guessed type": lambda lib: lib.Part.from_uri(file_uri="gs://b/o.webp"),
    "uri, level": lambda lib: lib.Part.from_uri(
        file_uri="gs://b/o.mp4", media_resolution=lib.PartMediaResolutionLevel.MEDIA_RESOLUTION_HIGH
    ),
    "call": lambda lib: lib.Part.from_function_call(name="f", args={"a": [1, None]}),
    "response": lambda lib: lib.Part.from_function_response(name="f", response={"output": 1}),
    "response, parts": lambda lib: lib.Part.from_function_response(
        name="f",
        response={},
        parts=[
            lib.FunctionResponsePart.from_bytes(data=b"x", mime_type="image/png"),
            lib.FunctionResponsePart.from_uri(file_uri="gs://b/o.pdf"),
            lib.FunctionResponsePart.from_uri(file_uri="gs://b/o", mime_type="a/b"),
        ],
    ),
    "code": lambda lib: lib.Part.from_executable_code(code="1", language=lib.Language.PYTHON),
    "result": lambda lib: lib.Part.from_code_execution_result(outcome=lib.Outcome.OUTCOME_OK, output="1"),
    "user": lambda lib: lib.UserContent("a"),
    "user, several": lambda lib: lib.UserContent(["a", lib.Part.from_text(text="b"), {"text": "c"}]),
    "user, file": lambda lib: lib.UserContent(lib.File(uri="https://files/x", mime_type="a/b", display_name="x")),
    "model": lambda lib: lib.ModelContent(lib.Part.from_text(text="b")),
    "image": lambda lib: lib.Part.from_bytes(data=b"x", mime_type="image/png").as_image(),
    "image of a blob": lambda lib: lib.Blob(data=b"x", mime_type="image/png").as_image(),
}


@pytest.mark.parametrize("make", PART_BUILDERS.values(), ids=PART_BUILDERS)
def test_factory_methods(make: Any) -> None:
    """The factory methods of google-genai exist with the same names and arguments."""
    assert encode_value(make(schema)) == encode_value(make(types))


NO_IMAGES: dict[str, Any] = {
    "text": lambda lib: lib.Part.from_text(text="a").as_image(),
    "sound": lambda lib: lib.Part.from_bytes(data=b"x", mime_type="audio/wav").as_image(),
    "blob": lambda lib: lib.Blob(data=b"x").as_image(),
}


@pytest.mark.parametrize("make", NO_IMAGES.values(), ids=NO_IMAGES)
def test_no_image(make: Any) -> None:
    """`as_image` returns None for a part without an image."""
    assert [make(schema), make(types)] == [None, None]


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("a", Part(text="a")),
        ("", Part(text="")),
        (Part(text="a"), Part(text="a")),
        ({"text": "a"}, Part(text="a")),
        ({"inlineData": {"mimeType": "a/b", "data": b"x"}}, Part(inline_data=Blob(data=b"x", mime_type="a/b"))),
        (Blob(data=b"x"), Part(inline_data=Blob(data=b"x"))),
        (FILE, Part(file_data=FileData(file_uri="https://files/x", mime_type="image/png"))),
        (FileData(file_uri="x"), Part(file_data=FileData(file_uri="x"))),
        (FunctionCall(name="f"), Part(function_call=FunctionCall(name="f"))),
        (FunctionResponse(name="f"), Part(function_response=FunctionResponse(name="f"))),
        (ToolCall(id="1"), Part(tool_call=ToolCall(id="1"))),
        (ToolResponse(id="1"), Part(tool_response=ToolResponse(id="1"))),
        (ExecutableCode(code="1"), Part(executable_code=ExecutableCode(code="1"))),
        (CodeExecutionResult(output="1"), Part(code_execution_result=CodeExecutionResult(output="1"))),
    ],
)
def test_part_of(value: Any, part: Part) -> None:
    """Values that are accepted as a part are also accepted as a turn of the user."""
    assert Part.from_value(value) == part
    assert as_struct(GenerateContentConfig, {"system_instruction": [value]}).system_instruction == Content(
        parts=(part,), role="user"
    )


def test_content_of_one() -> None:
    """A text becomes a turn of the user; a Content is unchanged."""
    turn = Content(parts=(Part(text="a"),))
    assert as_struct(Content, "a") == Content(parts=(Part(text="a"),), role="user")
    assert as_struct(Content, FILE) == as_struct(Content, [FILE])
    assert as_struct(Content, turn) == turn


@pytest.mark.parametrize("value", [5, None, File(uri="x"), File(mime_type="a/b"), {"texts": "a"}])
def test_no_part(value: Any) -> None:
    """A value that is not accepted as a part raises InvalidRequest."""
    with pytest.raises(InvalidRequest):
        Part.from_value(value)


def test_no_parts() -> None:
    """A turn without parts is refused."""
    with pytest.raises(InvalidRequest):
        UserContent([])
    with pytest.raises(InvalidRequest):
        ModelContent([])


def test_no_mime_type() -> None:
    """A file with an unknown extension needs a MIME type."""
    with pytest.raises(InvalidRequest):
        Part.from_uri(file_uri="gs://b/o.of_no_kind")
    with pytest.raises(InvalidRequest):
        FunctionResponsePart.from_uri(file_uri="gs://b/o")
    with pytest.raises(InvalidRequest, match="got None"):
        Part.from_uri(file_uri=None)  # type: ignore[arg-type]  # the mistake under test


def test_signed_url() -> None:
    """The error about a missing MIME type does not contain the query of a URL, which may be a signature."""
    with pytest.raises(InvalidRequest, match=r"https://example\.com/o'") as raised:
        Part.from_uri(file_uri="https://example.com/o?sig=test-signature")
    assert "test-signature" not in repr(raised.value)


@pytest.mark.parametrize(
    ("name", "mime_type"),
    [
        ("a.png", "image/png"),
        ("A.PNG", "image/png"),
        ("gs://bucket/a.b/c.mp3", "audio/mpeg"),
        ("https://example.com/a.pdf?x=1.png#y", "application/pdf"),
        ("gs://bucket.png/a", None),
        ("a", None),
        ("", None),
        ("png", None),
        ("https://example.com/png", None),
        ("https://[/a.png", "image/png"),
        ("https://example.png", None),
        (".png", "image/png"),
    ],
)
def test_mime_types(name: str, mime_type: str | None) -> None:
    """Only the extension determines the MIME type."""
    assert guess_mime_type(name) == mime_type


@pytest.mark.parametrize(
    "ending", ["png", "jpg", "webp", "heic", "gif", "mp4", "mov", "wav", "mp3", "pdf", "csv", "html"]
)
def test_mime_types_of_theirs(ending: str) -> None:
    """Common extensions have the MIME types of google-genai."""
    theirs = types.Part.from_uri(file_uri=f"gs://b/o.{ending}").file_data
    assert theirs is not None
    assert guess_mime_type(f"gs://b/o.{ending}") == theirs.mime_type


def build_picture(mode: str = "RGB") -> PIL.Image.Image:
    return PIL.Image.new(mode, (3, 2))


def open_picture(form: str) -> tuple[PIL.Image.Image, bytes]:
    buffer = io.BytesIO()
    build_picture().save(buffer, format=form)
    return PIL.Image.open(io.BytesIO(buffer.getvalue())), buffer.getvalue()


def read_picture(part: Part) -> PIL.Image.Image:
    assert part.inline_data is not None
    assert part.inline_data.data is not None
    return PIL.Image.open(io.BytesIO(part.inline_data.data))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "CMYK", "YCbCr", "F"])
def test_pillow(mode: str) -> None:
    """An image of any mode is a PNG."""
    picture = build_picture(mode)
    part = Part.from_value(picture)
    assert part.inline_data is not None
    assert (part.inline_data.mime_type, read_picture(part).format, read_picture(part).size) == (
        "image/png",
        "PNG",
        (3, 2),
    )
    assert picture.mode == mode


def test_damaged_picture() -> None:
    """An image that is closed, or whose file is truncated, is refused with its place."""
    _, data = open_picture("BMP")
    truncated = PIL.Image.open(io.BytesIO(data[:-8]))
    closed = build_picture()
    closed.close()
    for picture in (truncated, closed):
        with pytest.raises(InvalidRequest, match=r"contents\[1\]: expected an image"):
            generate("m", ["look", picture])
        with pytest.raises(InvalidRequest, match="image: expected an image"):
            Image.from_pillow(image=picture)


def test_unmodified_jpeg() -> None:
    """An unmodified JPEG keeps its bytes, and can be encoded repeatedly."""
    picture, data = open_picture("JPEG")
    assert [Part.from_value(picture), Part.from_value(picture)] == [
        Part(inline_data=Blob(data=data, mime_type="image/jpeg"))
    ] * 2
    assert picture.convert("RGB").getpixel((0, 0)) == (0, 0, 0)


def test_modified_jpeg() -> None:
    """A modified JPEG is encoded with its changes."""
    picture, _ = open_picture("JPEG")
    picture.putpixel((0, 0), (255, 255, 255))
    assert read_picture(Part.from_value(picture)).getpixel((0, 0)) == (255, 255, 255)


def test_opened_png() -> None:
    """Any other file becomes a PNG."""
    picture, _ = open_picture("GIF")
    assert read_picture(Part.from_value(picture)).format == "PNG"


def test_speech() -> None:
    """The name of a voice is accepted as a speech config, as in google-genai."""
    ours = as_struct(GenerateContentConfig, {"speech_config": "Kore"}).speech_config
    assert isinstance(ours, SpeechConfig)
    assert encode_value(ours) == {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}


_NOT_TOOLS = ("function_declarations", "mcp_servers", "extra")
_TOOL_TYPES = {
    "code_execution": schema.ToolCodeExecution,
    "exa_ai_search": schema.ToolExaAiSearch,
    "parallel_ai_search": schema.ToolParallelAiSearch,
}


@pytest.mark.parametrize("field", [name for name in Tool.__struct_fields__ if name not in _NOT_TOOLS])
def test_tools(field: str) -> None:
    """The fields of a tool are accepted in its place."""
    kind = _TOOL_TYPES[field] if field in _TOOL_TYPES else getattr(schema, to_class_name(field))
    tool_field = kind()
    assert as_struct(GenerateContentConfig, {"tools": [tool_field]}).tools == (Tool(**{field: tool_field}),)


def to_class_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def test_mcp_servers() -> None:
    """An MCP server is accepted as a tool."""
    server = schema.McpServer(name="a")
    assert as_struct(GenerateContentConfig, {"tools": [server]}).tools == (Tool(mcp_servers=(server,)),)


def test_declarations() -> None:
    """A function declaration is accepted as a tool."""
    declaration = FunctionDeclaration(name="f")
    config = as_struct(GenerateContentConfig, {"tools": [declaration, GoogleSearch(), {"url_context": {}}]})
    assert config.tools == (
        Tool(function_declarations=(declaration,)),
        Tool(google_search=GoogleSearch()),
        Tool(url_context=schema.UrlContext()),
    )


def test_resolution() -> None:
    """A level is accepted as a media resolution."""
    part = as_struct(Part, {"text": "a", "media_resolution": "MEDIA_RESOLUTION_LOW"})
    assert part.media_resolution == PartMediaResolution(level=schema.PartMediaResolutionLevel.MEDIA_RESOLUTION_LOW)


def test_modalities() -> None:
    """Modalities are texts: known ones become enum members, others are kept."""
    config = as_struct(GenerateContentConfig, {"response_modalities": [schema.Modality.IMAGE, "text"]})
    assert config.response_modalities == ("IMAGE", "text")
    assert msgspec.json.encode(config) == b'{"responseModalities":["IMAGE","text"]}'


@pytest.mark.parametrize(
    ("kind", "field", "argument"), [(Image, "image_bytes", "location"), (Video, "video_bytes", "path")]
)
def test_files(kind: Any, field: str, argument: str, tmp_path: Any) -> None:
    """Images and videos are read from files and saved to files; the extension determines the MIME type."""
    (tmp_path / "in.png").write_bytes(b"x")
    read = kind.from_file(location=str(tmp_path / "in.png"))
    assert read == kind.from_file(location=tmp_path / "in.png")
    read.save(**{argument: str(tmp_path / "out")})
    assert read == kind(**{field: b"x"}, mime_type="image/png")
    assert (tmp_path / "out").read_bytes() == b"x"
    assert kind.from_file(location=str(tmp_path / "out")) == kind(**{field: b"x"})
    assert kind.from_file(location=str(tmp_path / "out"), mime_type="a/b").mime_type == "a/b"


@pytest.mark.parametrize("value", [Image(image_bytes=b"new"), Video(video_bytes=b"new")])
def test_saved_in_place(value: Any, tmp_path: Any) -> None:
    """`save` writes into an existing file: its permissions and links are kept."""
    path, link = tmp_path / "x", tmp_path / "link"
    path.write_bytes(b"older")
    path.chmod(0o600)
    link.symlink_to("x")
    value.save(str(link))
    assert (path.read_bytes(), path.stat().st_mode & 0o777, link.is_symlink()) == (b"new", 0o600, True)


@pytest.mark.parametrize("value", [Image(gcs_uri="gs://b/o"), Video(uri="gs://b/o")])
def test_nothing_to_save(value: Any) -> None:
    """An image or video without bytes cannot be saved."""
    with pytest.raises(InvalidRequest):
        value.save("nowhere")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Image.from_bytes(data=b"x", mime_type="image/png"), Image(image_bytes=b"x", mime_type="image/png")),
        (Image.from_uri(file_uri="gs://b/o.png"), Image(gcs_uri="gs://b/o.png", mime_type="image/png")),
        (Image.from_uri(file_uri="gs://b/o", mime_type="a/b"), Image(gcs_uri="gs://b/o", mime_type="a/b")),
        (Video.from_bytes(data=b"x", mime_type="video/mp4"), Video(video_bytes=b"x", mime_type="video/mp4")),
        (Video.from_uri(file_uri="gs://b/o.mp4"), Video(uri="gs://b/o.mp4", mime_type="video/mp4")),
        (Video.from_uri(file_uri="files/x", mime_type="a/b"), Video(uri="files/x", mime_type="a/b")),
    ],
)
def test_images_and_videos(value: Any, expected: Any) -> None:
    """Images and videos have the factory methods of parts for bytes and URIs."""
    assert value == expected


@pytest.mark.parametrize("kind", [Image, Video])
def test_unknown_extension(kind: Any) -> None:
    """A URI with an unknown extension needs a MIME type."""
    with pytest.raises(InvalidRequest):
        kind.from_uri(file_uri="gs://b/o")


def test_image_from_pillow() -> None:
    """`Image.from_pillow` gives the same bytes as a part of the Pillow image."""
    part = Part.from_value(build_picture())
    assert Image.from_pillow(image=build_picture()) == part.as_image()
    with pytest.raises(InvalidRequest):
        Image.from_pillow(image=b"x")  # type: ignore[arg-type]  # the mistake is the test


def test_given_function_parts() -> None:
    """Arguments of function calls and responses are converted immediately."""
    with pytest.raises(InvalidRequest) as raised:
        Part.from_function_call(name="f", args={"a": object()})
    assert raised.value.path == "part.function_call.args.a"
    media: Any = [{"inline_data": {"data": b"x", "mime_type": "image/png"}}]
    part = Part.from_function_response(name="f", response={}, parts=media)
    assert part.function_response is not None
    assert part.function_response.parts == (schema.FunctionResponsePart.from_bytes(data=b"x", mime_type="image/png"),)


@pytest.mark.parametrize(
    ("make", "given", "path"),
    [
        (Part.from_text, {"text": 5}, "part.text"),
        (Part.from_bytes, {"data": 5, "mime_type": "a/b"}, "part.inline_data.data"),
        (Part.from_uri, {"file_uri": "gs://b/o", "mime_type": 5}, "part.file_data.mime_type"),
        (Part.from_executable_code, {"code": 5, "language": "PYTHON"}, "part.executable_code.code"),
        (Part.from_code_execution_result, {"outcome": 5, "output": ""}, "part.code_execution_result.outcome"),
    ],
)
def test_wrong_parts(make: Any, given: Any, path: str) -> None:
    """Factory methods of parts refuse invalid values."""
    with pytest.raises(InvalidRequest) as raised:
        make(**given)
    assert raised.value.path == path


def test_texts_for_enum_members() -> None:
    """Factory methods of parts accept the text of an enum member."""
    part = Part.from_executable_code(code="1", language="python")  # type: ignore[arg-type]  # as dicts are typed
    assert part.executable_code is not None
    assert part.executable_code.language is schema.Language.PYTHON
