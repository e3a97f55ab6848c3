"""Masks secrets in recordings: credentials, upload URLs, signed URLs and ephemeral tokens."""

import threading
from hashlib import sha256
from typing import Any, TypeVar, cast

from genai_fn.effects import Effects, Race, RunAll, SendRequest, Spawn
from genai_fn.engine.stepper import intercept_effects, wrap_programs
from genai_fn.http import Headers, mask_headers
from genai_fn.wire.masking import extract_secrets
from genai_fn.wire.secret_values import find_secrets

T = TypeVar("T")

MASK = "***"


class KnownSecrets:
    """
    The secrets found so far, each with the mask that replaces it in recordings.

    They need no configuration: they are the values of credential headers in requests, and of secret fields, such as the
    API keys of tools.
    """

    def __init__(self) -> None:
        self._known: tuple[tuple[str, str], ...] = ()
        self._lock = threading.Lock()

    def add_secret(self, secret: str, mask: str = MASK) -> None:
        """Add a secret; one of fewer than 8 characters is ignored, as it would match ordinary text."""
        with self._lock:
            if len(secret) >= _MIN_SECRET_LENGTH and secret != mask:
                known = {**dict(self._known), secret: mask}
                self._known = tuple(sorted(known.items(), key=lambda pair: -len(pair[0])))  # one may contain another

    def watch_requests(self, effects: Effects[T]) -> Effects[T]:
        """Wrap a program, so that the credentials in its requests are added before they are sent."""
        return intercept_effects(effects, self._learn_from_effect)

    def _learn_from_effect(self, effect: Any) -> Effects[Any]:
        if type(effect) is SendRequest:
            self.learn_from_headers(effect.request.headers)
        elif isinstance(effect, RunAll | Race | Spawn):
            return (yield wrap_programs(effect, self.watch_requests))
        return (yield effect)

    def learn_from_headers(self, headers: Headers) -> None:
        """Add the values of headers that may contain credentials."""
        for each in extract_secrets(headers):
            self.add_secret(each)

    def learn_from_fields(self, operation: Any) -> None:
        """Add the values of the secret fields in an operation."""
        for each in find_secrets(operation):
            self.add_secret(each)

    def scrub_tree(self, tree: Any) -> Any:
        """Replace all secrets in the strings and keys of a JSON tree by their masks."""
        if isinstance(tree, str):
            for secret, mask in self._known:
                tree = tree.replace(secret, mask)
            return tree
        if isinstance(tree, dict):
            members = cast("dict[str, Any]", tree)
            return {self.scrub_tree(name): self.scrub_tree(each) for name, each in members.items()}
        if isinstance(tree, list | tuple):
            items = cast("tuple[Any, ...]", tree)
            return type(items)(map(self.scrub_tree, items))
        return tree


_MIN_SECRET_LENGTH = 8


# URLs


def mask_session_url(url: str) -> str:
    """
    Replace the URL of an upload session, which grants access, by a hash. A masked URL is returned unchanged.

    >>> mask_session_url(mask_session_url("https://host/upload?upload_id=1"))
    'https://session.invalid/d1790e9ea35e7745'
    """
    return url if url.startswith(_MASKED_SESSION_PREFIX) else _MASKED_SESSION_PREFIX + _hash_text(url)


def mask_query(url: str) -> str:
    """
    Replace the query of a URL, which may contain a signature, by a hash. A masked URL is returned unchanged.

    >>> mask_query("https://host/file?signature=1"), mask_query("https://host/file")
    ('https://host/file?scrubbed=a0544deac56b3c9b', 'https://host/file')
    """
    address, mark, query = url.partition("?")
    if not mark or query.startswith(_MASKED_QUERY_PREFIX):
        return url
    return f"{address}?{_MASKED_QUERY_PREFIX}{_hash_text(query)}"


def is_masked_url(url: str) -> bool:
    """Whether `mask_session_url` or `mask_query` has masked a URL, so that no request can be sent to it."""
    return url.startswith(_MASKED_SESSION_PREFIX) or f"?{_MASKED_QUERY_PREFIX}" in url


def scrub_headers(headers: Headers) -> list[list[str]]:
    """Convert headers to lists of name and value, with credentials and URLs that grant access masked."""
    return [[name, _HEADER_MASKS.get(name.lower(), str)(value)] for name, value in mask_headers(headers)]


_HEADER_MASKS = {"location": mask_query, "x-goog-upload-url": mask_session_url}
_MASKED_SESSION_PREFIX = "https://session.invalid/"
_MASKED_QUERY_PREFIX = "scrubbed="


def _hash_text(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
