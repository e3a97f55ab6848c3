"""How a session is opened, on the wire: its address, its headers, its first frame; and as whom."""

import math
from typing import Any

from returns.result import Failure, Result, Success

from genai_fn.backend import Backend, Credential, Gemini, Secret, Vertex, pairs
from genai_fn.body import encoded, merged
from genai_fn.errors import GenaiError, InvalidRequest, Unsupported
from genai_fn.http import Body, FileSlice, Headers, HttpRequest
from genai_fn.marks import Findings, survey
from genai_fn.options import Options
from genai_fn.request import Live, LiveOperation, Opening, Refusal
from genai_fn.schema._base import Value
from genai_fn.wire import AGENT, addressed

__all__ = ["Opened", "credential_for_live", "opening", "whole"]


class Opened(Value):
    """The request that asks for a WebSocket, all but the credential; the first frame; how to read what comes back."""

    http: HttpRequest
    setup: bytes
    reading: Opening[Any]


def opening(live: Live[Any], backend: Backend, handle: str | None = None) -> Result[Opened, GenaiError]:
    """
    Write how a session is opened at a backend: all but the credential.

    Answers ``Failure(Unsupported)`` with the path of every field that the backend does not take.

    Args:
        live: The session.

        backend: Where it is opened; on Vertex AI with a project, as the credentials may tell it.

        handle: Of the session that is to go on, in place of what the config says.
    """
    try:
        return Success(_opened(live, addressed(backend, live.options), handle))
    except GenaiError as error:
        return Failure(error)


def credential_for_live(backend: Backend, credential: Credential) -> Credential:
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


def _opened(live: Live[Any], at: Backend, handle: str | None) -> Opened:
    findings = survey(live.operation, at.name)
    reading = _asked(live.operation, at, findings)
    body = encoded(reading.setup, at, has_large=findings.has_large)
    if live.options.extra_body:
        body = merged(body, {"setup": live.options.extra_body})
    if handle is not None:
        body = merged(body, {"setup": {"sessionResumption": {"handle": handle}}})
    return Opened(HttpRequest("GET", _url(reading, at), _headers(live.options, at)), whole(body), reading)


def _asked(operation: LiveOperation[Any], at: Backend, findings: Findings) -> Opening[Any]:
    """Ask an operation how it is opened; what it refuses itself is named together with what is marked."""
    refused = tuple(findings.refused)
    try:
        reading = operation.vertex(at) if isinstance(at, Vertex) else operation.gemini(at)
    except Unsupported as error:
        raise Unsupported(error.backend, (*error.paths, *refused), error.reason) from None
    if isinstance(reading, Refusal):
        raise Unsupported(at.title, (operation.op,), reading.why)
    if refused:
        raise Unsupported(at.title, refused)
    return reading


def _url(reading: Opening[Any], at: Backend) -> str:
    base = at.base.replace("http", "ws", 1)
    if not reading.path:
        return base
    if not at.api_version:
        raise InvalidRequest("api_version", at.api_version, "a version: the address of a session has one")
    return f"{base}/{reading.path.replace('{version}', at.api_version)}"


def _headers(options: Options, at: Backend) -> Headers:
    kept: Headers = (("user-agent", AGENT), ("x-goog-api-client", AGENT))
    if options.server_timeout is not None:
        kept += (("x-server-timeout", str(math.ceil(options.server_timeout))),)
    given = options.headers or ()
    own = {name.lower() for name, _ in (*given, *pairs(at.headers, "headers"))}
    return (*(pair for pair in kept if pair[0] not in own), *given)


def whole(body: Body) -> bytes:
    """Put the pieces of a body together, as a frame is one."""
    assert not isinstance(body, FileSlice)  # noqa: S101  # a fact, for the checkers: no frame is a file
    return body if isinstance(body, bytes) else b"".join(body)
