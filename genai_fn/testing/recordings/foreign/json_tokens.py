"""Splits JSON into tokens that know their lines."""

import re
from collections.abc import Iterator
from typing import Any

from msgspec import DecodeError, ValidationError

from genai_fn import codec
from genai_fn.testing.recordings.foreign.trees import MAX_FILE_DEPTH, Token, build_error


def iterate_json_tokens(text: str, name: str) -> Iterator[Token]:
    """
    Yield the tokens of a text.

    Raises:
        InvalidRequest: If it is not JSON. The error names the line.
    """
    try:
        codec.decode(text, Any, max_depth=MAX_FILE_DEPTH)
    except ValidationError:  # of all JSON, only that which nests too deep is invalid
        raise build_error(name, _find_deep_line(text), "", f"at most {MAX_FILE_DEPTH} levels of nesting") from None
    except DecodeError as error:
        raise build_error(name, _find_error_line(text, str(error)), "", f"JSON ({error})") from None
    return _iterate_tokens(text)


def _iterate_tokens(text: str) -> Iterator[Token]:
    line, end = 1, 0
    for found in _TOKEN.finditer(text):
        line += text.count("\n", end, found.start())
        end = found.end()
        match found[0]:
            case "{":
                yield Token("object", line)
            case "[":
                yield Token("list", line)
            case "}" | "]":
                yield Token("end", line)
            case scalar:
                yield Token("scalar", line, codec.decode(scalar))


_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]|[^\s,:\[\]{}"]+')


def _find_deep_line(text: str) -> int:
    depth = 0
    for found in _TOKEN.finditer(text):
        depth += (found[0] in ("{", "[")) - (found[0] in ("}", "]"))
        if depth > MAX_FILE_DEPTH:
            return text.count("\n", 0, found.start()) + 1
    return text.count("\n") + 1


def _find_error_line(text: str, message: str) -> int:
    """Return the line of an error: at the byte that the message names, or at the end of a text that was cut."""
    place = _BYTE.search(message)
    head = text if place is None else text.encode()[: int(place[1])].decode("utf-8", "replace")
    return head.count("\n") + 1


_BYTE = re.compile(r"\(byte (\d+)\)")
