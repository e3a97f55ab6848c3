"""The protocol of token sources, and what they share: scope, timeouts, checks and masking of errors."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeGuard
from urllib.parse import urlsplit

from genai_fn.backend import Secret
from genai_fn.effects import EffectFailed
from genai_fn.errors import APIError, AuthError, ClientError, RateLimited, ServerError
from genai_fn.http import HttpRequest, HttpResponse

FetchFunction: TypeAlias = Callable[[HttpRequest, float], HttpResponse | EffectFailed]
"""Sends one request with a timeout in seconds; raises nothing, and follows no redirect."""

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
REQUEST_TIMEOUT = 30.0  # seconds for one request


@dataclass(frozen=True)
class AccessToken:
    """A token, its expiry (seconds since 1970, None for unknown), and the project whose quota its requests use."""

    token: Secret
    expires_at: float | None
    quota_project: str | None = None


class TokenSource(Protocol):
    """Where OAuth tokens come from."""

    def get_token(self, now: float, min_lifetime: float) -> AccessToken | EffectFailed:
        """Return a token that is valid for another `min_lifetime` seconds, or for less if there is no better one."""
        ...

    def find_project(self) -> str | EffectFailed | None:
        """Return the project of the credentials; None if they have none."""
        ...


def reject_retryable_response(response: HttpResponse | EffectFailed, url: str) -> HttpResponse | EffectFailed:
    """Turn status 408, 429 and 5xx into a failure, which our own retry repeats; google-auth would block in a sleep."""
    if isinstance(response, EffectFailed) or (response.status < 500 and response.status not in (408, 429)):
        return response
    status = response.status
    kind: type[APIError] = RateLimited if status == 429 else ServerError if status >= 500 else ClientError
    retry_headers = tuple(pair for pair in response.headers if pair[0] in ("date", "retry-after"))
    return EffectFailed(kind(status, "", f"no token: {urlsplit(url).hostname} answered {status}", (), retry_headers))


def build_access_token(
    token: object, expires_at: float | None, quota_project: str | None, *, owner: str
) -> AccessToken | EffectFailed:
    """Build a token; fails if it, or the quota project, is not valid in a header, as h11's error would quote it."""
    if not _is_header_text(token):
        return build_auth_failure(f"no token: {owner} has none that is valid in a header")
    if quota_project is not None and not _is_header_text(quota_project):
        return build_auth_failure("the quota project is not valid in a header")
    return AccessToken(Secret(token), expires_at, quota_project)


def _is_header_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and re.fullmatch(r"[\x21-\x7e]+", value) is not None


def build_auth_failure(message: str) -> EffectFailed:
    """Build an `AuthError` as a failure."""
    return EffectFailed(AuthError(message))


def describe_auth_error(error: Exception) -> str:
    """Return the first argument and the type of an error: google-auth's further arguments contain whole responses."""
    first = error.args[0] if error.args else None
    kind = type(error).__name__
    return f"{first} ({kind})" if isinstance(first, str) else kind


def mask_secrets(text: str, sent: str) -> str:
    """
    Replace by ``***`` what may be a secret: words of 32 characters or more, and words that occur in `sent`.

    >>> mask_secrets("invalid_grant: test-token has expired", "Bearer test-token")
    'invalid_grant: *** has expired'
    >>> mask_secrets("no such token=test-token.", "Bearer test-token")
    'no such token=***.'
    """
    for words in (_LONG_WORDS, _LONG_PARTS):
        text = words.sub(lambda word: "***" if len(word[0]) >= _SECRET_LENGTH or word[0] in sent else word[0], text)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"


_LONG_WORDS = re.compile(r"[A-Za-z0-9_\-.~+=]{8,}")
_LONG_PARTS = re.compile(r"[A-Za-z0-9_\-~+][A-Za-z0-9_\-.~+]{6,}[A-Za-z0-9_\-~+]")
"""Words without the sign before them and the dot after them, as in ``token=abcdefgh.``"""
_SECRET_LENGTH = 32
_MAX_SHOWN = 300
