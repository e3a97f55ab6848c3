"""
Serializes requests and results to JSON for recordings, and reads results back.

A request is reduced to what distinguishes it from others, so that two recorded calls of one request are equal, whatever
key it was sent with, and from whichever file its bytes came.
"""

import dataclasses
import functools
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, cast, get_type_hints

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import fields, replace
from returns.result import Failure, Result, Success

from genai_fn import codec, errors
from genai_fn.effects import CallFunction, Effects
from genai_fn.errors import GenaiError, InvalidRequest, NoAnswer
from genai_fn.http import FileSlice, HttpResponse, ValueWithResponse
from genai_fn.ops.files.downloads import DownloadFile
from genai_fn.ops.files.uploads import QueryUpload, SendUploadChunk, StartStoreUpload, StartUpload, UploadProgress
from genai_fn.ops.images.editing import EditImage
from genai_fn.options import Options
from genai_fn.request import Live, Operation, Request, kind_of
from genai_fn.schema import AuthToken, SafetyRating
from genai_fn.schema.secret_fields import SecretMessage
from genai_fn.testing.recordings.scrub import (
    MASK,
    KnownSecrets,
    is_masked_url,
    mask_query,
    mask_session_url,
    scrub_headers,
)

__all__ = [
    "RecordedCall",
    "dump_error",
    "dump_plain",
    "has_masked_url",
    "read_answer",
    "read_chunks",
    "read_error",
    "record_live",
    "record_request",
    "record_results",
    "scrub_call",
]


class RecordedCall(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    One line of a recording: a request with its answer, whole or in chunks, or a live session with its messages.

    `number` counts calls in the order in which they began. A stream that was not read to its end was `left`.
    """

    number: int = 0
    op: str
    request: dict[str, Any] = {}
    options: dict[str, Any] = {}
    answer: Any = UNSET
    chunks: tuple[Any, ...] | UnsetType = UNSET
    live: tuple[dict[str, Any], ...] | UnsetType = UNSET
    error: dict[str, Any] | UnsetType = UNSET
    left: bool = False

    @property
    def key(self) -> bytes:
        """What recorded calls of equal requests have in common."""
        return codec.encode((self.answer_kind, self.op, self.request, self.options), order="sorted")

    @property
    def answer_kind(self) -> str:
        """How it is answered: ``"whole"``, in ``"chunks"``, or ``"live"``."""
        return "live" if self.live is not UNSET else "whole" if self.chunks is UNSET else "chunks"


# Requests


def record_request(
    request: Request[Any], secrets: KnownSecrets, *, in_chunks: bool
) -> Effects[RecordedCall | InvalidRequest]:
    """Serialize a request; the bytes of an upload, from wherever they come, are reduced to their digest."""
    operation = request.operation
    if isinstance(operation, SendUploadChunk | QueryUpload):
        secrets.add_secret(operation.session, mask_session_url(operation.session))
    tree = _dump_operation(operation)
    if isinstance(operation, SendUploadChunk):
        digest = yield CallFunction(_hash_data, (operation.data,), in_thread=isinstance(operation.data, FileSlice))
        if isinstance(digest, InvalidRequest):
            return digest
        tree["data"] = digest
    call = RecordedCall(
        op=operation.op, request=tree, options=_dump_options(request.options), chunks=() if in_chunks else UNSET
    )
    return scrub_call(call, secrets)


def record_live(live: Live[Any], secrets: KnownSecrets) -> RecordedCall:
    """Serialize the opening of a live session."""
    operation = live.operation
    call = RecordedCall(op=operation.op, request=dump_plain(operation), options=_dump_options(live.options), live=())
    return scrub_call(call, secrets)


def scrub_call(call: RecordedCall, secrets: KnownSecrets) -> RecordedCall:
    """Replace all known secrets by their placeholders."""
    return replace(call, **{name: secrets.scrub_tree(getattr(call, name)) for name in _SCRUBBED_FIELDS})


_SCRUBBED_FIELDS = ("request", "options", "answer", "chunks", "live", "error")


def _dump_options(options: Options) -> dict[str, Any]:
    return {name: dump_plain(value) for name in _RECORDED_OPTIONS if (value := getattr(options, name))}


_RECORDED_OPTIONS = ("extra_body", "api_version", "with_http_response")
"""The options that change the answer; the others set address, credential, timeouts and retries."""


def has_masked_url(request: Request[Any]) -> bool:
    """Return whether a request contains an address that a recording has masked, which no server can answer."""
    operation = request.operation
    if isinstance(operation, SendUploadChunk | QueryUpload):
        return is_masked_url(operation.session)
    return isinstance(operation, DownloadFile) and is_masked_url(operation.address)


def _dump_operation(operation: Operation[Any]) -> dict[str, Any]:
    if isinstance(operation, SendUploadChunk):
        operation = replace(operation, data=b"")
    tree = dump_plain(operation)
    if isinstance(operation, SendUploadChunk | QueryUpload):
        tree["session"] = mask_session_url(operation.session)
    if isinstance(operation, DownloadFile) and operation.address:
        tree["address"] = mask_query(operation.address)
    if isinstance(operation, EditImage):  # some types of its images look alike in JSON
        named = zip(operation.reference_images, tree["referenceImages"], strict=True)
        tree["referenceImages"] = [{"type": type(image).__name__, **each} for image, each in named]
    return cast("dict[str, Any]", tree)


def _hash_data(data: bytes | FileSlice) -> dict[str, Any] | InvalidRequest:
    if isinstance(data, bytes):
        return {"sha256": sha256(data).hexdigest(), "size": len(data)}
    digest, left = sha256(), data.size
    try:
        with Path(data.path).open("rb") as file:
            file.seek(data.offset)
            while left and (chunk := file.read(min(left, _HASH_CHUNK_BYTES))):
                digest.update(chunk)
                left -= len(chunk)
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        return InvalidRequest("file", data.path, f"a file that can be read ({error})")
    return {"sha256": digest.hexdigest(), "size": data.size - left}


_HASH_CHUNK_BYTES = 1024 * 1024


# Results


def record_results(
    call: RecordedCall, request: Request[Any], results: tuple[Result[Any, GenaiError], ...], secrets: KnownSecrets
) -> RecordedCall:
    """Add the result of a whole answer, or those of a stream, to a recorded call."""
    values = [_dump_value(each.unwrap(), request, secrets) for each in results if isinstance(each, Success)]
    last = results[-1] if results else None
    if isinstance(last, Failure) and isinstance(last.failure(), NoAnswer):
        call = replace(call, left=True)
    elif isinstance(last, Failure):
        call = replace(call, error=dump_error(last.failure()))
    if call.chunks is not UNSET:
        call = replace(call, chunks=tuple(values))
    elif values:
        call = replace(call, answer=values[0])
    return scrub_call(call, secrets)


def _dump_value(value: Any, request: Request[Any], secrets: KnownSecrets) -> Any:
    if isinstance(value, ValueWithResponse):
        answer: Any = cast("Any", value)
        return {"value": _dump_value(answer.value, request, secrets), "http": _dump_http_response(answer.http)}
    if isinstance(request.operation, StartUpload | StartStoreUpload):
        secrets.add_secret(value, mask_session_url(value))
        return mask_session_url(value)
    if isinstance(value, AuthToken) and value.name is not None:
        secrets.add_secret(value.name, _MASKED_TOKEN_NAME)
        return {**dump_plain(value), "name": _MASKED_TOKEN_NAME}
    if isinstance(value, UploadProgress):
        return {**dump_plain(replace(value, body=b"")), **_dump_body(value.body)}
    return dump_plain(value)


_MASKED_TOKEN_NAME = f"auth_tokens/{MASK}"


def _dump_http_response(response: HttpResponse) -> dict[str, Any]:
    return {"status": response.status, "headers": scrub_headers(response.headers), **_dump_body(response.body)}


def _dump_body(data: bytes) -> dict[str, str]:
    """Serialize a body as text where possible: people read it, and secrets are found in it."""
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode()}


def dump_error(error: GenaiError) -> dict[str, Any]:
    """Serialize an error: the name of its nearest public class, and its fields."""
    kind = next(each for each in type(error).__mro__ if each.__name__ in errors.__all__)
    values = [(each, getattr(error, each.name)) for each in dataclasses.fields(kind)]
    members = {each.name: _dump_error_field(each.name, value) for each, value in values if value != each.default}
    return {"kind": kind.__name__, **members}


def _dump_error_field(name: str, value: Any) -> Any:
    return scrub_headers(value) if name == "headers" else dump_plain(value)


def dump_plain(value: Any) -> Any:
    """Convert a value to plain JSON; leaves out defaults, and masks the fields that a repr masks."""
    if value is None or type(value) in _LEAF_TYPES:
        return value
    if isinstance(value, Struct):
        secret = value.secret_fields if isinstance(value, SecretMessage) else ()
        values = [(name, word, getattr(value, name), default) for name, word, default in _list_fields(type(value))]
        return {
            word: MASK if name in secret else dump_plain(each)
            for name, word, each, default in values
            if each != default
        }
    if isinstance(value, Mapping):
        return {str(name): dump_plain(each) for name, each in cast("Any", value).items()}
    if isinstance(value, list | tuple):
        return [dump_plain(each) for each in cast("list[Any]", value)]
    try:
        return codec.to_builtins(value)
    except TypeError:  # a user's own type where any is accepted
        return repr(value)


_LEAF_TYPES = frozenset({str, bool, int, float})


@functools.cache
def _list_fields(kind: type[Struct]) -> tuple[tuple[str, str, Any], ...]:
    return tuple((each.name, each.encode_name, each.default) for each in fields(kind))


# Reading


def read_answer(call: RecordedCall, request: Request[Any]) -> Result[Any, GenaiError]:
    """Read the recorded result of a request."""
    return Success(_read_value(call.answer, request)) if call.error is UNSET else Failure(read_error(call.error))


def read_chunks(call: RecordedCall, request: Request[Any]) -> tuple[Result[Any, GenaiError], ...]:
    """Read the recorded items of a stream; one that was left ends with `NoAnswer`, as the rest is unknown."""
    chunks = () if call.chunks is UNSET else call.chunks
    items: list[Result[Any, GenaiError]] = [Success(_read_value(each, request)) for each in chunks]
    if call.error is not UNSET:
        items.append(Failure(read_error(call.error)))
    elif call.left:
        items.append(
            Failure(NoAnswer(request, f"number {call.number}, a stream that was left after {len(chunks)} chunks"))
        )
    return tuple(items)


def _read_value(tree: Any, request: Request[Any]) -> Any:
    if request.options.with_http_response and isinstance(tree, dict) and set(cast("Any", tree)) == {"value", "http"}:
        answer = cast("dict[str, Any]", tree)
        return ValueWithResponse(_convert_value(answer["value"], request), _read_http_response(answer["http"]))
    return _convert_value(tree, request)


def _convert_value(tree: Any, request: Request[Any]) -> Any:
    kind = kind_of(request.operation)
    if kind is UploadProgress:
        return UploadProgress(tree["is_final"], tree.get("received"), _read_body(tree))
    return codec.convert(tree, kind)


def _read_http_response(tree: dict[str, Any]) -> HttpResponse:
    return HttpResponse(tree["status"], tuple((name, value) for name, value in tree["headers"]), _read_body(tree))


def _read_body(tree: dict[str, Any]) -> bytes:
    body: bytes = tree["text"].encode() if "text" in tree else b64decode(tree["base64"])
    return body


def read_error(tree: dict[str, Any]) -> GenaiError:
    """Read an error."""
    kind: Any = getattr(errors, tree["kind"])
    members = {name: each for name, each in tree.items() if name != "kind"}
    hints = {**get_type_hints(kind), "safety_ratings": tuple[SafetyRating, ...]}
    error: GenaiError = kind(**{name: codec.convert(each, hints[name]) for name, each in members.items()})
    return error
