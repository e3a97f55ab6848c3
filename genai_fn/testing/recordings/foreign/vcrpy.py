"""
The cassettes of vcrpy, in YAML or JSON: the HTTP requests of any program, each attempt on its own.

A body is a text, or bytes (``!!binary``), as they were on the wire, so they may be compressed. Cassettes of serializers
that keep JSON bodies as trees, ``parsed_body``, are read as well, and so is the format of vcrpy before 6 for httpx.
"""

from typing import Any

from genai_fn import codec
from genai_fn.http import Headers, HttpResponse
from genai_fn.testing.recordings.foreign.interactions import (
    ANY_BODY,
    Interaction,
    Recording,
    find_recorded_secrets,
    is_api_url,
    normalize_body,
    normalize_url,
    parse_body,
)
from genai_fn.testing.recordings.foreign.members import (
    decode_base64,
    read_interactions,
    read_member,
    read_method,
    read_status,
)
from genai_fn.testing.recordings.foreign.trees import SourceList, SourceObject, build_error


def read_cassette(root: SourceObject) -> Recording:
    """Convert the tree of a cassette; raises `InvalidRequest` with the line of what does not fit."""
    found = read_interactions(root)
    headers = tuple(pair for each in found for pair in _read_headers(each["request"]))
    urls = tuple(read_member(each["request"], "uri", str, "a URL") for each in found)
    has_api_calls = any(map(is_api_url, urls))
    interactions = tuple(
        _read_interaction(each, number, is_api_call=is_api_url(url) or not has_api_calls)
        for number, (each, url) in enumerate(zip(found, urls, strict=True), 1)
    )
    return Recording(root.file, interactions, urls, find_recorded_secrets(headers, urls), is_above_retry=False)


def _read_interaction(tree: SourceObject, number: int, *, is_api_call: bool) -> Interaction:
    request: SourceObject = tree["request"]
    return Interaction(
        where=f"interaction {number} of {tree.file}:{tree.line}",
        method=read_method(request),
        url=normalize_url(request["uri"]),
        body=_read_request_body(request),
        response=_read_response(read_member(tree, "response", SourceObject, "an object")),
        is_api_call=is_api_call,
    )


def _read_request_body(request: SourceObject) -> Any:
    if "parsed_body" in request:
        return normalize_body(request["parsed_body"])
    body = _read_body(request, "body")
    return ANY_BODY if body is None else parse_body(body)


def _read_response(tree: SourceObject) -> HttpResponse:
    headers = _read_headers(tree)
    if "status_code" in tree:  # the format before 6, for httpx
        return _build_response(read_status(tree, "status_code"), headers, _read_body(tree, "content"))
    status = read_status(read_member(tree, "status", SourceObject, "an object with a code"), "code")
    body = codec.encode(tree["parsed_body"]) if "parsed_body" in tree else _read_body(tree, "body")
    return _build_response(status, headers, body)


def _build_response(status: int, headers: Headers, body: bytes | None) -> HttpResponse:
    body = body or b""
    if _is_text(body):  # it was decompressed before it was recorded
        headers = tuple(pair for pair in headers if pair[0] != "content-encoding")
    return HttpResponse(status, headers, body)


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:  # compressed data always contains what UTF-8 does not allow
        return False
    return True


def _read_body(tree: SourceObject, key: str) -> bytes | None:
    """Return a body: a text, bytes, a list of chunks, or an object that contains one; None if there is none."""
    value: Any = tree.get(key)
    if value is None:
        return None
    if isinstance(value, SourceObject) and "base64_string" in value:
        encoded = read_member(value, "base64_string", str, "base64")
        return decode_base64(encoded, value.file, value.lines["base64_string"])
    if isinstance(value, SourceObject) and "string" in value:
        return _read_body(value, "string")
    chunks: list[Any] = value if isinstance(value, SourceList) else [value]
    return b"".join(_encode_chunk(each, tree, key) for each in chunks)


def _encode_chunk(chunk: Any, tree: SourceObject, key: str) -> bytes:
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, str):
        return chunk.encode("utf-8", "surrogatepass")
    expected = "a body: a text, bytes, a list of them, or an object with string"
    raise build_error(tree.file, tree.lines[key], chunk, expected)


def _read_headers(tree: SourceObject) -> Headers:
    """Read headers, whose values are texts or lists of texts."""
    if tree.get("headers") is None:
        return ()
    headers = read_member(tree, "headers", SourceObject, "an object")
    found: list[tuple[str, str]] = []
    for each, value in headers.items():
        values: list[Any] = value if isinstance(value, SourceList) else [value]
        for one in values:
            if not isinstance(one, str | int | float | bytes):
                raise build_error(tree.file, headers.lines[each], one, "the text of a header, or a list of them")
            found.append((each.lower(), one.decode("latin-1") if isinstance(one, bytes) else str(one)))
    return tuple(found)
