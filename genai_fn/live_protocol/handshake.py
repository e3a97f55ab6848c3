"""Encodes the request that opens a Live session, and its setup message."""

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


class EncodedHandshake(Value):
    """The request that opens the WebSocket, without its credential, and the setup message to send first."""

    http: HttpRequest
    setup: bytes
    handshake: Handshake[Any]
    """What was encoded; it contains the type of the server's messages."""


def encode_handshake(
    live: Live[Any], backend: Backend, handle: str | None = None
) -> Result[EncodedHandshake, GenaiError]:
    """
    Encode the handshake of a session, without its credential.

    Returns ``Failure(Unsupported)`` with the path of every field that the backend does not support, or
    ``Failure(InvalidRequest)`` if a value cannot be encoded.

    Args:
        live: The session.

        backend: The backend; on Vertex AI with its project, which may come from the credentials.

        handle: Handle of a session to resume. It replaces the one in the config.
    """
    try:
        return Success(_build_encoded_handshake(live, apply_address_options(backend, live.options), handle))
    except GenaiError as error:
        return Failure(error)


def build_live_credential(backend: Backend, credential: Credential) -> Credential:
    """
    Convert a credential for a WebSocket handshake.

    An ephemeral token moves from ``x-goog-api-key`` to ``authorization``. Of headers with the same name, only the last
    is kept, so that a header of the backend overrides the token.
    """
    headers: Headers = credential.headers.reveal()
    if isinstance(backend, Gemini) and isinstance(backend.api_key, Secret) and backend.is_ephemeral:
        token = ("authorization", f"Token {backend.api_key.reveal()}")
        headers = (token, *(pair for pair in headers if pair[0].lower() != "x-goog-api-key"))
    last = {name.lower(): (name, value) for name, value in headers}
    return Credential(credential.origin, Secret(tuple(last.values())), credential.project)


def _build_encoded_handshake(live: Live[Any], at: Backend, handle: str | None) -> EncodedHandshake:
    report = find_unsupported_fields(live.operation, at.name)
    handshake = _build_handshake(live.operation, at, report)
    body = encode_body(handshake.setup, at, has_large=report.has_large)
    if live.options.extra_body:
        body = merge_extra_body(body, {"setup": live.options.extra_body})
    if handle is not None:
        body = merge_extra_body(body, {"setup": {"sessionResumption": {"handle": handle}}})
    return EncodedHandshake(
        HttpRequest("GET", _build_url(handshake, at), _build_headers(live.options, at)), join_body(body), handshake
    )


def _build_handshake(operation: LiveOperation[Any], at: Backend, report: FieldReport) -> Handshake[Any]:
    """Build the handshake of an operation. Raises `Unsupported` with its unsupported fields and those in `report`."""
    unsupported = tuple(report.unsupported_paths)
    try:
        handshake = operation.vertex(at) if isinstance(at, Vertex) else operation.gemini(at)
    except Unsupported as error:
        raise Unsupported(error.backend, (*error.paths, *unsupported), error.reason) from None
    if isinstance(handshake, Refusal):
        raise Unsupported(at.title, (operation.op,), handshake.reason)
    if unsupported:
        raise Unsupported(at.title, unsupported)
    return handshake


def _build_url(handshake: Handshake[Any], at: Backend) -> str:
    base = at.base.replace("http", "ws", 1)
    if not handshake.path:
        return base
    if not at.api_version:
        raise InvalidRequest("api_version", at.api_version, "a version, as the URL of a session contains one")
    return f"{base}/{handshake.path.replace('{version}', at.api_version)}"


def _build_headers(options: Options, at: Backend) -> Headers:
    defaults: Headers = (("user-agent", USER_AGENT), ("x-goog-api-client", USER_AGENT))
    if options.server_timeout is not None:
        defaults += (("x-server-timeout", str(math.ceil(options.server_timeout))),)
    given = options.headers or ()
    overridden = {name.lower() for name, _ in (*given, *normalize_headers(at.headers, "headers"))}
    return (*(pair for pair in defaults if pair[0] not in overridden), *given)


def join_body(body: Body) -> bytes:
    """Join the chunks of a body: each message is one frame."""
    assert not isinstance(body, FileSlice)  # noqa: S101  # for type checkers: a setup or message is never a file
    return body if isinstance(body, bytes) else b"".join(body)
