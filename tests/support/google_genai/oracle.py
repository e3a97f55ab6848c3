"""
The requests that google-genai 1.51.0 sends, and the values that it parses: the reference for ours.

A *call* is a function of a ``google.genai.Client``. It runs with a transport that answers from memory, in an
environment without Google's variables, so that it uses no network and depends on nothing outside the test::

    sent(GEMINI, lambda client: client.models.generate_content(model="m", contents="hi"))

Backends are mappings of plain values, ``{"vertexai": True, "project": "p", "location": "us-central1"}``; but for
``vertexai`` they are the parameters of ``Gemini`` and ``Vertex``. 1.51.0 modifies its arguments: pass every call
fresh values.
"""

import json
import os
import re
import ssl
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from types import GeneratorType, MappingProxyType
from typing import Any, TypeAlias, cast
from unittest.mock import patch

import httpx
from google.genai import Client, types
from google.oauth2.credentials import Credentials

Backend: TypeAlias = Mapping[str, Any]
Call: TypeAlias = Callable[[Client], Any]

GEMINI: Backend = MappingProxyType({"api_key": "test-key"})
VERTEX: Backend = MappingProxyType({"vertexai": True, "project": "p", "location": "us-central1"})


@dataclass(frozen=True)
class Wire:
    """A sent request: the whole URL, header names in lower case, and the JSON of the body or None."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Refused:
    """The exception that was raised before anything was sent."""

    message: str
    error: type[Exception]

    @property
    def unsupported(self) -> bool:
        """Whether the backend does not support a field or method, as opposed to a mistake on both backends."""
        return "not supported in" in self.message or "only supported in" in self.message


def sent(backend: Backend, call: Call) -> Wire | Refused:
    """Return the first request of a call, or its refusal; errors after the response are ignored."""
    wires, value = exchanged(backend, call, _something)
    if wires:
        return wires[0]
    if isinstance(value, Exception):
        return Refused(str(value), type(value))
    raise AssertionError("the call sent nothing and raised nothing", value)


def parsed(backend: Backend, call: Call, reply: Any) -> Any:
    """Parse a JSON reply: returns the value or the exception. A list is a stream's events, and returns a list."""
    _, value = exchanged(backend, call, lambda request: _reply(request, reply))
    return value


def exchanged(
    backend: Backend, call: Call, answer: Callable[[httpx.Request], httpx.Response]
) -> tuple[list[Wire], Any]:
    """Run a call to its end, streams included; return its requests, and its value or exception."""
    wires: list[Wire] = []

    def answered(request: httpx.Request) -> httpx.Response:
        wires.append(_wire(request))
        return answer(request)

    with _neutral():
        try:
            value = call(_client(backend, httpx.MockTransport(answered)))
            return wires, list(cast("Iterator[Any]", value)) if isinstance(value, GeneratorType) else value
        except Exception as error:
            return wires, error


def normal(body: Any, *, spelled: bool = False) -> Any:
    """
    Normalize JSON, so that two spellings of one message are equal.

    Names of the API become camelCase; bytes, standard base64; times, UTC; an empty ``generationConfig``, which 1.51.0
    sends with any other setting, is dropped. Names and values of users stay unchanged: labels, the arguments and
    results of functions, the properties of a schema, JSON schemas.

    Args:
        body: The JSON of one message.

        spelled: Whether names stay as they are, for the body of ``:predict``.
    """
    return _normal(body, "", str if spelled else camel)


def camel(name: str) -> str:
    """Convert a field name to camelCase."""
    return re.sub("_([a-z0-9])", lambda found: found[1].upper(), name)


_USERS = {
    "additionalProperties",
    "default",
    "example",
    "labels",
    "metadata",
    "parametersJsonSchema",
    "responseJsonSchema",
}
"""Members with values of the user."""

_USERS_IN = {
    ("functionCall", "args"),
    ("functionCalls", "args"),
    ("functionResponse", "response"),
    ("functionResponses", "response"),
}
"""The same, where the parent's name matters: ``response`` is a schema in a function declaration."""

_NAMED = {"$defs", "defs", "properties"}
"""Members whose names are the user's and whose values are the API's."""

_BYTES = {
    "bytesBase64Encoded",
    "consentAudio",
    "continuationToken",
    "data",
    "encodedVideo",
    "imageBytes",
    "imageData",
    "thoughtSignature",
    "videoBytes",
    "voiceSampleAudio",
}


def _normal(value: Any, name: str, spell: Callable[[str], str]) -> Any:
    match value:
        case dict():
            return _message(cast("dict[str, Any]", value), name, spell)
        case list():
            return [_normal(item, name, spell) for item in cast("Sequence[Any]", value)]
        case str() if name in _BYTES:
            return value.translate(str.maketrans("-_", "+/"))
        case str() if name.endswith("Time"):
            return _instant(value)
        case _:
            return value


def _message(fields: dict[str, Any], parent: str, spell: Callable[[str], str]) -> dict[str, Any]:
    message: dict[str, Any] = {}
    for key, value in fields.items():
        name = camel(key)
        if spell(key) in message:
            raise ValueError("one field in two spellings", key, fields)
        if (name in _USERS and not isinstance(value, list)) or (parent, name) in _USERS_IN:
            message[spell(key)] = value
        elif name in _NAMED and isinstance(value, dict):
            message[spell(key)] = {k: _normal(v, "", spell) for k, v in cast("dict[str, Any]", value).items()}
        elif name != "generationConfig" or value != {}:
            message[spell(key)] = _normal(value, name, spell)
    return message


def _instant(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if moment.tzinfo is None else moment.astimezone(UTC).isoformat()


@contextmanager
def _neutral() -> Generator[None]:
    """Hide environment variables, credentials and metadata servers from google-genai, and its warnings."""
    kept = {name: value for name, value in os.environ.items() if not _GOOGLES.match(name)}
    with patch.dict(os.environ, {**kept, **_NOWHERE}, clear=True), warnings.catch_warnings(action="ignore"):
        yield


_GOOGLES = re.compile("GOOGLE_|GEMINI_|CLOUDSDK_|GCE_|GCLOUD_|VERTEX_", re.IGNORECASE)
_NOWHERE = {"CLOUDSDK_CONFIG": os.devnull, "NO_GCE_CHECK": "true"}


def _client(backend: Backend, transport: httpx.MockTransport) -> Client:
    """Open a client that uses only ``transport``."""
    given = dict(backend)
    if given.get("project") and not given.get("credentials"):
        given["credentials"] = Credentials(token="test-token")  # type: ignore[no-untyped-call]  # google-auth has no types
    options = types.HttpOptions(
        base_url=given.pop("base_url", None),
        api_version=given.pop("api_version", None),
        headers=dict(given.pop("headers", ())) or None,
        httpx_client=httpx.Client(transport=transport, trust_env=False),
        httpx_async_client=httpx.AsyncClient(transport=transport, trust_env=False),
        client_args={"verify": _trust()},
        async_client_args={"verify": _trust(), "ssl": _trust()},
    )
    return Client(http_options=options, **given)


@cache
def _trust() -> ssl.SSLContext:
    """Build a TLS context once: google-genai would read the certificates for every client, 20 ms each."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _wire(request: httpx.Request) -> Wire:
    body = json.loads(request.content) if request.content else None
    return Wire(request.method, str(request.url), dict(request.headers), body)


def _something(request: httpx.Request) -> httpx.Response:
    return _reply(request, {"candidates": [{"content": {"role": "model", "parts": [{"text": "ok"}]}}]})


def _reply(request: httpx.Request, reply: Any) -> httpx.Response:
    """Build a JSON response, or server-sent events if the request is for a stream."""
    if request.url.params.get("alt") != "sse":
        return httpx.Response(200, json=reply)
    events = cast("Sequence[Any]", reply) if isinstance(reply, list) else [reply]
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return httpx.Response(200, text=text, headers={"content-type": "text/event-stream"})
