"""google-auth's credentials, and whatever looks like them, as a source of tokens: every byte goes over our own HTTP."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from inspect import isawaitable
from typing import Any
from urllib.parse import parse_qsl

from genai_fn.backend import Secret
from genai_fn.effects import EffectFailed
from genai_fn.errors import AuthError, GenaiError
from genai_fn.http import HttpRequest
from genai_fn.interpreters.auth.token_source import (
    REQUEST_TIMEOUT,
    SCOPE,
    AccessToken,
    FetchFunction,
    build_auth_failure,
    describe_auth_error,
    is_header_text,
    mask_secrets,
    reject_retryable_response,
)

__all__ = ["GoogleAuthTokenSource"]


class GoogleAuthTokenSource:
    """Tokens of an object that has ``token`` and ``refresh(request)``, and maybe an ``expiry``."""

    def __init__(
        self, credentials: Any, fetch: FetchFunction, *, quota_project: str | None, project: str | None = None
    ) -> None:
        self._credentials = credentials
        self._has_scopes = False
        self._quota_project = quota_project
        self._project = project
        self._fetch = fetch

    def get_token(self, now: float, min_lifetime: float) -> AccessToken | EffectFailed:
        """Take the token that is there if it lasts, as others may refresh the same credentials; else refresh them."""
        lasts = _get_remaining_seconds(self._credentials, now)
        if lasts <= min_lifetime:
            failed = self._call_google_auth(self._refresh_credentials)
            if isinstance(failed, EffectFailed) and lasts <= 0:
                return failed
        return self._read_token()

    def find_project(self) -> str | EffectFailed | None:
        """Find the project in the file or the object, or by the lookup that workload identity has."""
        own = self._project or getattr(self._credentials, "project_id", None)
        look_up = getattr(self._credentials, "get_project_id", None)
        if own is None and callable(look_up):
            own = self._call_google_auth(look_up)
        found = isinstance(own, str) or (isinstance(own, EffectFailed) and not isinstance(own.error, AuthError))
        return own if found else None

    def _call_google_auth(self, question: Callable[["_AuthTransport"], Any]) -> Any:
        transport = _AuthTransport(self._fetch)
        try:
            return question(transport)
        except Exception as error:  # noqa: BLE001  # google-auth's own, or of whoever made the credentials
            if transport.failure is not None:
                return EffectFailed(transport.failure)
            return build_auth_failure(f"no token: {mask_secrets(describe_auth_error(error), transport.sent_text)}")

    def _refresh_credentials(self, transport: "_AuthTransport") -> None:
        if not self._has_scopes:
            scoped = import_module("google.auth.credentials").with_scopes_if_required
            self._credentials = scoped(self._credentials, [SCOPE])
            self._has_scopes = True
        result = self._credentials.refresh(transport)
        if isawaitable(result):
            asyncio.run(_await_result(result))

    def _read_token(self) -> AccessToken | EffectFailed:
        token = self._credentials.token
        if not is_header_text(token):
            return build_auth_failure(f"no token: {type(self._credentials).__name__} has none that fits a header")
        if self._quota_project is not None and not is_header_text(self._quota_project):
            return build_auth_failure("the quota project fits no header")
        return AccessToken(Secret(token), _get_expiry(self._credentials), self._quota_project)


def _get_remaining_seconds(credentials: Any, now: float) -> float:
    """Tell for how many seconds more the token of some credentials is good."""
    if not credentials.token:
        return 0.0
    ends = _get_expiry(credentials)
    return float("inf") if ends is None else ends - now


def _get_expiry(credentials: Any) -> float | None:
    expiry = getattr(credentials, "expiry", None)
    if not isinstance(expiry, datetime):
        return None if expiry is None else float(expiry)
    utc = expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC)  # google-auth's are UTC and do not say so
    return utc.timestamp()


async def _await_result(result: Awaitable[object]) -> None:
    await result


@dataclass
class _AuthResponse:
    """What google-auth reads of a response."""

    status: int
    headers: dict[str, str]
    data: bytes


class _AuthTransport:
    """What google-auth calls to send a request; `fault` is what became of the last one, if it was lost."""

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
        if others:  # a client certificate: better refused than left out
            raise ValueError(f"not possible for tokens: {', '.join(sorted(others))}")
        content = body.encode() if isinstance(body, str) else body or b""
        lines = tuple((name, _decode_text(value)) for name, value in (headers or {}).items())
        self.sent_text += " ".join((*_extract_values(content), *(value for _, value in lines), ""))
        request = HttpRequest(method, url, lines, content)
        answer = reject_retryable_response(self._fetch(request, min(timeout or REQUEST_TIMEOUT, REQUEST_TIMEOUT)), url)
        if isinstance(answer, EffectFailed):
            self.failure = answer.error
            raise import_module("google.auth.exceptions").TransportError("the token request was lost")
        self.failure = None
        return _AuthResponse(answer.status, dict(answer.headers), answer.body)


def _decode_text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _extract_values(content: bytes) -> tuple[str, ...]:
    text = content.decode("utf-8", "replace")
    return tuple(value for name, value in parse_qsl(text) if name != "grant_type") or (text,)
