"""
Converts requests and their results to JSON trees for a recording, and recorded results back.

The JSON of a request contains everything that distinguishes it. Equal requests have equal JSON, whichever API key they
were sent with, and whichever file the uploaded bytes came from.
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
from genai_fn.codec import EXTRA_JSON_NAME
from genai_fn.effects import CallFunction, Effects
from genai_fn.errors import GenaiError, InvalidRequest, NoAnswer
from genai_fn.http import FileSlice, HttpResponse, ValueWithResponse
from genai_fn.ops.files.downloads import DownloadFile
from genai_fn.ops.files.uploads import QueryUpload, SendUploadChunk, StartStoreUpload, StartUpload, UploadProgress
from genai_fn.ops.images.editing import EditImage
from genai_fn.options import Options
from genai_fn.request import Live, Operation, Request, kind_of
from genai_fn.schema.auth_tokens import AuthToken
from genai_fn.schema.base import OpenMessage
from genai_fn.schema.safety import SafetyRating
from genai_fn.schema.secret_fields import SecretMessage
from genai_fn.testing.recordings.scrub import (
    MASK,
    KnownSecrets,
    is_masked_url,
    mask_query,
    mask_session_url,
    scrub_headers,
)
from genai_fn.wire.lenient_json import convert_json


class RecordedCall(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    One line of a recording: a request with its result or its chunks, or a live session with its messages.

    Before it has a result, `chunks` and `live` are empty and show the kind of call.
    """

    number: int = 0
    """Position in the order in which the calls began, from 1."""
    op: str
    """Name of the operation."""
    request: dict[str, Any] = {}
    options: dict[str, Any] = {}
    answer: Any = UNSET
    """The result, if the request is not streamed."""
    chunks: tuple[Any, ...] | UnsetType = UNSET
    """The items of a stream."""
    live: tuple[dict[str, Any], ...] | UnsetType = UNSET
    """The events of a live session: connections, messages in both directions, and how it ended."""
    error: dict[str, Any] | UnsetType = UNSET
    incomplete: bool = False
    """Whether the stream was not read to its end."""

    @property
    def key(self) -> bytes:
        """Equal for calls of equal requests."""
        return codec.encode((self.kind, self.op, self.request, self.options), order="sorted")

    @property
    def kind(self) -> str:
        """``whole``, ``chunks`` for a stream, or ``live``."""
        return "live" if self.live is not UNSET else "whole" if self.chunks is UNSET else "chunks"


# Requests


def record_request(
    request: Request[Any], secrets: KnownSecrets, *, in_chunks: bool
) -> Effects[RecordedCall | InvalidRequest]:
    """Convert a request. The bytes of an upload become their digest; `InvalidRequest` if their file cannot be read."""
    operation = request.operation
    secrets.learn_from_fields(operation)
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
    """Convert the request that opens a live session."""
    operation = live.operation
    secrets.learn_from_fields(operation)
    call = RecordedCall(op=operation.op, request=dump_plain(operation), options=_dump_options(live.options), live=())
    return scrub_call(call, secrets)


def scrub_call(call: RecordedCall, secrets: KnownSecrets) -> RecordedCall:
    """Mask the secrets that are known so far."""
    return replace(call, **{name: secrets.scrub_tree(getattr(call, name)) for name in _SCRUBBED_FIELDS})


_SCRUBBED_FIELDS = ("request", "options", "answer", "chunks", "live", "error")


def _dump_options(options: Options) -> dict[str, Any]:
    return {name: dump_plain(value) for name in _RECORDED_OPTIONS if (value := getattr(options, name))}


_RECORDED_OPTIONS = ("extra_body", "api_version", "with_http_response")
"""The options that can change the result. The others set URL, credentials, timeouts and retries."""


def has_masked_url(request: Request[Any]) -> bool:
    """Whether a request uses a masked URL from a recording, so that it cannot be sent."""
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
    if isinstance(operation, EditImage):  # the JSON of some reference images is equal
        pairs = zip(operation.reference_images, tree["referenceImages"], strict=True)
        tree["referenceImages"] = [{"type": type(image).__name__, **each} for image, each in pairs]
    return cast("dict[str, Any]", tree)


def _hash_data(data: bytes | FileSlice) -> dict[str, Any] | InvalidRequest:
    if isinstance(data, bytes):
        return {"sha256": sha256(data).hexdigest(), "size": len(data)}
    digest, remaining = sha256(), data.size
    try:
        with Path(data.path).open("rb") as file:
            file.seek(data.offset)
            while remaining and (chunk := file.read(min(remaining, _HASH_CHUNK_BYTES))):
                digest.update(chunk)
                remaining -= len(chunk)
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        return InvalidRequest("file", data.path, f"a file that can be read ({error})")
    return {"sha256": digest.hexdigest(), "size": data.size - remaining}


_HASH_CHUNK_BYTES = 1024 * 1024


# Results


def record_results(
    call: RecordedCall, request: Request[Any], results: tuple[Result[Any, GenaiError], ...], secrets: KnownSecrets
) -> RecordedCall:
    """Add the result of a request, or the items of a stream, to its call."""
    values = [_dump_value(each.unwrap(), request, secrets) for each in results if isinstance(each, Success)]
    last = results[-1] if results else None
    if isinstance(last, Failure) and isinstance(last.failure(), NoAnswer):
        call = replace(call, incomplete=True)
    elif isinstance(last, Failure):
        call = replace(call, error=dump_error(last.failure()))
    if call.chunks is not UNSET:
        call = replace(call, chunks=tuple(values))
    elif values:
        call = replace(call, answer=values[0])
    return scrub_call(call, secrets)


def _dump_value(value: Any, request: Request[Any], secrets: KnownSecrets) -> Any:
    if isinstance(value, ValueWithResponse):
        with_response: Any = cast("Any", value)
        value_tree = _dump_value(with_response.value, request, secrets)
        return {"value": value_tree, "http": _dump_http_response(with_response.http)}
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
    """Convert a body to text if it is UTF-8, so that people can read it and secrets in it are found; else to base64."""
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode()}


def dump_error(error: GenaiError) -> dict[str, Any]:
    """Convert an error: the name of its class, or of its nearest base class in ``genai_fn.errors``, and its fields."""
    kind = next(each for each in type(error).__mro__ if each.__name__ in errors.__all__)
    values = [(each, getattr(error, each.name)) for each in dataclasses.fields(kind)]
    members = {each.name: _dump_error_field(each.name, value) for each, value in values if value != each.default}
    return {"kind": kind.__name__, **members}


def _dump_error_field(name: str, value: Any) -> Any:
    if isinstance(value, GenaiError):
        return dump_error(value)
    return scrub_headers(value) if name == "headers" else dump_plain(value)


def dump_plain(value: Any) -> Any:
    """Convert a value to JSON. Fields with their default value are omitted, and secret fields are masked."""
    if value is None or type(value) in _LEAF_TYPES:
        return value
    if isinstance(value, Struct):
        secret_fields = value.secret_fields if isinstance(value, SecretMessage) else ()
        members = [(*names, getattr(value, names[0]), default) for *names, default in _list_fields(type(value))]
        known = {
            wire_name: MASK if name in secret_fields else dump_plain(each)
            for name, wire_name, each, default in members
            if each != default and wire_name != EXTRA_JSON_NAME
        }
        return known if not isinstance(value, OpenMessage) or value.extra is None else known | dump_plain(value.extra)
    if isinstance(value, Mapping):
        return {str(name): dump_plain(each) for name, each in cast("Any", value).items()}
    if isinstance(value, list | tuple):
        return [dump_plain(each) for each in cast("list[Any]", value)]
    try:
        return codec.to_builtins(value)
    except TypeError:  # an arbitrary object of the caller
        return repr(value)


_LEAF_TYPES = frozenset({str, bool, int, float})


@functools.cache
def _list_fields(kind: type[Struct]) -> tuple[tuple[str, str, Any], ...]:
    return tuple((each.name, each.encode_name, each.default) for each in fields(kind))


# Reading


def read_answer(call: RecordedCall, request: Request[Any]) -> Result[Any, GenaiError]:
    """Return the recorded result of a request that is not streamed."""
    return Success(_read_value(call.answer, request)) if call.error is UNSET else Failure(read_error(call.error))


def read_chunks(call: RecordedCall, request: Request[Any]) -> tuple[Result[Any, GenaiError], ...]:
    """Return the recorded items of a stream. If it was not read to its end, the last one is `NoAnswer`."""
    chunks = () if call.chunks is UNSET else call.chunks
    items: list[Result[Any, GenaiError]] = [Success(_read_value(each, request)) for each in chunks]
    if call.error is not UNSET:
        items.append(Failure(read_error(call.error)))
    elif call.incomplete:
        nearest = f"call {call.number}, a stream that was read only up to chunk {len(chunks)}"
        items.append(Failure(NoAnswer(request, nearest)))
    return tuple(items)


def _read_value(tree: Any, request: Request[Any]) -> Any:
    if request.options.with_http_response and isinstance(tree, dict) and set(cast("Any", tree)) == {"value", "http"}:
        parts = cast("dict[str, Any]", tree)
        return ValueWithResponse(_convert_value(parts["value"], request), _read_http_response(parts["http"]))
    return _convert_value(tree, request)


def _convert_value(tree: Any, request: Request[Any]) -> Any:
    kind = kind_of(request.operation)
    if kind is UploadProgress:
        return UploadProgress(tree["is_final"], tree.get("received"), _read_body(tree))
    return convert_json(tree, kind)


def _read_http_response(tree: dict[str, Any]) -> HttpResponse:
    return HttpResponse(tree["status"], tuple((name, value) for name, value in tree["headers"]), _read_body(tree))


def _read_body(tree: dict[str, Any]) -> bytes:
    body: bytes = tree["text"].encode() if "text" in tree else b64decode(tree["base64"])
    return body


def read_error(tree: dict[str, Any]) -> GenaiError:
    """Convert JSON to an error. Raises LookupError if there is no error class of that name."""
    if tree["kind"] not in errors.__all__:
        raise LookupError(f"no error is named {tree['kind']}")
    kind: Any = getattr(errors, tree["kind"])
    members = {name: each for name, each in tree.items() if name != "kind"}
    hints = {**get_type_hints(kind), "safety_ratings": tuple[SafetyRating, ...]}
    values = {
        name: read_error(each) if hints[name] is GenaiError else codec.convert(each, hints[name])
        for name, each in members.items()
    }
    error: GenaiError = kind(**values)
    return error
