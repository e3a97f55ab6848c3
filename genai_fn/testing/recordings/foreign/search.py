"""Finds the recorded interaction for a request, or describes the most similar one."""

import threading
from difflib import SequenceMatcher
from typing import Any, TypeAlias

from genai_fn import codec
from genai_fn.http import FileSlice, HttpRequest, mask_json_fields
from genai_fn.testing.recordings.calls import MultilineText, format_difference
from genai_fn.testing.recordings.foreign.interactions import (
    ANY_BODY,
    UPLOAD_URL,
    Interaction,
    Recording,
    matches_body,
    normalize_url,
    parse_body,
)

_Address: TypeAlias = tuple[str, str]
"""A method and a normalized URL."""


class RecordedInteractions:
    """
    The interactions of a file. Requests with equal method, URL and body get the recorded responses one after another.

    Args:
        recording: The file.

        in_order: If True, only the next interaction with the API can match. If False, the last of several responses to
            equal requests is returned again and again.
    """

    def __init__(self, recording: Recording, *, in_order: bool = False) -> None:
        self._name = recording.name
        self._in_order = in_order
        self._calls = [each for each in recording.interactions if each.is_api_call]
        self._by_address: dict[_Address, list[int]] = {}
        for position, each in enumerate(self._calls):
            self._by_address.setdefault((each.method, each.url), []).append(position)
        self._used: set[int] = set()
        self._position = 0
        self._lock = threading.Lock()

    def take_interaction(self, request: HttpRequest) -> Interaction | None:
        """Return the next interaction that is equal to a request; None if there is none."""
        addresses, body = _list_addresses(request), parse_body(_join_body(request))
        with self._lock:
            return self._take_in_order(addresses, body) if self._in_order else self._take_matching(addresses, body)

    def _take_in_order(self, addresses: tuple[_Address, ...], body: Any) -> Interaction | None:
        found = self._calls[self._position] if self._position < len(self._calls) else None
        if found is None or (found.method, found.url) not in addresses or not matches_body(found.body, body):
            return None
        self._position += 1
        return found

    def _take_matching(self, addresses: tuple[_Address, ...], body: Any) -> Interaction | None:
        last: int | None = None
        for position in (each for address in addresses for each in self._by_address.get(address, ())):
            if matches_body(self._calls[position].body, body):
                last = position
                if position not in self._used:
                    self._used.add(position)
                    break
        return None if last is None else self._calls[last]

    def describe_nearest(self, request: HttpRequest) -> str | None:
        """
        Describe how a request differs from the most similar interaction, or from the next one if order matters.

        Returns None if the file has no interactions with the API.
        """
        (method, url), body = _list_addresses(request)[0], parse_body(_join_body(request))
        actual = _dump_request(method, url, body)
        if self._in_order:
            if self._position >= len(self._calls):
                return MultilineText(f"nothing: {self._name} has no more interactions")
            found = self._calls[self._position]
        else:
            same = [self._calls[each] for each in self._by_address.get((method, url), ())] or self._calls
            if not same:
                return None
            text = codec.encode(actual)[:_MAX_COMPARED_BYTES].decode("utf-8", "replace")
            found = max(same[:_MAX_CANDIDATES], key=lambda each: _compute_similarity(each, text))
        return format_difference(found.where, _dump_request(found.method, found.url, found.body), actual)


_MAX_CANDIDATES = 50
_MAX_COMPARED_BYTES = 2000
"""Limits of the search for the most similar interaction: `SequenceMatcher` takes quadratic time."""


def _compute_similarity(recorded: Interaction, text: str) -> float:
    dumped = codec.encode(_dump_request(recorded.method, recorded.url, recorded.body))
    return SequenceMatcher(None, dumped[:_MAX_COMPARED_BYTES].decode("utf-8", "replace"), text).ratio()


def _list_addresses(request: HttpRequest) -> tuple[_Address, ...]:
    """List the addresses of a request in recordings: its own and, for upload data, google-genai's `UPLOAD_URL`."""
    address = (request.method, normalize_url(request.url))
    is_upload = any(name == "x-goog-upload-command" and "upload" in value for name, value in request.headers)
    return (address, (request.method, UPLOAD_URL)) if is_upload else (address,)


def _join_body(request: HttpRequest) -> bytes:
    """Return the body of a request as bytes. It is not a file: the transport has read it before."""
    match request.body:
        case bytes():
            return request.body
        case tuple():
            return b"".join(request.body)
        case FileSlice():  # for type checkers
            return b""


def _dump_request(method: str, url: str, body: Any) -> dict[str, Any]:
    return {"method": method, "url": url, **_dump_body(body)}


def _dump_body(body: Any) -> dict[str, Any]:
    if body is ANY_BODY or body is None:
        return {}
    if isinstance(body, bytes):
        return {"body": f"{len(body)} bytes"}
    masked = mask_json_fields(codec.encode(body))
    try:
        return {"body": codec.decode(masked)}
    except ValueError:  # a masked value was an object, so the text is no longer JSON
        return {"body": masked.decode("utf-8", "replace")}
