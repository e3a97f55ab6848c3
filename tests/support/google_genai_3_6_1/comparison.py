"""
Compares a call of google-genai 3.6.1, as it was captured, with ours, and describes each difference in one line.

========================  ==========================================================
``body.tools[].a``        both send a request, and this part of it differs
``raises: message``       google-genai raises, and ours is sent
``refused: config.a``     google-genai sends the request, ours is refused on this backend because of the field
``mistake: config.a``     google-genai sends the request, ours is a mistake of the program
``other refusal: …``      both refuse, for different reasons
========================  ==========================================================
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from genai_fn import schema
from genai_fn.errors import GenaiError, InvalidRequest, Unsupported
from genai_fn.http import FileSlice, HttpRequest
from genai_fn.live_protocol.frames import encode_frame
from genai_fn.live_protocol.handshake import EncodedHandshake, encode_handshake
from genai_fn.ops import live
from genai_fn.ops.generate import generate
from genai_fn.request import Request
from genai_fn.results import Failure
from genai_fn.schema import LiveClientMessage
from genai_fn.testing.strategies.arguments import BUILDERS
from genai_fn.wire import encode
from tests.support.google_genai.agreement import BACKENDS, add_credential
from tests.support.google_genai.oracle import normalize
from tests.support.google_genai_3_6_1.addresses import HEADERS, PREFIXES, SESSION, SOCKETS
from tests.support.google_genai_3_6_1.arguments import load_value
from tests.support.google_genai_3_6_1.captured import CASES

__all__ = ["CapturedCall", "describe_differences", "read_calls"]

_STREAM = ".stream"
_MESSAGES: Mapping[str, Callable[..., LiveClientMessage]] = {
    "live.client_content": live.client_content,
    "live.realtime_input": live.realtime_input,
    "live.tool_response": live.tool_response,
    "live.context_update": live.context_update,
}


@dataclass(frozen=True)
class CapturedCall:
    """A call, and the outcome on one backend."""

    operation: str
    given: Any
    backend: str
    outcome: Mapping[str, Any]

    @property
    def is_no_value(self) -> bool:
        """Whether google-genai's own types refuse the arguments."""
        return self.outcome.get("error") == "ValidationError"

    @property
    def is_unsupported(self) -> bool:
        message = self.outcome.get("message", "")
        return "not supported in" in message or "only supported in" in message

    @property
    def refused_field(self) -> str:
        """The name of the field that google-genai refuses; empty if it refuses the operation, or a value."""
        message = self.outcome["message"]
        if message.startswith("This method") or "enum value" in message:
            return ""
        name: str = message.partition(" ")[0]
        return re.sub("(?<=[a-z])([A-Z])", lambda found: f"_{found[1].lower()}", name)


def read_calls() -> Iterator[CapturedCall]:
    """Yield every captured call, on both backends."""
    for line in (CASES / "calls.jsonl").read_text(encoding="utf-8").splitlines():
        operation, given, gemini, vertex = json.loads(line)
        if vertex.get("body") == "same":
            vertex["body"] = gemini["body"]
        yield CapturedCall(operation, given, "gemini", gemini)
        yield CapturedCall(operation, given, "vertex", vertex)


def describe_differences(call: CapturedCall) -> list[str]:
    """Return the differences between the captured outcome and ours."""
    ours = _encode(call)
    if "error" in call.outcome:
        return _compare_refusals(call, ours)
    if isinstance(ours, Unsupported):
        return [f"refused: {_drop_indices(path)}" for path in ours.paths or ("the whole",)]
    if isinstance(ours, InvalidRequest):
        return [f"mistake: {_drop_indices(ours.path)}"]
    assert isinstance(ours, HttpRequest), ours
    return list(_list_unlike_paths(_read_outcome(call), _read_request(call, ours), ""))


def _encode(call: CapturedCall) -> HttpRequest | GenaiError:
    at, given = BACKENDS[call.backend][1], load_value(call.given, schema)
    try:
        if call.operation in _MESSAGES:
            encoded = encode_frame(_MESSAGES[call.operation](**given), at).map(_make_request("SEND", call.backend))
        elif call.operation == "live.connect":
            encoded = encode_handshake(live.connect(**given), at).map(_make_setup_request)
        elif call.operation.endswith(_STREAM):
            encoded = encode(_stream(**given), at)
        else:
            encoded = encode(BUILDERS[call.operation][0](**given), at)
    except InvalidRequest as error:
        return error
    return encoded.failure() if isinstance(encoded, Failure) else add_credential(encoded.unwrap(), at)


def _stream(**given: Any) -> Request[Any]:
    return Request(generate(**given).operation.get_streaming_operation())  # type: ignore[attr-defined]  # it has one


def _make_request(method: str, backend: str) -> Callable[[bytes], HttpRequest]:
    return lambda body: HttpRequest(method, SOCKETS[backend], (), body)


def _make_setup_request(handshake: EncodedHandshake) -> HttpRequest:
    return HttpRequest("CONNECT", handshake.http.url, handshake.http.headers, handshake.setup)


def _compare_refusals(call: CapturedCall, ours: HttpRequest | GenaiError) -> list[str]:
    if isinstance(ours, HttpRequest):
        return [f"raises: {call.outcome['message']}"]
    if not call.is_unsupported or not call.refused_field:
        return []
    if isinstance(ours, Unsupported):
        names = [_drop_indices(path).rpartition(".")[2].removesuffix("[]") for path in ours.paths]
        return [] if call.refused_field in names else [f"other refusal: {_drop_indices(ours.paths[0])}"]
    assert isinstance(ours, InvalidRequest), ours
    return [f"other refusal: {_drop_indices(ours.path)}"]


def _read_outcome(call: CapturedCall) -> Any:
    method, _, url = call.outcome["call"].partition(" ")
    whole = SOCKETS[call.backend] if url == SESSION else url if ":/" in url else PREFIXES[call.backend] + url
    return _build_comparable(
        method, whole, {**HEADERS[call.backend], **call.outcome.get("headers", {})}, call.outcome.get("body")
    )


def _read_request(call: CapturedCall, http: HttpRequest) -> Any:
    assert not isinstance(http.body, FileSlice)
    text = http.body if isinstance(http.body, bytes) else b"".join(http.body)
    headers = {name.lower(): value for name, value in http.headers}
    sent = {name: value for name, value in headers.items() if name == "authorization" or name.startswith("x-goog-")}
    sent.pop("x-goog-api-client", None)
    return _build_comparable(http.method, http.url, sent, msgspec.json.decode(text) if text else None)


def _build_comparable(method: str, url: str, headers: Mapping[str, str], body: Any) -> Any:
    parts = urlsplit(url)
    is_prediction = parts.path.endswith((":predict", ":predictLongRunning"))  # its JSON is no message
    return {
        "method": method,
        "host": parts.netloc,
        "path": parts.path,
        "query": dict(parse_qsl(parts.query, keep_blank_values=True)),
        "headers": headers,
        "body": _normalize_body(_mask_generated_names(body), exact_names=is_prediction),
    }


def _normalize_body(body: Any, *, exact_names: bool) -> Any:
    """Normalize a body, in which an example is a message; elsewhere it is a value of the user."""
    example = {"example": normalize(body["example"])} if isinstance(body, dict) and "example" in body else {}
    normalized = normalize(body, exact_names=exact_names)
    return {**normalized, **example} if example else normalized


def _mask_generated_names(body: Any) -> Any:
    return json.loads(re.sub(r"(genai_batch_job|_dest)_(\w+|\\u2026)", r"\1_…", json.dumps(body)))


def _list_unlike_paths(theirs: Any, ours: Any, path: str) -> Iterator[str]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in {**theirs, **ours}:
            yield from _list_unlike_paths(theirs.get(name, ...), ours.get(name, ...), f"{path}.{name}".lstrip("."))
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for one, other in zip(theirs, ours, strict=True):
            yield from _list_unlike_paths(one, other, f"{path}[]")
    elif theirs != ours:
        yield path


def _drop_indices(path: str) -> str:
    return re.sub(r"\[\d+\]", "[]", path)
