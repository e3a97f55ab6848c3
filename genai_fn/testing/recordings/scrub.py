"""What is not written down: credentials, upload sessions, short-lived keys; and what stands in their place."""

import threading
from hashlib import sha256
from typing import Any, TypeVar, cast

from genai_fn.effects import Effects, SendRequest
from genai_fn.engine.stepper import intercept_effects
from genai_fn.http import Headers, mask_headers

__all__ = ["MASK", "KnownSecrets", "is_masked_url", "mask_query", "mask_session_url", "scrub_headers"]

T = TypeVar("T")

MASK = "***"


class KnownSecrets:
    """
    The secrets that were met so far, and what stands for each.

    Nobody has to name them: every header that says who calls is one, and passes here on its way to the wire.
    """

    def __init__(self) -> None:
        self._known: tuple[tuple[str, str], ...] = ()
        self._lock = threading.Lock()

    def add_secret(self, secret: str, stand_in: str = MASK) -> None:
        """Keep a secret; one of few letters is none, as it would be found everywhere."""
        with self._lock:
            if len(secret) >= _MIN_SECRET_LENGTH and secret != stand_in:
                known = {**dict(self._known), secret: stand_in}
                self._known = tuple(sorted(known.items(), key=_compute_sort_key))

    def watch_requests(self, effects: Effects[T]) -> Effects[T]:
        """Let a program go on as it would, and learn from the requests that it sends."""
        return intercept_effects(effects, self._learn_from_effect)

    def _learn_from_effect(self, effect: Any) -> Effects[Any]:
        if type(effect) is SendRequest:
            self.learn_from_headers(effect.request.headers)
        return (yield effect)

    def learn_from_headers(self, headers: Headers) -> None:
        """Keep the values of headers that may say who calls."""
        for (_, value), (_, shown) in zip(headers, mask_headers(headers), strict=True):
            if value != shown:
                self.add_secret(value)
                self.add_secret(value.partition(" ")[2])  # of ``Bearer …``

    def scrub_tree(self, tree: Any) -> Any:
        """Put stand-ins in the place of all secrets in a tree of JSON."""
        if isinstance(tree, str):
            for secret, stand_in in self._known:
                tree = tree.replace(secret, stand_in)
            return tree
        if isinstance(tree, dict):
            members = cast("dict[str, Any]", tree)
            return {self.scrub_tree(name): self.scrub_tree(each) for name, each in members.items()}
        if isinstance(tree, list | tuple):
            items = cast("tuple[Any, ...]", tree)
            return type(items)(map(self.scrub_tree, items))
        return tree


_MIN_SECRET_LENGTH = 8


def _compute_sort_key(pair: tuple[str, str]) -> int:
    return -len(pair[0])


# Addresses


def mask_session_url(address: str) -> str:
    """
    Name an upload session without its address, which is as good as a key; one that is a stand-in already stays.

    >>> mask_session_url(mask_session_url("https://host/upload?upload_id=1"))
    'https://session.invalid/d1790e9ea35e7745'
    """
    return address if address.startswith(_MASKED_SESSION_PREFIX) else _MASKED_SESSION_PREFIX + _hash_text(address)


def mask_query(address: str) -> str:
    """
    Take out of an address what may be signed in it.

    >>> mask_query("https://host/file?signature=1"), mask_query("https://host/file")
    ('https://host/file?scrubbed=a0544deac56b3c9b', 'https://host/file')
    """
    place, mark, query = address.partition("?")
    is_bare = not mark or query.startswith(_MASKED_QUERY_PREFIX)
    return address if is_bare else f"{place}?{_MASKED_QUERY_PREFIX}{_hash_text(query)}"


def is_masked_url(address: str) -> bool:
    """Tell an address that leads nowhere, as it comes from a recording."""
    return address.startswith(_MASKED_SESSION_PREFIX) or f"?{_MASKED_QUERY_PREFIX}" in address


def scrub_headers(headers: Headers) -> list[list[str]]:
    """Write headers down without what may be a credential, or an address that is as good as one."""
    return [[name, _HEADER_MASKS.get(name.lower(), str)(value)] for name, value in mask_headers(headers)]


_HEADER_MASKS = {"location": mask_query, "x-goog-upload-url": mask_session_url}
_MASKED_SESSION_PREFIX = "https://session.invalid/"
_MASKED_QUERY_PREFIX = "scrubbed="


def _hash_text(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
