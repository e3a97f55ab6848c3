"""How notebooks show images and videos, and whether the program runs in one."""

import re
import sys
from base64 import b64encode
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
