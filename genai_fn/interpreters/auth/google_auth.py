"""A token source over google-auth's credentials, or objects with the same methods; its requests use our own HTTP."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from inspect import isawaitable
from typing import Any
from urllib.parse import parse_qsl

from genai_fn.effects import EffectFailed
from genai_fn.errors import AuthError, ConnectError, GenaiError
from genai_fn.forks import delay_forks
from genai_fn.http import HttpRequest
from genai_fn.interpreters.auth.token_source import (
    REQUEST_TIMEOUT,
    SCOPE,
    AccessToken,
    FetchFunction,
    build_access_token,
    build_auth_failure,
    describe_auth_error,
    mask_secrets,
    reject_retryable_response,
)


class GoogleAuthTokenSource:
    """Gets tokens from an object with ``token`` and ``refresh(request)``, and optionally ``expiry``."""

    def __init__(
        self, credentials: Any, fetch: FetchFunction, *, quota_project: str | None, project: str | None = None
    ) -> None:
        self._credentials = credentials
        self._has_scopes = False
        self._quota_project = quota_project
        self._project = project
        self._fetch = fetch

    def get_token(self, now: float, min_lifetime: float) -> AccessToken | EffectFailed:
        """Return the current token if it lasts, as other code may refresh the credentials, too; else refresh them."""
        remaining = _get_remaining_seconds(self._credentials, now)
        if remaining <= min_lifetime:
            failed = self._call_google_auth(self._refresh_credentials)
            if isinstance(failed, EffectFailed) and remaining <= 0:
                return failed
        return self._read_token()

    def find_project(self) -> str | EffectFailed | None:
        """Return the project of the file or object, or request it with ``get_project_id`` (workload identity)."""
        project = self._project or getattr(self._credentials, "project_id", None)
        request_project = getattr(self._credentials, "get_project_id", None)
        if project is None and callable(request_project):
            project = self._call_google_auth(request_project)
        is_transient = isinstance(project, EffectFailed) and not isinstance(project.error, AuthError)
        return project if isinstance(project, str) or is_transient else None

    def _call_google_auth(self, call: Callable[["_AuthTransport"], Any]) -> Any:
        transport = _AuthTransport(self._fetch)
        try:
            return call(transport)
        except Exception as error:  # noqa: BLE001  # of google-auth, or of the caller's credentials object
            if transport.failure is not None:
                return EffectFailed(transport.failure)
            reason = mask_secrets(describe_auth_error(error), transport.sent_text)
            if _is_network_error(error):
                return EffectFailed(ConnectError("requesting a token", reason))
            return build_auth_failure(f"no token: {reason}")

    def _refresh_credentials(self, transport: "_AuthTransport") -> None:
        if not self._has_scopes:
            with delay_forks:
                add_scopes = import_module("google.auth.credentials").with_scopes_if_required
            self._credentials = add_scopes(self._credentials, [SCOPE])
            self._has_scopes = True
        result = self._credentials.refresh(transport)
        if isawaitable(result):
            asyncio.run(_await_result(result))

    def _read_token(self) -> AccessToken | EffectFailed:
        credentials, owner = self._credentials, type(self._credentials).__name__
        return build_access_token(credentials.token, _get_expiry(credentials), self._quota_project, owner=owner)


def _is_network_error(error: Exception) -> bool:
    """Whether google-auth reports a network error, which is retried; one of the credentials is a RefreshError."""
    loaded = sys.modules.get("google.auth.exceptions")  # it is, if the error is one of its own
    return loaded is not None and isinstance(error, loaded.TransportError)


def _get_remaining_seconds(credentials: Any, now: float) -> float:
    """Return for how many more seconds the token is valid: 0 without a token, infinity without an expiry."""
    if not credentials.token:
        return 0.0
    expires_at = _get_expiry(credentials)
    return float("inf") if expires_at is None else expires_at - now


def _get_expiry(credentials: Any) -> float | None:
    expiry = getattr(credentials, "expiry", None)
    if not isinstance(expiry, datetime):
        return None if expiry is None else float(expiry)
    utc = expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC)  # google-auth's are naive, in UTC
    return utc.timestamp()


async def _await_result(result: Awaitable[object]) -> None:
    await result


@dataclass
class _AuthResponse:
    """The attributes of a response that google-auth reads."""

    status: int
    headers: dict[str, str]
    data: bytes


class _AuthTransport:
    """The callable with which google-auth sends requests; `failure` is the error of the last one, or None."""

    def __init__(self, fetch: FetchFunction) -> None:
        self.failure: GenaiError | None = None
        self.sent_text = ""
        self._fetch = fetch

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **others: Any,
    ) -> _AuthResponse:
        if others:  # such as a client certificate: refused rather than ignored
            raise ValueError(f"not possible for tokens: {', '.join(sorted(others))}")
        content = body.encode() if isinstance(body, str) else body or b""
        header_lines = tuple((name, _decode_text(value)) for name, value in (headers or {}).items())
        self.sent_text += " ".join((*_extract_values(content), *(value for _, value in header_lines), ""))
        request = HttpRequest(method, url, header_lines, content)
        response = self._fetch(request, min(timeout or REQUEST_TIMEOUT, REQUEST_TIMEOUT))
        response = reject_retryable_response(response, url)
        if isinstance(response, EffectFailed):
            self.failure = response.error
            raise import_module("google.auth.exceptions").TransportError("the token request failed")
        self.failure = None
        return _AuthResponse(response.status, dict(response.headers), response.body)


def _decode_text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _extract_values(content: bytes) -> tuple[str, ...]:
    text = content.decode("utf-8", "replace")
    return tuple(value for name, value in parse_qsl(text) if name != "grant_type") or (text,)
