"""
Hides credentials in errors: some servers echo the key or token that they refuse, and errors are logged and pickled.

Only failures are masked. What a server answers with success is what the caller asked for, and stays as it is.
"""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar, cast
from urllib.parse import unquote

from returns.result import Failure, Result

from genai_fn.errors import GenaiError
from genai_fn.http import Headers, is_credential

__all__ = ["Masker"]

T = TypeVar("T")


class Masker:
    """
    Masks the credentials that a request was sent with, wherever an error repeats them.

    These are the values of all headers whose names tell that they are credentials, as ``repr`` masks them. Of a value
    such as ``Bearer abc``, what follows the scheme is masked, too; of cookies, each value; of an ephemeral token, also
    what follows ``auth_tokens/``.

    A value of 8 characters or more is masked anywhere, also where it is percent-encoded or written with escapes of
    JSON. A value of 4 to 7 is masked only as a word of its own. A shorter one is not masked: no service has such keys,
    and most messages would become unreadable.

    >>> masker = Masker((("x-goog-api-key", "test-key"), ("user-agent", "me")))
    >>> masker.mask_text("Consumer 'api_key:test-key' has been suspended, says me: test%2Dkey")
    "Consumer 'api_key:***' has been suspended, says me: ***"
    """

    __slots__ = ("_secrets",)

    def __init__(self, headers: Headers) -> None:
        found = {each for name, value in headers if is_credential(name) for each in _secrets_of(name.lower(), value)}
        self._secrets = sorted((each for each in found if len(each) >= _SHORTEST), key=len, reverse=True)

    def __repr__(self) -> str:
        return "Masker(***)"

    def mask_text(self, text: str) -> str:
        """Mask the credentials in a text."""
        for secret in self._secrets:
            text = _mask_secret(text, secret)
        return text

    def mask_error(self, error: GenaiError) -> GenaiError:
        """Mask the credentials in all that an error holds; one that holds none stays the same object."""
        if not self._secrets:
            return error
        values = [getattr(error, each.name) for each in fields(error)]
        try:
            masked = [self._mask(value) for value in values]
        except RecursionError:  # details nested as deeply as a parser takes them
            masked = [
                _MASK if isinstance(value, str) else () if isinstance(value, tuple) else value for value in values
            ]
        return error if masked == values else type(error)(*masked)

    def mask_result(self, result: Result[T, GenaiError]) -> Result[T, GenaiError]:
        """Mask a failure."""
        return Failure(self.mask_error(result.failure())) if isinstance(result, Failure) else result

    def _mask(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.mask_text(value)
        if isinstance(value, tuple | list):
            items = [self._mask(each) for each in cast("list[Any]", value)]
            return tuple(items) if isinstance(value, tuple) else items
        if isinstance(value, Mapping):
            return {self._mask(name): self._mask(each) for name, each in cast("dict[Any, Any]", value).items()}
        return value


_MASK = "***"
_SHORTEST = 4
_LONG = 8
"""From this length on a credential is masked within words, too."""


def _secrets_of(name: str, value: str) -> set[str]:
    value = value.strip()
    if name == "cookie":
        return {value, *(pair.partition("=")[2].strip() for pair in value.split(";"))}
    found = {value, value.partition(" ")[2].strip()}
    return {*found, *(each.removeprefix(_EPHEMERAL) for each in found)}


_EPHEMERAL = "auth_tokens/"


def _mask_secret(text: str, secret: str) -> str:
    text = _replace(text, secret)
    if "%" in text or "\\" in text:
        plain = _unescape(text)
        masked = _replace(plain, secret)
        text = text if masked == plain else masked
    return _mask_end(text, secret) if len(text) >= _CUT and len(secret) >= _LONG else text


def _replace(text: str, secret: str) -> str:
    if len(secret) >= _LONG or secret not in text:
        return text.replace(secret, _MASK)
    return re.sub(rf"(?<![A-Za-z0-9_-]){re.escape(secret)}(?![A-Za-z0-9_-])", _MASK, text)


def _unescape(text: str) -> str:
    unescaped = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], text)
    return unquote(unescaped, errors="replace")


_ESCAPE = re.compile(r"\\+u([0-9A-Fa-f]{4})|\\+([\"/\\])")


def _mask_end(text: str, secret: str) -> str:
    """Mask the beginning of a credential where a long text was cut within it."""
    size = next((size for size in range(len(secret) - 1, _SHORTEST - 1, -1) if text.endswith(secret[:size])), 0)
    return text[: len(text) - size] + _MASK if size else text


_CUT = 500
"""Errors cut long texts to 500 characters, or to 2,000 bytes."""
