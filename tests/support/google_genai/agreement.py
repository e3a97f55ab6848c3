"""
Compares genai_fn with google-genai: requests for the same arguments, and values parsed from the same response.

A *request* is a function that builds our request, as building may raise; a *call* is the oracle's. Backends have
names::

    check_same_request(lambda: caches.get("1"), lambda client: client.caches.get(name="1"), "gemini")
"""

import json
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeAlias, cast

import msgspec
import pytest
from pydantic import BaseModel
from returns.result import Result, Success

from genai_fn.backend import Backend, Gemini, Vertex, build_bearer_credential, build_own_credential
from genai_fn.errors import GenaiError, InvalidRequest, Unsupported
from genai_fn.http import FileSlice, HttpRequest, HttpResponse
from genai_fn.request import Request
from genai_fn.wire import decode, encode, sign_request
from tests.support.google_genai import oracle
from tests.support.google_genai.versions import has_field

RequestBuilder: TypeAlias = Callable[[], Request[Any]]
EncodedRequest: TypeAlias = tuple[str, str, Any]
"""Method, whole URL, and the JSON of the body or None."""

BACKENDS: Mapping[str, tuple[oracle.Backend, Backend]] = {
    "gemini": (oracle.GEMINI, Gemini("test-key")),
    "vertex": (oracle.VERTEX, Vertex("p", "us-central1")),
}


def check_same_request(request: RequestBuilder, call: oracle.Call, backend: str, *, exact_names: bool = False) -> None:
    """
    Check that both send the same request, or both refuse: unsupported fields by name, mistakes when building.

    With ``exact_names``, the spelling of names must agree, as in the body of ``:predict``.
    """
    their_backend, our_backend = BACKENDS[backend]
    theirs = oracle.capture_request(their_backend, call)
    if isinstance(theirs, oracle.SentRequest):
        their_body = oracle.normalize(theirs.body, exact_names=exact_names)
        method, url, our_body = encode_ours(request(), backend)
        assert (theirs.method, theirs.url, their_body) == (
            method,
            url,
            oracle.normalize(our_body, exact_names=exact_names),
        )
    elif theirs.unsupported and is_supported_since(theirs, backend, request().operation.op):
        assert get_refused_field(theirs) not in list_refused_fields(encode(request(), our_backend))
    elif theirs.unsupported:
        error = encode(request(), our_backend).failure()
        assert isinstance(error, Unsupported), error
        if theirs.message.startswith("This method"):
            assert error.reason
        elif "enum value" not in theirs.message:  # then it names the value, not the field
            assert theirs.message.partition(" ")[0] in [_get_field_name(path) for path in error.paths]
    else:
        with pytest.raises(InvalidRequest):
            request()


def encode_ours(request: Request[Any], backend: str) -> EncodedRequest:
    """Encode our request: method, URL and JSON body."""
    http = encode(request, BACKENDS[backend][1]).unwrap()
    return http.method, http.url, _parse_body(http)


def get_refused_paths(request: Request[Any], backend: str) -> tuple[str, ...]:
    """Return the paths of the fields that our request does not support on a backend."""
    error = encode(request, BACKENDS[backend][1]).failure()
    assert isinstance(error, Unsupported), error
    return error.paths


def add_credential(http: HttpRequest, backend: Backend) -> HttpRequest:
    """Sign a request with the backend's key, or a test token."""
    return sign_request(http, build_own_credential(backend) or build_bearer_credential(backend, "test-token"))


def select_compared_parts(request: oracle.SentRequest | HttpRequest) -> Mapping[str, Any]:
    """Return what the service reads of a request, without the headers in which libraries differ."""
    headers = (
        dict(request.headers) if isinstance(request, oracle.SentRequest) else {k.lower(): v for k, v in request.headers}
    )
    return {
        "method": request.method,
        "url": request.url,
        "headers": {name: value for name, value in headers.items() if name not in _IGNORED_HEADERS},
        "body": oracle.normalize(request.body if isinstance(request, oracle.SentRequest) else _parse_body(request)),
    }


_IGNORED_HEADERS = {
    *("accept", "accept-encoding", "connection", "content-length", "host", "user-agent", "x-goog-api-client"),
}


def get_refused_field(theirs: oracle.RefusedCall) -> str:
    """Return the name of the field that google-genai refuses, as it is in our paths."""
    return theirs.message.partition(" ")[0].replace("additionalProperties", "additional_properties")


SUPPORTED_SINCE: Mapping[str, frozenset[str]] = {
    "gemini": frozenset({"auth_config", "display_name", "labels"}),
    "vertex": frozenset({"batch_size", "behavior", "learning_rate", "multi_speaker_voice_config"}),
}
"""Fields that a backend supports according to google-genai 3.6.1 and here, and that 1.51.0 refuses."""


_ONLY_IN: Mapping[str, tuple[str, ...]] = {"labels": ("generate", "batches.create")}
"""Fields of several operations of which only these are supported since."""


def is_supported_since(theirs: oracle.RefusedCall, backend: str, operation: str = "") -> bool:
    """Check whether 1.51.0 refuses a field that 3.6.1 supports on the backend."""
    name = get_refused_field(theirs)
    return theirs.unsupported and name in SUPPORTED_SINCE[backend] and operation in _ONLY_IN.get(name, (operation,))


def list_refused_fields(result: Result[HttpRequest, GenaiError]) -> list[str]:
    """Return the names of the fields that a backend does not support, empty for a request that is encoded."""
    if isinstance(result, Success):
        return []
    error = result.failure()
    assert isinstance(error, Unsupported), error
    return [_get_field_name(path) for path in error.paths]


def check_same_response(request: RequestBuilder, call: oracle.Call, backend: str, reply: Any) -> None:
    """Check that both parse the same values from a reply; empty values, and fields of newer versions, are left out."""
    theirs = oracle.parse_reply(BACKENDS[backend][0], call, reply)
    assert not isinstance(theirs, Exception), theirs
    assert to_plain(theirs) == to_plain(decode_ours(request(), backend, reply))


def decode_ours(request: Request[Any], backend: str, reply: Any) -> Any:
    """Parse a reply, JSON or bytes, with our request."""
    body = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
    return decode(request, HttpResponse(200, (), body), BACKENDS[backend][1]).unwrap()


def to_plain(value: Any) -> Any:
    """
    Convert a value of either library to plain data.

    None, empty sequences, empty messages, and fields that 1.51.0 does not have are left out.
    """
    if isinstance(value, msgspec.Struct):
        return _drop_empty({name: getattr(value, name) for name in value.__struct_fields__ if has_field(value, name)})
    if isinstance(value, BaseModel):
        names = [name for name in type(value).model_fields if name != "sdk_http_response"]
        return _drop_empty({name: getattr(value, name) for name in names})
    if isinstance(value, Mapping):
        return {key: to_plain(each) for key, each in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [to_plain(each) for each in cast("list[Any]", value)]
    return value.value if isinstance(value, Enum) else value


def _drop_empty(fields: dict[str, Any]) -> dict[str, Any]:
    converted = {name: to_plain(each) for name, each in fields.items()}
    return {name: each for name, each in converted.items() if each is not None and each not in ([], {})}


def _get_field_name(path: str) -> str:
    return path.rpartition(".")[2].partition("[")[0]


def _parse_body(http: HttpRequest) -> Any:
    assert not isinstance(http.body, FileSlice)
    text = http.body if isinstance(http.body, bytes) else b"".join(http.body)
    return msgspec.json.decode(text) if text else None
