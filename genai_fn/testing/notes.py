"""
How requests and their results are written down, as trees of JSON, and how results are read back.

Of a request that is all by which it is told from others; so two notes of one request are equal, whatever key it was
sent with, and from whichever file its bytes came.
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
from genai_fn.effects import Effects, Invoke
from genai_fn.errors import GenaiError, InvalidRequest, NoAnswer
from genai_fn.http import FileSlice, HttpResponse, Replied
from genai_fn.ops.downloads import DownloadFile
from genai_fn.ops.image_editing import EditImage
from genai_fn.ops.uploads import Progress, QueryUpload, SendPiece, StartStoreUpload, StartUpload
from genai_fn.options import Options
from genai_fn.request import Live, Operation, Request, kind_of
from genai_fn.schema import AuthToken, SafetyRating
from genai_fn.testing.scrubbing import MASK, Secrets, covered, is_stand_in, session_stand_in, without_query

__all__ = [
    "Note",
    "answered",
    "error_of",
    "is_of_a_recording",
    "noted",
    "noted_live",
    "plain",
    "read_answer",
    "read_chunks",
    "scrubbed",
    "written_error",
]


class Note(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    One exchange: what was asked, and what was answered, whole or in chunks; or one session, with all that was said in
    it. It has one line of a file.

    `number` counts them in the order in which they began. A stream that was not read to its end was `left`.
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
        """What two notes of one question have in common."""
        return codec.encode((self.way, self.op, self.request, self.options), order="sorted")

    @property
    def way(self) -> str:
        """How it is answered: whole, in chunks, or live."""
        return "live" if self.live is not UNSET else "whole" if self.chunks is UNSET else "chunks"


# What is asked


def noted(request: Request[Any], secrets: Secrets, *, in_chunks: bool) -> Effects[Note | InvalidRequest]:
    """Write down a request; the bytes of an upload, wherever they are, by their digest alone."""
    operation = request.operation
    if isinstance(operation, SendPiece | QueryUpload):
        secrets.learn(operation.session, session_stand_in(operation.session))
    tree = _asked(operation)
    if isinstance(operation, SendPiece):
        digest = yield Invoke(_digest, (operation.data,), in_thread=isinstance(operation.data, FileSlice))
        if isinstance(digest, InvalidRequest):
            return digest
        tree["data"] = digest
    asked = Note(op=operation.op, request=tree, options=_telling(request.options), chunks=() if in_chunks else UNSET)
    return scrubbed(asked, secrets)


def noted_live(live: Live[Any], secrets: Secrets) -> Note:
    """Write down how a session is opened."""
    operation = live.operation
    asked = Note(op=operation.op, request=plain(operation), options=_telling(live.options), live=())
    return scrubbed(asked, secrets)


def scrubbed(note: Note, secrets: Secrets) -> Note:
    """Put stand-ins in the place of the secrets that are known by now."""
    return replace(note, **{name: secrets.scrubbed(getattr(note, name)) for name in _FULL})


_FULL = ("request", "options", "answer", "chunks", "live", "error")


def _telling(options: Options) -> dict[str, Any]:
    return {name: plain(value) for name in _TELLING if (value := getattr(options, name))}


_TELLING = ("extra_body", "api_version", "with_http_response")
"""The options that change what is answered; others say where to, as whom, and how patiently."""


def is_of_a_recording(request: Request[Any]) -> bool:
    """Tell a request that nobody can answer, as it goes on with an address that was scrubbed."""
    operation = request.operation
    if isinstance(operation, SendPiece | QueryUpload):
        return is_stand_in(operation.session)
    return isinstance(operation, DownloadFile) and is_stand_in(operation.address)


def _asked(operation: Operation[Any]) -> dict[str, Any]:
    if isinstance(operation, SendPiece):
        operation = replace(operation, data=b"")
    tree = plain(operation)
    if isinstance(operation, SendPiece | QueryUpload):
        tree["session"] = session_stand_in(operation.session)
    if isinstance(operation, DownloadFile) and operation.address:
        tree["address"] = without_query(operation.address)
    if isinstance(operation, EditImage):  # of which some look alike in JSON
        named = zip(operation.reference_images, tree["referenceImages"], strict=True)
        tree["referenceImages"] = [{"type": type(image).__name__, **each} for image, each in named]
    return cast("dict[str, Any]", tree)


def _digest(data: bytes | FileSlice) -> dict[str, Any] | InvalidRequest:
    if isinstance(data, bytes):
        return {"sha256": sha256(data).hexdigest(), "size": len(data)}
    digest, left = sha256(), data.size
    try:
        with Path(data.path).open("rb") as file:
            file.seek(data.offset)
            while left and (piece := file.read(min(left, _PIECE))):
                digest.update(piece)
                left -= len(piece)
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        return InvalidRequest("file", data.path, f"a file that can be read ({error})")
    return {"sha256": digest.hexdigest(), "size": data.size - left}


_PIECE = 1024 * 1024


# What is answered


def answered(
    asked: Note, request: Request[Any], results: tuple[Result[Any, GenaiError], ...], secrets: Secrets
) -> Note:
    """Complete a note by the result that came, or by those that came in chunks."""
    note = asked
    values = [_told(each.unwrap(), request, secrets) for each in results if isinstance(each, Success)]
    last = results[-1] if results else None
    if isinstance(last, Failure) and isinstance(last.failure(), NoAnswer):
        note = replace(note, left=True)
    elif isinstance(last, Failure):
        note = replace(note, error=written_error(last.failure()))
    if asked.chunks is not UNSET:
        note = replace(note, chunks=tuple(values))
    elif values:
        note = replace(note, answer=values[0])
    return scrubbed(note, secrets)


def _told(value: Any, request: Request[Any], secrets: Secrets) -> Any:
    if isinstance(value, Replied):
        replied: Any = cast("Any", value)
        return {"value": _told(replied.value, request, secrets), "http": _http(replied.http)}
    if isinstance(request.operation, StartUpload | StartStoreUpload):
        secrets.learn(value, session_stand_in(value))
        return session_stand_in(value)
    if isinstance(value, AuthToken) and value.name is not None:
        secrets.learn(value.name, _TOKEN)
        return {**plain(value), "name": _TOKEN}
    if isinstance(value, Progress):
        return {**plain(replace(value, body=b"")), **_body(value.body)}
    return plain(value)


_TOKEN = f"auth_tokens/{MASK}"


def _http(response: HttpResponse) -> dict[str, Any]:
    return {"status": response.status, "headers": covered(response.headers), **_body(response.body)}


def _body(data: bytes) -> dict[str, str]:
    """Write a body that is text as that: people read it, and secrets are found in it."""
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode()}


def written_error(error: GenaiError) -> dict[str, Any]:
    """Write an error down by its kind, the nearest that everybody knows, and what it holds."""
    kind = next(each for each in type(error).__mro__ if each.__name__ in errors.__all__)
    held = [(each, getattr(error, each.name)) for each in dataclasses.fields(kind)]
    members = {each.name: _ofwritten_error(each.name, value) for each, value in held if value != each.default}
    return {"kind": kind.__name__, **members}


def _ofwritten_error(name: str, value: Any) -> Any:
    return covered(value) if name == "headers" else plain(value)


def plain(value: Any) -> Any:
    """Say a value in JSON: what is as ever is left out, and what no repr shows is masked."""
    if value is None or type(value) in _LEAVES:
        return value
    if isinstance(value, Struct):
        hidden: tuple[str, ...] = getattr(value, "hidden", ())
        held = [(name, word, getattr(value, name), default) for name, word, default in _members(type(value))]
        return {word: MASK if name in hidden else plain(each) for name, word, each, default in held if each != default}
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in cast("Any", value).items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in cast("list[Any]", value)]
    try:
        return codec.to_builtins(value)
    except TypeError:  # what the caller passed where anything may be
        return repr(value)


_LEAVES = frozenset({str, bool, int, float})


@functools.cache
def _members(kind: type[Struct]) -> tuple[tuple[str, str, Any], ...]:
    return tuple((each.name, each.encode_name, each.default) for each in fields(kind))


# Read back


def read_answer(note: Note, request: Request[Any]) -> Result[Any, GenaiError]:
    """Read what a note has for a request that was answered whole."""
    return Success(_value(note.answer, request)) if note.error is UNSET else Failure(error_of(note.error))


def read_chunks(note: Note, request: Request[Any]) -> tuple[Result[Any, GenaiError], ...]:
    """Read the chunks of a stream, and how it ended; nobody knows what came after one that was left."""
    chunks = () if note.chunks is UNSET else note.chunks
    items: list[Result[Any, GenaiError]] = [Success(_value(each, request)) for each in chunks]
    if note.error is not UNSET:
        items.append(Failure(error_of(note.error)))
    elif note.left:
        items.append(
            Failure(NoAnswer(request, f"number {note.number}, a stream that was left after {len(chunks)} chunks"))
        )
    return tuple(items)


def _value(tree: Any, request: Request[Any]) -> Any:
    if request.options.with_http_response and isinstance(tree, dict) and set(cast("Any", tree)) == {"value", "http"}:
        replied = cast("dict[str, Any]", tree)
        return Replied(_typed(replied["value"], request), _http_of(replied["http"]))
    return _typed(tree, request)


def _typed(tree: Any, request: Request[Any]) -> Any:
    kind = kind_of(request.operation)
    if kind is Progress:
        return Progress(tree["is_final"], tree.get("received"), _body_of(tree))
    return codec.convert(tree, kind)


def _http_of(tree: dict[str, Any]) -> HttpResponse:
    return HttpResponse(tree["status"], tuple((name, value) for name, value in tree["headers"]), _body_of(tree))


def _body_of(tree: dict[str, Any]) -> bytes:
    body: bytes = tree["text"].encode() if "text" in tree else b64decode(tree["base64"])
    return body


def error_of(tree: dict[str, Any]) -> GenaiError:
    """Read an error."""
    kind: Any = getattr(errors, tree["kind"])
    members = {name: each for name, each in tree.items() if name != "kind"}
    hints = {**get_type_hints(kind), "safety_ratings": tuple[SafetyRating, ...]}
    error: GenaiError = kind(**{name: codec.convert(each, hints[name]) for name, each in members.items()})
    return error
