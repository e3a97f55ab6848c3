"""How a session is opened, on the wire: its address, its headers, its first frame; and as whom."""

import math
from typing import Any

from returns.result import Failure, Result, Success

from genai_fn.backend import Backend, Credential, Gemini, Secret, Vertex, normalize_headers
from genai_fn.errors import GenaiError, InvalidRequest, Unsupported
from genai_fn.http import Body, FileSlice, Headers, HttpRequest
from genai_fn.options import Options
from genai_fn.request import Handshake, Live, LiveOperation, Refusal
from genai_fn.values import Value
from genai_fn.wire import USER_AGENT, apply_address_options
from genai_fn.wire.field_support import FieldReport, find_unsupported_fields
from genai_fn.wire.json_body import encode_body, merge_extra_body

__all__ = ["EncodedHandshake", "build_live_credential", "encode_handshake", "join_body"]


class EncodedHandshake(Value):
    """The request that asks for a WebSocket, all but the credential; the first frame; how to read what comes back."""

    http: HttpRequest
    setup: bytes
    handshake: Handshake[Any]


def encode_handshake(
    live: Live[Any], backend: Backend, handle: str | None = None
) -> Result[EncodedHandshake, GenaiError]:
    """
    Write how a session is opened at a backend: all but the credential.

    Answers ``Failure(Unsupported)`` with the path of every field that the backend does not take.

    Args:
        live: The session.

        backend: Where it is opened; on Vertex AI with a project, as the credentials may tell it.

        handle: Of the session that is to go on, in place of what the config says.
    """
    try:
        return Success(_build_encoded_handshake(live, apply_address_options(backend, live.options), handle))
    except GenaiError as error:
        return Failure(error)


def build_live_credential(backend: Backend, credential: Credential) -> Credential:
    """
    Say who calls as a session wants it: an ephemeral token by a header of its own, and of two headers of one name the
    later, which is the caller's.
    """
    headers: Headers = credential.headers.reveal()
    if isinstance(backend, Gemini) and isinstance(backend.api_key, Secret) and backend.is_ephemeral:
        token = ("authorization", f"Token {backend.api_key.reveal()}")
        headers = (token, *(pair for pair in headers if pair[0].lower() != "x-goog-api-key"))
    last = {name.lower(): (name, value) for name, value in headers}
    return Credential(credential.origin, Secret(tuple(last.values())), credential.project)


def _build_encoded_handshake(live: Live[Any], at: Backend, handle: str | None) -> EncodedHandshake:
    findings = find_unsupported_fields(live.operation, at.name)
    reading = _build_handshake(live.operation, at, findings)
    body = encode_body(reading.setup, at, has_large=findings.has_large)
    if live.options.extra_body:
        body = merge_extra_body(body, {"setup": live.options.extra_body})
    if handle is not None:
        body = merge_extra_body(body, {"setup": {"sessionResumption": {"handle": handle}}})
    return EncodedHandshake(
        HttpRequest("GET", _build_url(reading, at), _build_headers(live.options, at)), join_body(body), reading
    )


def _build_handshake(operation: LiveOperation[Any], at: Backend, findings: FieldReport) -> Handshake[Any]:
    """Ask an operation how it is opened; what it refuses itself is named together with what is marked."""
    refused = tuple(findings.unsupported_paths)
    try:
        reading = operation.vertex(at) if isinstance(at, Vertex) else operation.gemini(at)
    except Unsupported as error:
        raise Unsupported(error.backend, (*error.paths, *refused), error.reason) from None
    if isinstance(reading, Refusal):
        raise Unsupported(at.title, (operation.op,), reading.reason)
    if refused:
        raise Unsupported(at.title, refused)
    return reading


def _build_url(reading: Handshake[Any], at: Backend) -> str:
    base = at.base.replace("http", "ws", 1)
    if not reading.path:
        return base
    if not at.api_version:
        raise InvalidRequest("api_version", at.api_version, "a version: the address of a session has one")
    return f"{base}/{reading.path.replace('{version}', at.api_version)}"


def _build_headers(options: Options, at: Backend) -> Headers:
    kept: Headers = (("user-agent", USER_AGENT), ("x-goog-api-client", USER_AGENT))
    if options.server_timeout is not None:
        kept += (("x-server-timeout", str(math.ceil(options.server_timeout))),)
    given = options.headers or ()
    own = {name.lower() for name, _ in (*given, *normalize_headers(at.headers, "headers"))}
    return (*(pair for pair in kept if pair[0] not in own), *given)


def join_body(body: Body) -> bytes:
    """Put the pieces of a body together, as a frame is one."""
    assert not isinstance(body, FileSlice)  # noqa: S101  # a fact, for the checkers: no frame is a file
    return body if isinstance(body, bytes) else b"".join(body)
