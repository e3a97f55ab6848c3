"""Finds the recorded interaction for a request, or describes the most similar one."""

from typing import Any, TypeAlias

from genai_fn import codec
from genai_fn.http import FileSlice, HttpRequest, mask_json_fields
from genai_fn.testing.recordings.foreign.interactions import (
    ANY_BODY,
    UPLOAD_URL,
    Interaction,
    Recording,
    matches_body,
    normalize_url,
    parse_body,
)
from genai_fn.testing.recordings.sequence import RecordedSequence

_Address: TypeAlias = tuple[str, str]
"""A method and a normalized URL."""


class RecordedInteractions(RecordedSequence[Interaction]):
    """
    The interactions of a file with the API. Requests are equal if method, URL and body are.

    Args:
        recording: The file.

        in_order: If True, only the next interaction with the API can match. If False, the last of several responses to
            equal requests is returned again and again.
    """

    noun = "interactions"

    def __init__(self, recording: Recording, *, in_order: bool = False) -> None:
        calls = [each for each in recording.interactions if each.is_api_call]
        super().__init__(calls, recording.name, in_order=in_order, repeat_last=True)

    def take_interaction(self, request: HttpRequest) -> Interaction | None:
        """Return the next interaction that is equal to a request; None if there is none."""
        body = parse_body(_join_body(request))
        return self._take(_list_addresses(request), lambda each: matches_body(each.body, body))

    def describe_nearest(self, request: HttpRequest) -> str | None:
        """
        Describe how a request differs from the most similar interaction, or from the next one if order matters.

        Returns None if the file has no interactions with the API.
        """
        address = _list_addresses(request)[0]
        actual = _dump_request(address, parse_body(_join_body(request)))
        return self._describe_nearest(actual, lambda each: self._get_key(each) == address)

    def _get_key(self, call: Interaction) -> _Address:
        return call.method, call.url

    def _get_place(self, call: Interaction) -> str:
        return call.where

    def _dump_call(self, call: Interaction) -> Any:
        return _dump_request(self._get_key(call), call.body)


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


def _dump_request(address: _Address, body: Any) -> dict[str, Any]:
    return {"method": address[0], "url": address[1], **_dump_body(body)}


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
