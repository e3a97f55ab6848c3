"""What it takes to be granted a token: the words that every source of tokens shares."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias
from urllib.parse import urlsplit

from genai_fn.backend import Secret
from genai_fn.effects import EffectFailed
from genai_fn.errors import APIError, AuthError, ClientError, RateLimited, ServerError
from genai_fn.http import HttpRequest, HttpResponse

__all__ = [
    "REQUEST_TIMEOUT",
    "SCOPE",
    "AccessToken",
    "FetchFunction",
    "TokenSource",
    "build_auth_failure",
    "describe_auth_error",
    "is_header_text",
    "mask_secrets",
    "reject_retryable_response",
]

FetchFunction: TypeAlias = Callable[[HttpRequest, float], HttpResponse | EffectFailed]
"""Perform one request within so many seconds; never raises, and follows no redirect."""

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
REQUEST_TIMEOUT = 30.0  # seconds for one request on the way to a token


@dataclass(frozen=True)
class AccessToken:
    """A token, when it ends (seconds since 1970, None for never), and the project whose quota it uses."""

    token: Secret
    expires_at: float | None
    quota_project: str | None = None


class TokenSource(Protocol):
    """Something that grants tokens."""

    def get_token(self, now: float, min_lifetime: float) -> AccessToken | EffectFailed:
        """Get a token that lasts for `least` seconds more, or as long as can be."""
        ...

    def find_project(self) -> str | EffectFailed | None:
        """Find the project that the credentials belong to."""
        ...


def reject_retryable_response(answer: HttpResponse | EffectFailed, url: str) -> HttpResponse | EffectFailed:
    """Take an answer that may be another one next time for lost: our own retry repeats it, google-auth would sleep."""
    if isinstance(answer, EffectFailed) or (answer.status < 500 and answer.status not in (408, 429)):
        return answer
    kind: type[APIError] = RateLimited if answer.status == 429 else ServerError if answer.status >= 500 else ClientError
    advice = tuple(pair for pair in answer.headers if pair[0] in ("date", "retry-after"))
    return EffectFailed(
        kind(answer.status, "", f"no token: {urlsplit(url).hostname} answered {answer.status}", (), advice)
    )


def is_header_text(value: object) -> bool:
    """Tell whether something is text that can stand in a header: an illegal one would be quoted in the error."""
    return isinstance(value, str) and re.fullmatch(r"[\x21-\x7e]+", value) is not None


def build_auth_failure(message: str) -> EffectFailed:
    """Say why there is no token."""
    return EffectFailed(AuthError(message))


def describe_auth_error(error: Exception) -> str:
    """Read an error's own sentence: google-auth puts whole answers, tokens and all, behind it."""
    first = error.args[0] if error.args else None
    kind = type(error).__name__
    return f"{first} ({kind})" if isinstance(first, str) else kind


def mask_secrets(text: str, sent: str) -> str:
    """
    Mask what may be a secret: long words, and the other side's echo of what was sent.

    >>> mask_secrets("invalid_grant: test-token has expired", "Bearer test-token")
    'invalid_grant: *** has expired'
    """
    masked = _LONG_WORD.sub(lambda word: "***" if len(word[0]) >= _SECRET_LENGTH or word[0] in sent else word[0], text)
    return masked if len(masked) <= _MAX_SHOWN else masked[:_MAX_SHOWN] + "…"


_LONG_WORD = re.compile(r"[A-Za-z0-9_\-.~+=]{8,}")
_SECRET_LENGTH = 32
_MAX_SHOWN = 300
