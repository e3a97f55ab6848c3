"""Detects the format of a recording by its content, and reads the recordings of google-genai and vcrpy."""

import re
from pathlib import Path
from typing import Any

from genai_fn.errors import InvalidRequest
from genai_fn.testing.recordings.foreign.google_genai import read_replay_file
from genai_fn.testing.recordings.foreign.interactions import Recording
from genai_fn.testing.recordings.foreign.json_tokens import iterate_json_tokens
from genai_fn.testing.recordings.foreign.trees import SourceObject, build_error, build_tree
from genai_fn.testing.recordings.foreign.vcrpy import read_cassette
from genai_fn.testing.recordings.foreign.yaml_tokens import iterate_yaml_tokens


def is_foreign_recording(data: bytes) -> bool:
    """
    Whether a file is a recording of google-genai or vcrpy, judged by its first key.

    >>> is_foreign_recording(b"interactions:"), is_foreign_recording(b'{"op": "generate"}')
    (True, False)
    """
    return _detect_format(data) is not None


def _detect_format(data: bytes) -> str | None:
    """Return ``json`` or ``yaml``; None if the first key is not one of google-genai or vcrpy."""
    return next((name for name, pattern in _FORMATS if pattern.match(data)), None)


_FIRST_KEYS = rb"(?:replay_id|interactions|version|metadata|http_interactions)"
_FORMATS = (
    ("json", re.compile(rb"(?:\xef\xbb\xbf)?\s*+\{\s*+\"%b\"\s*+:" % _FIRST_KEYS)),
    (
        "yaml",
        re.compile(
            rb"(?:\xef\xbb\xbf)?(?:\s*+(?:#[^\n]*+|%%[^\n]*+|---[^\S\n]*+)\n)*+\s*+(?:\{\s*+)?['\"]?%b['\"]?\s*+:"
            % _FIRST_KEYS
        ),
    ),
)
"""
The patterns of a file up to its first key. Blanks and comments of any length may precede the key; possessive
quantifiers avoid backtracking into them, which would take quadratic time.
"""


def read_recording_bytes(path: Path) -> bytes:
    """
    Read the file of a recording.

    Raises:
        InvalidRequest: If the file cannot be read.
    """
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        raise InvalidRequest("path", str(path), f"a recording ({error})") from None


def read_foreign_recording(path: Path) -> Recording | None:
    """
    Read a recording of google-genai or vcrpy; None if it is neither.

    Raises:
        InvalidRequest: If the file cannot be read, or its content is invalid; then the error contains the line.

        MissingExtra: If it is in YAML, and PyYAML is not installed.
    """
    data = read_recording_bytes(path)
    found = _detect_format(data)
    if found is None:
        return None
    text = _decode_text(data, path.name)
    tokens = iterate_json_tokens(text, path.name) if found == "json" else iterate_yaml_tokens(text, path.name)
    root: Any = build_tree(tokens, path.name)
    if not isinstance(root, SourceObject):
        raise build_error(path.name, 1, root, "an object with interactions")
    return read_replay_file(root) if "replay_id" in root else read_cassette(root)


def _decode_text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise build_error(name, line, "", f"UTF-8 ({error.reason})") from None
