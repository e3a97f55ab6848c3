"""
The cassettes of vcrpy, in YAML or JSON: the HTTP requests of any program, each attempt on its own.

A body is a text, or bytes (``!!binary``), as they were on the wire, so they may be compressed. Cassettes of serializers
that keep JSON bodies as trees, ``parsed_body``, are read as well, and so is the format of vcrpy before 6 for httpx.
"""

import binascii
from base64 import b64decode
from typing import Any

from genai_fn import codec
from genai_fn.http import Headers, HttpResponse
from genai_fn.testing.recordings.foreign.google_genai import check_status
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
from genai_fn.testing.recordings.foreign.trees import (
    SourceList,
    SourceObject,
    build_error,
    read_member,
    read_objects,
)


def read_cassette(root: SourceObject, name: str) -> Recording:
    """Convert the tree of a cassette; raises `InvalidRequest` with the line of what does not fit."""
    found = read_objects(name, root, "interactions", "interactions, each an object with request and response")
    requests = [read_member(name, each, "request", SourceObject, "an object") for each in found]
    headers = tuple(pair for each in requests for pair in _read_headers(each, name))
    urls = tuple(read_member(name, each, "uri", str, "a URL") for each in requests)
    has_api_calls = any(map(is_api_url, urls))
    interactions = tuple(
        _read_interaction(each, number, name, is_api_call=is_api_url(url) or not has_api_calls)
        for number, (each, url) in enumerate(zip(found, urls, strict=True), 1)
    )
    return Recording(name, interactions, urls, find_recorded_secrets(headers, urls), is_above_retry=False)


def _read_interaction(tree: SourceObject, number: int, name: str, *, is_api_call: bool) -> Interaction:
    request: SourceObject = tree["request"]
    return Interaction(
        where=f"interaction {number} of {name}:{tree.line}",
        method=read_member(name, request, "method", str, "an HTTP method").upper(),
        url=normalize_url(request["uri"]),
        body=_read_request_body(request, name),
        response=_read_response(read_member(name, tree, "response", SourceObject, "an object"), name),
        is_api_call=is_api_call,
    )


def _read_request_body(request: SourceObject, name: str) -> Any:
    if "parsed_body" in request:
        return normalize_body(request["parsed_body"])
    body = _read_body(request, "body", name)
    return ANY_BODY if body is None else parse_body(body)


def _read_response(tree: SourceObject, name: str) -> HttpResponse:
    headers = _read_headers(tree, name)
    if "status_code" in tree:  # the format before 6, for httpx
        status = read_member(name, tree, "status_code", int, "a status code")
        return _build_response(
            check_status(status, tree, "status_code", name), headers, _read_body(tree, "content", name)
        )
    parts = read_member(name, tree, "status", SourceObject, "an object with a code")
    status = check_status(read_member(name, parts, "code", int, "a status code"), parts, "code", name)
    if "parsed_body" in tree:
        return _build_response(status, headers, codec.encode(tree["parsed_body"]))
    return _build_response(status, headers, _read_body(tree, "body", name))


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


def _read_body(tree: SourceObject, key: str, name: str) -> bytes | None:
    """Return a body: a text, bytes, a list of chunks, or an object that contains one; None if there is none."""
    value: Any = tree.get(key)
    if value is None:
        return None
    line = tree.lines[key]
    if isinstance(value, SourceObject):
        if "base64_string" in value:
            return _decode_base64(value, name)
        return _read_body(value, "string", name) if "string" in value else _fail(name, line, value)
    chunks: list[Any] = value if isinstance(value, SourceList) else [value]
    return b"".join(_encode_chunk(each, name, line) for each in chunks)


def _encode_chunk(chunk: Any, name: str, line: int) -> bytes:
    if isinstance(chunk, bytes):
        return chunk
    return chunk.encode("utf-8", "surrogatepass") if isinstance(chunk, str) else _fail(name, line, chunk)


def _fail(name: str, line: int, value: Any) -> bytes:
    raise build_error(name, line, value, "a body: a text, bytes, a list of them, or an object with string")


def _decode_base64(tree: SourceObject, name: str) -> bytes:
    encoded = read_member(name, tree, "base64_string", str, "base64")
    try:
        return b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        raise build_error(name, tree.lines["base64_string"], encoded, "base64 as base64_string") from None


def _read_headers(tree: SourceObject, name: str) -> Headers:
    """Read headers, whose values are texts or lists of texts."""
    if tree.get("headers") is None:
        return ()
    headers = read_member(name, tree, "headers", SourceObject, "an object")
    found: list[tuple[str, str]] = []
    for each, value in headers.items():
        values: list[Any] = value if isinstance(value, SourceList) else [value]
        for one in values:
            if not isinstance(one, str | int | float | bytes):
                raise build_error(name, headers.lines[each], one, "the text of a header, or a list of them")
            found.append((each.lower(), one.decode("latin-1") if isinstance(one, bytes) else str(one)))
    return tuple(found)
