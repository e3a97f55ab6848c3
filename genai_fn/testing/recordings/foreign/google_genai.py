"""
google-genai's replay files: JSON that its ``Client(debug_config=DebugConfig(client_mode="record"))`` writes.

Keys and projects are redacted in them. A request is recorded once, however often it was retried. The body of a response
is a list of its JSON texts, one for each chunk of a stream. Binary content is base64 of which 3.6.1 keeps the first
64 KiB.
"""

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
from genai_fn.testing.recordings.foreign.members import (
    decode_base64,
    read_interactions,
    read_member,
    read_method,
    read_status,
)
from genai_fn.testing.recordings.foreign.trees import SourceList, SourceObject, build_error


def read_replay_file(root: SourceObject) -> Recording:
    """Convert the tree of a replay file; raises `InvalidRequest` with the line of what does not fit."""
    found = read_interactions(root)
    headers = tuple(pair for each in found for pair in _read_headers(each["request"]))
    urls = tuple(read_member(each["request"], "url", str, "a URL or a text without one") for each in found)
    interactions = tuple(_read_interaction(each, number) for number, each in enumerate(found, 1))
    return Recording(root.file, interactions, urls, find_recorded_secrets(headers, urls), is_above_retry=True)


def _read_interaction(tree: SourceObject, number: int) -> Interaction:
    request: SourceObject = tree["request"]
    url = normalize_url(request["url"])
    response = read_member(tree, "response", SourceObject, "an object")
    return Interaction(
        where=f"interaction {number} of {tree.file}:{tree.line}",
        method=read_method(request),
        url=url,
        body=_read_request_body(request),
        response=_read_response(response, is_streamed="alt=sse" in url),
    )


def _read_request_body(request: SourceObject) -> Any:
    segments = read_member(request, "body_segments", SourceList, "a list of JSON")
    body: Any = segments[0] if segments else None
    if request["url"] != UPLOAD_URL:
        return normalize_body(body)
    if isinstance(body, SourceObject) and "bytes" in body:
        encoded = read_member(body, "bytes", str, "base64")
        return parse_body(decode_base64(encoded, body.file, body.lines["bytes"]))
    return ANY_BODY  # the data of an upload from a path


def _read_response(tree: SourceObject, *, is_streamed: bool) -> HttpResponse:
    status = read_status(tree, "status_code", default=200)
    segments = read_member(tree, "body_segments", SourceList, "a list of JSON")
    if is_streamed and status < 300:
        body = b"".join(b"data: %b\n\n" % codec.encode(each) for each in segments)
    elif segments:
        body = codec.encode(segments[0])
    elif tree.get("byte_segments") is not None:
        body = _join_chunks(read_member(tree, "byte_segments", SourceList, "a list of base64"))
    else:
        body = b""
    return HttpResponse(status, _read_headers(tree), body)


def _join_chunks(chunks: SourceList) -> bytes:
    decoded: list[bytes] = []
    for value, line in zip(chunks, chunks.lines, strict=True):
        if not isinstance(value, str):
            raise build_error(chunks.file, line, value, "base64")
        decoded.append(decode_base64(value, chunks.file, line))
    return b"".join(decoded)


def _read_headers(tree: SourceObject) -> Headers:
    no_headers = SourceObject(tree.file, tree.line)
    headers = read_member(tree, "headers", SourceObject, "an object of texts", default=no_headers)
    for each, value in headers.items():
        if not isinstance(value, str):
            raise build_error(headers.file, headers.lines[each], value, "the text of a header")
    return tuple((each.lower(), value) for each, value in headers.items() if each.lower() not in _BODY_HEADERS)


_BODY_HEADERS = ("content-encoding", "content-length", "transfer-encoding")
"""The recorded body is decoded."""
