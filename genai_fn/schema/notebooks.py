"""How notebooks show texts, images and videos, and whether the program runs in one."""

import re
import sys
from base64 import b64encode
from collections.abc import Iterable
from importlib import import_module
from typing import Any


def display_in_notebook(value: Any) -> bool:
    """Display a value as the output of a notebook's cell. False if the program does not run in a notebook."""
    if "ipykernel" not in sys.modules:
        return False
    try:
        display: Any = import_module("IPython.display")
    except ImportError:
        return False
    display.display(value)
    return True


def build_image_bundle(data: bytes, mime_type: str | None) -> dict[str, str] | None:
    """
    Build the MIME bundle of an image; None if browsers do not show its type.

    >>> build_image_bundle(b"GIF89a", None)
    {'image/gif': 'R0lGODlh'}
    """
    shown = _find_image_type(data) or (mime_type or "").lower()
    return {shown: b64encode(data).decode()} if shown in _SHOWN_TYPES else None


def _find_image_type(data: bytes) -> str | None:
    """Return the MIME type of an image by its first bytes; None if it is not one that every browser shows."""
    return next((mime_type for mime_type, pattern in _SHOWN_TYPES.items() if pattern.match(data)), None)


_SHOWN_TYPES = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}


def build_video_bundle(data: bytes, mime_type: str | None) -> dict[str, str]:
    """
    Build the MIME bundle of a video: HTML that contains its bytes. Without a type, it is ``video/mp4``.

    >>> build_video_bundle(b"film", "video/webm")
    {'text/html': '<video controls src="data:video/webm;base64,ZmlsbQ=="></video>'}
    """
    shown = mime_type if mime_type is not None and _VIDEO_TYPE.fullmatch(mime_type) else "video/mp4"
    return {"text/html": f'<video controls src="data:{shown};base64,{b64encode(data).decode()}"></video>'}


_VIDEO_TYPE = re.compile(r"video/[a-z0-9.+-]+", re.ASCII | re.IGNORECASE)
"""Anything else could be HTML, as a server chooses the type."""


def build_media_bundle(data: bytes, mime_type: str | None) -> dict[str, str] | None:
    """Build the MIME bundle of an image or a video; None for any other type, such as audio."""
    is_video = mime_type is not None and mime_type.lower().startswith("video/")
    return build_video_bundle(data, mime_type) if is_video else build_image_bundle(data, mime_type)


def build_markdown(pieces: Iterable[str | dict[str, str]]) -> dict[str, str] | None:
    r"""
    Build the MIME bundle of texts of a model, which are Markdown, and of the bundles of images between them.

    Images that a text refers to become links: showing one would send a request to an address that the model chose.
    None if there are no pieces.

    >>> build_markdown(["# Sky ![blue](https://example.com/sky.png) `![` <b>", {"image/gif": "R0lGODlh"}])
    {'text/markdown': '# Sky [blue](https://example.com/sky.png) `![` &lt;b>\n\n![](data:image/gif;base64,R0lGODlh)'}
    """
    given = list(pieces)
    has_clear_code = all(_has_clear_code(each) for each in given if isinstance(each, str))
    written = [_defuse(each, has_clear_code) if isinstance(each, str) else _write_images(each) for each in given]
    return {"text/markdown": "\n\n".join(each for each in written if each)} if any(written) else None


def _write_images(bundle: dict[str, str]) -> str:
    return "".join(f"![]({_DATA_URI.format(kind, each)})" for kind, each in bundle.items() if kind in _SHOWN_TYPES)


_DATA_URI = "data:{};base64,{}"


def _defuse(text: str, has_clear_code: bool) -> str:
    """Replace what loads something from the network, outside of clear code: images in Markdown, and HTML."""
    pieces = _CODE.split(text) if has_clear_code else [text]  # code has the odd indices
    pieces[::2] = (_IMAGE.sub("[", each).replace("<", "&lt;") for each in pieces[::2])
    return "".join(pieces)


def _has_clear_code(text: str) -> bool:
    """
    Whether every reader of Markdown finds the code in a text where `_CODE` finds it.

    If one backtick is read differently, the code after it is text, whose images are loaded. So fences must begin lines
    and have three backticks, and code in a line must have one on either side, both in one cell if it is in a table.
    """
    rest = _FENCED_CODE.sub("", text)
    return _UNCLEAR.search(rest) is None and all(each.count("`") % 2 == 0 for each in _CELL_END.split(rest))


_IMAGE = re.compile(r"(?<!!)!++\[")
_FENCED_CODE = re.compile(r"^```[^`\n]*+\n(?:[^`]|`(?!``))*+(?<=\n)```[ \t\r]*+$", re.MULTILINE)
_CODE = re.compile(rf"({_FENCED_CODE.pattern}|`[^`\n]+`)", re.MULTILINE)
_UNCLEAR = re.compile(r"``|~~~|\\`")
_CELL_END = re.compile(r"[|\r\n]")
