"""What is not written down: credentials, upload sessions, short-lived keys; and what stands in their place."""

import threading
from hashlib import sha256
from typing import Any, TypeVar, cast

from genai_fn.effects import Effects, Open
from genai_fn.http import Headers, masked

__all__ = ["MASK", "Secrets", "covered", "is_stand_in", "session_stand_in", "without_query"]

T = TypeVar("T")

MASK = "***"


class Secrets:
    """
    The secrets that were met so far, and what stands for each.

    Nobody has to name them: every header that says who calls is one, and passes here on its way to the wire.
    """

    def __init__(self) -> None:
        self._known: tuple[tuple[str, str], ...] = ()
        self._lock = threading.Lock()

    def learn(self, secret: str, stand_in: str = MASK) -> None:
        """Keep a secret; one of few letters is none, as it would be found everywhere."""
        with self._lock:
            if len(secret) >= _SHORTEST and secret != stand_in:
                known = {**dict(self._known), secret: stand_in}
                self._known = tuple(sorted(known.items(), key=_longest_first))

    def watching(self, effects: Effects[T]) -> Effects[T]:
        """Let a program go on as it would, and learn from the requests that it sends."""
        answer: Any = None
        raised: Exception | None = None
        while True:
            try:
                effect = effects.send(answer) if raised is None else effects.throw(raised)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # what the generator returns
            if type(effect) is Open:
                self.learn_from(effect.request.headers)
            answer = raised = None
            try:
                answer = yield effect
            except Exception as error:  # noqa: BLE001  # for the program itself to see
                raised = error

    def learn_from(self, headers: Headers) -> None:
        """Keep the values of headers that may say who calls."""
        for (_, value), (_, shown) in zip(headers, masked(headers), strict=True):
            if value != shown:
                self.learn(value)
                self.learn(value.partition(" ")[2])  # of ``Bearer …``

    def scrubbed(self, tree: Any) -> Any:
        """Put stand-ins in the place of all secrets in a tree of JSON."""
        if isinstance(tree, str):
            for secret, stand_in in self._known:
                tree = tree.replace(secret, stand_in)
            return tree
        if isinstance(tree, dict):
            members = cast("dict[str, Any]", tree)
            return {self.scrubbed(name): self.scrubbed(each) for name, each in members.items()}
        if isinstance(tree, list | tuple):
            items = cast("tuple[Any, ...]", tree)
            return type(items)(map(self.scrubbed, items))
        return tree


_SHORTEST = 8


def _longest_first(pair: tuple[str, str]) -> int:
    return -len(pair[0])


# Addresses


def session_stand_in(address: str) -> str:
    """
    Name an upload session without its address, which is as good as a key; one that is a stand-in already stays.

    >>> session_stand_in(session_stand_in("https://host/upload?upload_id=1"))
    'https://session.invalid/d1790e9ea35e7745'
    """
    return address if address.startswith(_SESSION) else _SESSION + _digest(address)


def without_query(address: str) -> str:
    """
    Take out of an address what may be signed in it.

    >>> without_query("https://host/file?signature=1"), without_query("https://host/file")
    ('https://host/file?scrubbed=a0544deac56b3c9b', 'https://host/file')
    """
    place, mark, query = address.partition("?")
    is_bare = not mark or query.startswith(_SCRUBBED)
    return address if is_bare else f"{place}?{_SCRUBBED}{_digest(query)}"


def is_stand_in(address: str) -> bool:
    """Tell an address that leads nowhere, as it comes from a recording."""
    return address.startswith(_SESSION) or f"?{_SCRUBBED}" in address


def covered(headers: Headers) -> list[list[str]]:
    """Write headers down without what may be a credential, or an address that is as good as one."""
    return [[name, _WAYS.get(name.lower(), str)(value)] for name, value in masked(headers)]


_WAYS = {"location": without_query, "x-goog-upload-url": session_stand_in}
_SESSION = "https://session.invalid/"
_SCRUBBED = "scrubbed="


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
