"""
google-genai's replay files: JSON that its ``Client(debug_config=DebugConfig(client_mode="record"))`` writes.

Keys and projects are redacted in them. A request is recorded once, however often it was retried. The body of a response
is a list of its JSON texts, one for each chunk of a stream. Binary content is base64 of which 3.6.1 keeps the first
64 KiB.
"""

import binascii
from base64 import b64decode
from typing import Any

from genai_fn import codec
from genai_fn.http import Headers, HttpResponse
from genai_fn.testing.recordings.foreign.interactions import (
    ANY_BODY,
    UPLOAD_URL,
    Interaction,
    Recording,
    find_recorded_secrets,
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


def read_replay_file(root: SourceObject, name: str) -> Recording:
    """Convert the tree of a replay file; raises `InvalidRequest` with the line of what does not fit."""
    found = read_objects(name, root, "interactions", "interactions, each an object with request and response")
    requests = [read_member(name, each, "request", SourceObject, "an object") for each in found]
    headers = tuple(pair for each in requests for pair in _read_headers(each, name))
    urls = tuple(read_member(name, each, "url", str, "a URL or a text without one") for each in requests)
    interactions = tuple(_read_interaction(each, number, name) for number, each in enumerate(found, 1))
    return Recording(name, interactions, urls, find_recorded_secrets(headers, urls), is_above_retry=True)


def _read_interaction(tree: SourceObject, number: int, name: str) -> Interaction:
    request: SourceObject = tree["request"]
    url: str = request["url"]
    normalized = normalize_url(url)
    return Interaction(
        where=f"interaction {number} of {name}:{tree.line}",
        method=read_member(name, request, "method", str, "an HTTP method").upper(),
        url=normalized,
        body=_read_request_body(request, url, name),
        response=_read_response(
            read_member(name, tree, "response", SourceObject, "an object"), name, is_streamed="alt=sse" in normalized
        ),
    )


def _read_request_body(request: SourceObject, url: str, name: str) -> Any:
    segments = read_member(name, request, "body_segments", SourceList, "a list of JSON")
    body: Any = segments[0] if segments else None
    if url != UPLOAD_URL:
        return normalize_body(body)
    if isinstance(body, SourceObject) and "bytes" in body:
        encoded = read_member(name, body, "bytes", str, "base64")
        return parse_body(_decode_base64(encoded, name, body.lines["bytes"]))
    return ANY_BODY  # the data of an upload from a path


def _read_response(tree: SourceObject, name: str, *, is_streamed: bool) -> HttpResponse:
    status = read_member(name, tree, "status_code", int, "a status code", default=200)
    segments = read_member(name, tree, "body_segments", SourceList, "a list of JSON")
    if is_streamed and 200 <= status < 300:
        body = b"".join(b"data: %b\n\n" % codec.encode(each) for each in segments)
    elif segments:
        body = codec.encode(segments[0])
    elif tree.get("byte_segments") is not None:
        body = _join_chunks(read_member(name, tree, "byte_segments", SourceList, "a list of base64"), name)
    else:
        body = b""
    return HttpResponse(check_status(status, tree, "status_code", name), _read_headers(tree, name), body)


def _join_chunks(chunks: SourceList, name: str) -> bytes:
    for value, line in zip(chunks, chunks.lines, strict=True):
        if not isinstance(value, str):
            raise build_error(name, line, value, "base64")
    return b"".join(_decode_base64(each, name, line) for each, line in zip(chunks, chunks.lines, strict=True))


def _decode_base64(text: str, name: str, line: int) -> bytes:
    """Decode either alphabet of base64, with or without padding."""
    try:
        return b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise build_error(name, line, text, "base64") from None


def _read_headers(tree: SourceObject, name: str) -> Headers:
    headers = read_member(name, tree, "headers", SourceObject, "an object of texts", default=SourceObject(tree.line))
    for each, value in headers.items():
        if not isinstance(value, str):
            raise build_error(name, headers.lines[each], value, "the text of a header")
    return tuple((each.lower(), value) for each, value in headers.items() if each.lower() not in _BODY_HEADERS)


_BODY_HEADERS = ("content-encoding", "content-length", "transfer-encoding")
"""The recorded body is decoded."""


def check_status(status: int, tree: SourceObject, key: str, name: str) -> int:
    """Return an HTTP status code; raises `InvalidRequest` if it is out of range."""
    if not 200 <= status <= 599:  # a final one
        raise build_error(name, tree.lines.get(key, tree.line), status, "a status code from 200 to 599")
    return status
