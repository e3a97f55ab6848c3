"""The keys of requests: a digest of everything that determines the answer, and nothing that does not."""

from hashlib import sha256
from typing import Any

from returns.result import Failure, Success

from genai_fn import codec
from genai_fn.backend import (
    Backend,
    Credential,
    Gemini,
    Vertex,
    build_own_credential,
    complete_project,
    normalize_headers,
)
from genai_fn.effects import EffectFailed, Effects, GetToken
from genai_fn.engine.handler import HttpHandler, RequestHandler, iter_layers
from genai_fn.http import FileSlice, Headers, HttpRequest, HttpResponse, is_credential
from genai_fn.interpreters.attempts_without_http import AttemptHandler
from genai_fn.request import Request
from genai_fn.values import Value
from genai_fn.wire import PreparedRequest, apply_address_options, prepare_request
from genai_fn.wire.encoding import drop_backend
from genai_fn.wire.secret_values import hide_credentials

_FORMAT = 1
"""Version of the keys and of what is stored; a change of either must change it."""


class CacheKey(Value):
    """The digest that identifies equal requests, and the HTTP request, with secrets masked, for events."""

    digest: str
    http: HttpRequest


class KeyBuilder:
    """
    Builds the keys of requests for the backend of an interpreter.

    An interpreter in this process has keys of its own, so that no stored answer of a fake or of the emulator is taken
    for one of the API.
    """

    def __init__(self, handler: RequestHandler) -> None:
        handlers = tuple(iter_layers(handler))
        self._http = handlers[-1] if isinstance(handlers[-1], HttpHandler) else None
        self._has_no_http = any(isinstance(each, AttemptHandler) for each in handlers)
        is_emulated = self._http is not None and self._http.is_emulated
        self._origin = "fake" if self._has_no_http else "emulator" if is_emulated else "api"

    def build(self, request: Request[Any], until: float) -> Effects[CacheKey | None]:
        """Build the key of a request; None if it cannot be cached, or cannot be sent."""
        if request.options.with_http_response:
            return None
        if self._has_no_http:
            candidates: tuple[Backend, ...] = (Gemini(), Vertex("project", "us-central1"))
        else:
            backend = yield from self._complete_backend(request, until)
            candidates = () if backend is None else (backend,)
        for each in candidates:
            prepared = prepare_request(drop_backend(request), each)
            if isinstance(prepared, Success):
                return _build_key(self._origin, prepared.unwrap(), each)
        return None

    def _complete_backend(self, request: Request[Any], until: float) -> Effects[Backend | None]:
        """Return the backend of a request, with the project of its credentials if it has no other."""
        if self._http is None:
            return None
        account = self._http.get_account(request.options)
        backend = account.backend
        if not isinstance(backend, Vertex) or backend.project is not None:
            return backend
        if build_own_credential(apply_address_options(backend, request.options)) is not None:
            return backend
        token: Credential | EffectFailed = yield GetToken(until, backend=account.token_backend)
        if isinstance(token, EffectFailed):
            return None
        completed = complete_project(backend, token)
        return None if isinstance(completed, Failure) else completed.unwrap()


def _build_key(origin: str, prepared: PreparedRequest[Any], backend: Backend) -> CacheKey | None:
    http, reader = prepared.http, prepared.reader
    is_raw = reader.wire_type in (HttpResponse, bytes)
    if is_raw or isinstance(http.body, FileSlice) or http.method not in ("GET", "POST"):
        return None
    shown = hide_credentials(http, prepared.operation)
    headers = (*http.headers, *normalize_headers(backend.headers, "headers"))
    parts = (_FORMAT, origin, prepared.operation.op, http.method, shown.url, _select_headers(headers))
    digest = sha256(codec.encode(parts) + b"\n")
    body = () if isinstance(shown.body, FileSlice) else shown.body  # it is none
    for chunk in (body,) if isinstance(body, bytes) else body:
        digest.update(chunk)
    return CacheKey(digest.hexdigest(), shown)


def _select_headers(headers: Headers) -> list[tuple[str, str]]:
    """Return the headers that may change the answer: neither credentials nor what every request has."""
    lowered = ((name.lower(), value) for name, value in headers)
    return sorted((name, value) for name, value in lowered if name not in _SAME_ANSWER and not is_credential(name))


_SAME_ANSWER = frozenset(
    {"accept", "accept-encoding", "content-type", "user-agent", "x-goog-api-client", "x-server-timeout"}
)
