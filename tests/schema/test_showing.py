"""Images and videos in notebooks and windows, and as Pillow images."""

import base64
import io
import sys
from types import ModuleType
from typing import Any

import PIL.Image
import pytest

from genai_fn import InvalidRequest, MissingExtra
from genai_fn.schema import Blob, Content, FunctionCall, GenerateContentResponse, Image, ModelContent, Part, Video
from genai_fn.schema.responses import Candidate


def build_picture(kind: str) -> bytes:
    written = io.BytesIO()
    PIL.Image.new("RGB", (4, 3), "red").save(written, format=kind)
    return written.getvalue()


def find_repr(value: Any) -> Any:
    return value._repr_mimebundle_(include=None, exclude=None)


@pytest.fixture
def notebook_output(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Pretend that the program runs in a notebook; what it displays."""
    shown: list[Any] = []
    display = ModuleType("IPython.display")
    monkeypatch.setattr(display, "display", shown.append, raising=False)
    for name, module in (("ipykernel", ModuleType("ipykernel")), ("IPython", ModuleType("IPython"))):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return shown


@pytest.fixture
def pillow_windows(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The images that Pillow opens in a window."""
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    shown: list[Any] = []

    def show(image: Any) -> None:  # a method of a list would not be bound to the image
        shown.append(image)

    monkeypatch.setattr(PIL.Image.Image, "show", show)
    return shown


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
@pytest.mark.parametrize("mime_type", [None, "image/png", "text/html"])
def test_image_repr(kind: str, mime_type: str | None) -> None:
    """A notebook shows an image with the type of its bytes, whatever the server states."""
    data = build_picture(kind)
    expected = {f"image/{kind.lower()}": base64.b64encode(data).decode()}
    assert find_repr(Image(image_bytes=data, mime_type=mime_type)) == expected


@pytest.mark.parametrize(
    "image",
    [
        Image(gcs_uri="gs://b/o.png", mime_type="image/png"),
        Image(image_bytes=b"<svg/>", mime_type="image/svg+xml"),
        Image(image_bytes=build_picture("BMP"), mime_type="image/bmp"),
        Image(image_bytes=b""),
        Video(uri="files/a"),
    ],
)
def test_no_repr(image: Any) -> None:
    """A notebook shows the text of an image without bytes, or of a type that no browser or not every one shows."""
    assert find_repr(image) is None


@pytest.mark.parametrize(
    ("mime_type", "shown"),
    [
        (None, "video/mp4"),
        ("video/webm", "video/webm"),
        ('video/mp4"><script>', "video/mp4"),
        ("video/\u017f", "video/mp4"),
        ("text/html", "video/mp4"),
    ],
)
def test_video_repr(mime_type: str | None, shown: str) -> None:
    """A notebook shows a video as HTML, of which the server writes nothing."""
    html = f'<video controls src="data:{shown};base64,ZmlsbQ=="></video>'
    assert find_repr(Video(video_bytes=b"film", mime_type=mime_type)) == {"text/html": html}


@pytest.mark.parametrize("value", [Image(image_bytes=build_picture("PNG")), Video(video_bytes=b"film")])
def test_show_in_notebook(notebook_output: list[Any], value: Any) -> None:
    """In a notebook, `show` displays the value itself, whose repr contains the bytes."""
    value.show()
    assert notebook_output == [value]


def test_show_in_window(pillow_windows: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere, Pillow opens an image, also if a notebook is loaded without IPython; a video is not shown."""
    Image(image_bytes=build_picture("PNG")).show()
    Video(video_bytes=b"film").show()
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    Image(image_bytes=build_picture("BMP")).show()
    assert [each.size for each in pillow_windows] == [(4, 3), (4, 3)]


def test_without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a display and programs that show images, nothing happens."""
    monkeypatch.setattr("PIL.ImageShow._viewers", [])
    Image(image_bytes=build_picture("PNG")).show()


def test_as_pillow() -> None:
    """An image is a Pillow image, and that is the same image again."""
    image = Image(image_bytes=build_picture("JPEG"), mime_type="image/jpeg")
    assert image.as_pillow().size == (4, 3)
    assert Image.from_pillow(image=image.as_pillow()) == image


@pytest.mark.parametrize("data", [b"", b"x", build_picture("PNG")[:20]])
def test_no_image(data: bytes) -> None:
    """Bytes that are no image are refused."""
    with pytest.raises(InvalidRequest, match="Pillow"):
        Image(image_bytes=data).as_pillow()


def test_cut_image(pillow_windows: list[Any]) -> None:
    """An image whose pixels are cut is refused before it is shown."""
    with pytest.raises(InvalidRequest, match="Pillow"):
        Image(image_bytes=build_picture("BMP")[:-8]).show()
    assert pillow_windows == []


def test_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that would take too much memory is refused."""
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 1)
    with pytest.raises(InvalidRequest, match="Pillow"):
        Image(image_bytes=build_picture("PNG")).as_pillow()


@pytest.mark.parametrize("value", [Image(gcs_uri="gs://b/o.png"), Video(uri="files/a")])
def test_without_bytes(value: Any) -> None:
    """A value without bytes cannot be shown, in a notebook or elsewhere."""
    with pytest.raises(InvalidRequest, match="bytes"):
        value.show()


def test_without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Pillow, the error states what to install."""
    monkeypatch.setitem(sys.modules, "PIL", None)
    for use in (Image(image_bytes=b"x").show, Image(image_bytes=b"x").as_pillow):
        with pytest.raises(MissingExtra, match="pip install pillow"):
            use()


# Texts


PNG = build_picture("PNG")
PNG_URI = f"![](data:image/png;base64,{base64.b64encode(PNG).decode()})"
PICTURE = Part.from_bytes(data=PNG, mime_type="image/png")
THOUGHT = Part(text="hmm", thought=True)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([Part(text="# Sky")], "# Sky"),
        ([THOUGHT, Part(text="a"), Part(text="b")], "a\n\nb"),
        ([Part(text="look:"), PICTURE], f"look:\n\n{PNG_URI}"),
        ([Part(text="say:"), Part.from_bytes(data=b"x", mime_type="audio/wav")], "say:"),
        ([Part(text="look:"), Part.from_bytes(data=b"x", mime_type="video/mp4")], "look:"),
    ],
    ids=["text", "thought", "image", "audio", "video"],
)
def test_markdown(parts: list[Part], expected: str) -> None:
    """A notebook shows a response or a turn as Markdown: its texts without thoughts, and its images."""
    turn = ModelContent(parts)
    for value in (turn, GenerateContentResponse(candidates=(Candidate(content=turn),))):
        assert find_repr(value) == {"text/markdown": expected}


def test_single_media() -> None:
    """A part, turn or response that is one image or video is shown as such; a `Part` of a text as Markdown."""
    film = Part.from_bytes(data=b"film", mime_type="video/webm")
    for value in (PICTURE, Content(parts=(PICTURE,))):
        assert find_repr(value) == find_repr(Image(image_bytes=PNG))
    assert find_repr(film) == find_repr(Video(video_bytes=b"film", mime_type="video/webm"))
    assert find_repr(Part(text="*a*")) == {"text/markdown": "*a*"}


@pytest.mark.parametrize(
    "value",
    [
        Part(),
        THOUGHT,
        Part(function_call=FunctionCall(name="f")),
        Part(inline_data=Blob(mime_type="image/png")),
        Content(),
        GenerateContentResponse(),
    ],
    ids=repr,
)
def test_nothing_to_show(value: Any) -> None:
    """A value without text and media has no other representation than its repr."""
    assert find_repr(value) is None


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("![x](https://example.com/?q=secret)", "[x](https://example.com/?q=secret)"),
        ("a ![x][1]\n\n[1]: https://example.com", "a [x][1]\n\n[1]: https://example.com"),
        ("<img src='https://example.com'>", "&lt;img src='https://example.com'>"),
        ("`![x](u)` and `<b>`", "`![x](u)` and `<b>`"),
        ("```rust\n#![no_std] <T>\n```\n![x](u)", "```rust\n#![no_std] <T>\n```\n[x](u)"),
        ("\\`![x](u)\\`", "\\`[x](u)\\`"),
        ("`\n\n![x](u)\n\n`", "`\n\n[x](u)\n\n`"),
        ("a ```\n\n![x](u)\n\n```", "a ```\n\n[x](u)\n\n```"),
        ("``` `\n![x](u)\n```", "``` `\n[x](u)\n```"),
        ("``![x](u)`", "``[x](u)`"),
        ("1 < 2", "1 &lt; 2"),
        ("!!![x](u)", "[x](u)"),
        ("~~~\n```\n~~~\n![x](u)\n```", "~~~\n```\n~~~\n[x](u)\n```"),
        ("````\n```\n````\n![x](u)\n```", "````\n```\n````\n[x](u)\n```"),
        ("```\n ```\n![x](u)\n```", "```\n ```\n[x](u)\n```"),
        ("- ```\n  ```\n![x](u)\n```", "- ```\n  ```\n[x](u)\n```"),
        ("`a\nb` ![x](u) `c`", "`a\nb` [x](u) `c`"),
        ("`a\r\r![x](u)`", "`a\r\r[x](u)`"),
        ("\\\\`a` ![x](u) `b`", "\\\\`a` [x](u) `b`"),
        ("|a|b|\n|-|-|\n| `a | ![x](u) ` |", "|a|b|\n|-|-|\n| `a | [x](u) ` |"),
        ("| `![x]` | `<b>` |", "| `![x]` | `<b>` |"),
    ],
)
def test_loads_nothing(written: str, shown: str) -> None:
    """Markdown of the model loads nothing from the network: images become links, and HTML becomes text; code stays."""
    assert find_repr(Part(text=written)) == {"text/markdown": shown}


def test_code_across_parts() -> None:
    """A fence that one part leaves open is read with the next part, whose code is then text."""
    turn = ModelContent([Part(text="```"), Part(text="```\n![x](u)\n```")])
    assert find_repr(turn) == {"text/markdown": "```\n\n```\n[x](u)\n```"}
