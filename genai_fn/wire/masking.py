"""
Masks credentials in errors: some servers repeat the key or token that they refuse, and errors are logged and pickled.

Only errors are masked. Successful responses are not changed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar, cast
from urllib.parse import unquote

from returns.result import Failure, Result

from genai_fn.errors import GenaiError
from genai_fn.http import Headers, is_credential

__all__ = ["Masker", "extract_secrets"]

T = TypeVar("T")


class Masker:
    """
    Masks the credentials of a request wherever an error repeats them.

    Credentials are the values of all headers that `is_credential` recognizes by name. Parts of a value are masked as
    well: ``abc`` of ``Bearer abc``, each value of a cookie, and an ephemeral token without ``auth_tokens/``. `secrets`
    are further texts to mask, such as the API keys of tools.

    A value of 8 characters or more is masked anywhere, also if it is percent-encoded or has JSON escapes. A value of 4
    to 7 characters is masked only as a separate word. A shorter one is not masked: no service has such keys, and most
    messages would become unreadable.

    >>> masker = Masker((("x-goog-api-key", "test-key"), ("user-agent", "me")))
    >>> masker.mask_text("Consumer 'api_key:test-key' has been suspended, by me: test%2Dkey")
    "Consumer 'api_key:***' has been suspended, by me: ***"
    """

    __slots__ = ("_secrets",)

    def __init__(self, headers: Headers, secrets: Iterable[str] = ()) -> None:
        found = {*extract_secrets(headers), *(part for each in secrets for part in _split_value("", each))}
        self._secrets = sorted((each for each in found if len(each) >= _MIN_LENGTH), key=len, reverse=True)

    def __repr__(self) -> str:
        return "Masker(***)"

    def mask_text(self, text: str) -> str:
        """Replace the credentials in a text by ``***``."""
        for secret in self._secrets:
            text = _mask_secret(text, secret)
        return text

    def mask_error(self, error: GenaiError) -> GenaiError:
        """
        Mask the credentials in all fields of an error. Returns the same object if there are none.

        If a field is nested too deeply to be searched, all texts are masked and the details are removed.
        """
        if not self._secrets:
            return error
        values = [getattr(error, each.name) for each in fields(error)]
        try:
            masked = [self._mask(value) for value in values]
        except RecursionError:  # details may be nested as deeply as the JSON parser allows
            masked = [
                _MASK if isinstance(value, str) else () if isinstance(value, tuple) else value for value in values
            ]
        if masked == values:
            return error
        rebuilt = type(error)(*masked).with_calling_history(error.calling_history)
        return rebuilt.with_failed_targets(error.failed_targets)

    def mask_result(self, result: Result[T, GenaiError]) -> Result[T, GenaiError]:
        """Mask the error of a failure; a success is returned unchanged."""
        return Failure(self.mask_error(result.failure())) if isinstance(result, Failure) else result

    def _mask(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.mask_text(value)
        if isinstance(value, GenaiError):
            return self.mask_error(value)
        if isinstance(value, tuple | list):
            items = [self._mask(each) for each in cast("list[Any]", value)]
            return tuple(items) if isinstance(value, tuple) else items
        if isinstance(value, Mapping):
            return {self._mask(name): self._mask(each) for name, each in cast("dict[Any, Any]", value).items()}
        return value


_MASK = "***"
_MIN_LENGTH = 4
_MIN_SUBSTRING_LENGTH = 8
"""Credentials of at least this length are masked within words, too."""


def extract_secrets(headers: Headers) -> set[str]:
    """
    Return the values of all headers that may be credentials, and the parts of them that are secret on their own.

    >>> sorted(extract_secrets((("authorization", "Bearer test-key"), ("user-agent", "me"))))
    ['Bearer test-key', 'test-key']
    """
    found = {each for name, value in headers if is_credential(name) for each in _split_value(name.lower(), value)}
    return found - {""}


def _split_value(name: str, value: str) -> set[str]:
    value = value.strip()
    if name == "cookie":
        return {value, *(pair.partition("=")[2].strip() for pair in value.split(";"))}
    found = {value, value.partition(" ")[2].strip()}
    return {*found, *(each.removeprefix(_EPHEMERAL) for each in found)}


_EPHEMERAL = "auth_tokens/"


def _mask_secret(text: str, secret: str) -> str:
    """Mask a credential. If it is found only after unescaping, the returned text is unescaped."""
    text = _replace_secret(text, secret)
    if "%" in text or "\\" in text:
        plain = _unescape(text)
        masked = _replace_secret(plain, secret)
        text = text if masked == plain else masked
    may_be_truncated = len(text) >= _MIN_TRUNCATED_LENGTH
    return _mask_end(text, secret) if may_be_truncated and len(secret) >= _MIN_SUBSTRING_LENGTH else text


def _replace_secret(text: str, secret: str) -> str:
    if len(secret) >= _MIN_SUBSTRING_LENGTH or secret not in text:
        return text.replace(secret, _MASK)
    return re.sub(rf"(?<![A-Za-z0-9_-]){re.escape(secret)}(?![A-Za-z0-9_-])", _MASK, text)


def _unescape(text: str) -> str:
    unescaped = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], text)
    return unquote(unescaped, errors="replace")


_ESCAPE = re.compile(r"\\+u([0-9A-Fa-f]{4})|\\+([\"/\\])")


def _mask_end(text: str, secret: str) -> str:
    """Mask the start of a credential at the end of a long text, where the text may have been truncated."""
    size = next((size for size in range(len(secret) - 1, _MIN_LENGTH - 1, -1) if text.endswith(secret[:size])), 0)
    return text[: len(text) - size] + _MASK if size else text


_MIN_TRUNCATED_LENGTH = 500
"""Texts from this length may be truncated: errors keep 500 characters, or 2,000 bytes."""
