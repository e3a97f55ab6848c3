"""
The requests that google-genai 1.51.0 sends, and the values that it parses: the reference for ours.

A *call* is a function of a ``google.genai.Client``. It runs with a transport that answers from memory, in an
environment without Google's variables, so that it uses no network and depends on nothing outside the test::

    capture_request(GEMINI, lambda client: client.models.generate_content(model="m", contents="hi"))

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

import httpx
from google.genai import Client, types
from google.oauth2.credentials import Credentials

Backend: TypeAlias = Mapping[str, Any]
Call: TypeAlias = Callable[[Client], Any]

GEMINI: Backend = MappingProxyType({"api_key": "test-key"})
VERTEX: Backend = MappingProxyType({"vertexai": True, "project": "p", "location": "us-central1"})


@dataclass(frozen=True)
class SentRequest:
    """A sent request: the whole URL, header names in lower case, and the JSON of the body or None."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class RefusedCall:
    """The exception that was raised before anything was sent."""

    message: str
    error: type[Exception]

    @property
    def unsupported(self) -> bool:
        """Whether the backend does not support a field or method, as opposed to a mistake on both backends."""
        return "not supported in" in self.message or "only supported in" in self.message


def capture_request(backend: Backend, call: Call) -> SentRequest | RefusedCall:
    """Return the first request of a call, or its refusal; errors after the response are ignored."""
    requests, value = run_call(backend, call, _build_text_reply)
    if requests:
        return requests[0]
    if isinstance(value, Exception):
        return RefusedCall(str(value), type(value))
    raise AssertionError("the call sent nothing and raised nothing", value)


def parse_reply(backend: Backend, call: Call, reply: Any) -> Any:
    """Parse a JSON reply: returns the value or the exception. A list is a stream's events, and returns a list."""
    _, value = run_call(backend, call, lambda request: _build_reply(request, reply))
    return value


def run_call(
    backend: Backend, call: Call, answer: Callable[[httpx.Request], httpx.Response]
) -> tuple[list[SentRequest], Any]:
    """Run a call to its end, streams included; return its requests, and its value or exception."""
    requests: list[SentRequest] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(_read_request(request))
        return answer(request)

    with _hide_environment():
        try:
            value = call(_get_client(backend, respond))
            return requests, list(cast("Iterator[Any]", value)) if isinstance(value, GeneratorType) else value
        except Exception as error:
            return requests, error


def normalize(body: Any, *, exact_names: bool = False) -> Any:
    """
    Normalize JSON, so that two spellings of one message are equal.

    Names of the API become camelCase; bytes, standard base64; times, UTC; an empty ``generationConfig``, which 1.51.0
    sends with any other setting, is dropped. Names and values of users stay unchanged: labels, the arguments and
    results of functions, the properties of a schema, JSON schemas.

    Args:
        body: The JSON of one message.

        exact_names: Whether names stay as they are, for the body of ``:predict``.
    """
    return _normalize(body, "", str if exact_names else to_camel_case)


def to_camel_case(name: str) -> str:
    """Convert a field name to camelCase."""
    return re.sub("_([a-z0-9])", lambda found: found[1].upper(), name)


_USER_MEMBERS = {
    "additionalProperties",
    "default",
    "example",
    "labels",
    "metadata",
    "parametersJsonSchema",
    "responseJsonSchema",
}
"""Members with values of the user."""

_USER_MEMBERS_OF_PARENT = {
    ("functionCall", "args"),
    ("functionCalls", "args"),
    ("functionResponse", "response"),
    ("functionResponses", "response"),
}
"""The same, where the parent's name matters: ``response`` is a schema in a function declaration."""

_USER_NAMES = {"$defs", "defs", "properties"}
"""Members whose names are the user's and whose values are the API's."""

_BYTES_MEMBERS = {
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


def _normalize(value: Any, name: str, spell: Callable[[str], str]) -> Any:
    match value:
        case dict():
            return _normalize_message(cast("dict[str, Any]", value), name, spell)
        case list():
            return [_normalize(item, name, spell) for item in cast("Sequence[Any]", value)]
        case str() if name in _BYTES_MEMBERS:
            return value.translate(str.maketrans("-_", "+/"))
        case str() if name.endswith("Time"):
            return _normalize_time(value)
        case _:
            return value


def _normalize_message(fields: dict[str, Any], parent: str, spell: Callable[[str], str]) -> dict[str, Any]:
    message: dict[str, Any] = {}
    for key, value in fields.items():
        name = to_camel_case(key)
        if spell(key) in message:
            raise ValueError("one field in two spellings", key, fields)
        if (name in _USER_MEMBERS and not isinstance(value, list)) or (parent, name) in _USER_MEMBERS_OF_PARENT:
            message[spell(key)] = value
        elif name in _USER_NAMES and isinstance(value, dict):
            message[spell(key)] = {k: _normalize(v, "", spell) for k, v in cast("dict[str, Any]", value).items()}
        elif name != "generationConfig" or value != {}:
            message[spell(key)] = _normalize(value, name, spell)
    return message


def _normalize_time(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if moment.tzinfo is None else moment.astimezone(UTC).isoformat()


@contextmanager
def _hide_environment() -> Generator[None]:
    """Hide environment variables, credentials and metadata servers from google-genai, and its warnings."""
    hidden = {name: os.environ.pop(name) for name in [*os.environ] if _GOOGLE_VARIABLES.match(name)}
    os.environ.update(_NO_CREDENTIALS)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        for name in _NO_CREDENTIALS:
            os.environ.pop(name, None)
        os.environ.update(hidden)


_GOOGLE_VARIABLES = re.compile("GOOGLE_|GEMINI_|CLOUDSDK_|GCE_|GCLOUD_|VERTEX_|NO_GCE_CHECK", re.IGNORECASE)
_NO_CREDENTIALS = {"CLOUDSDK_CONFIG": os.devnull, "NO_GCE_CHECK": "true"}


def _get_client(backend: Backend, respond: Callable[[httpx.Request], httpx.Response]) -> Client:
    """Return a client whose requests `respond` receives. One client of a backend of plain values serves all calls."""
    if not all(isinstance(each, str | bool) for each in backend.values()):
        return _create_client(backend, httpx.MockTransport(respond))
    client, transport = _keep_client(tuple(sorted(backend.items())))
    transport.handler = respond
    return client


@cache
def _keep_client(backend: tuple[tuple[str, Any], ...]) -> tuple[Client, httpx.MockTransport]:
    transport = httpx.MockTransport(lambda _: httpx.Response(500))
    return _create_client(dict(backend), transport), transport


def _create_client(backend: Backend, transport: httpx.MockTransport) -> Client:
    """Open a client that uses only ``transport``."""
    arguments = dict(backend)
    if arguments.get("project") and not arguments.get("credentials"):
        arguments["credentials"] = Credentials(token="test-token")  # type: ignore[no-untyped-call]  # google-auth has no types
    options = types.HttpOptions(
        base_url=arguments.pop("base_url", None),
        api_version=arguments.pop("api_version", None),
        headers=dict(arguments.pop("headers", ())) or None,
        httpx_client=httpx.Client(transport=transport, trust_env=False),
        httpx_async_client=httpx.AsyncClient(transport=transport, trust_env=False),
        client_args={"verify": _build_tls_context()},
        async_client_args={"verify": _build_tls_context(), "ssl": _build_tls_context()},
    )
    return Client(http_options=options, **arguments)


@cache
def _build_tls_context() -> ssl.SSLContext:
    """Build a TLS context once: google-genai would read the certificates for every client, 20 ms each."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _read_request(request: httpx.Request) -> SentRequest:
    body = json.loads(request.content) if request.content else None
    return SentRequest(request.method, str(request.url), dict(request.headers), body)


def _build_text_reply(request: httpx.Request) -> httpx.Response:
    return _build_reply(request, {"candidates": [{"content": {"role": "model", "parts": [{"text": "ok"}]}}]})


def _build_reply(request: httpx.Request, reply: Any) -> httpx.Response:
    """Build a JSON response, or server-sent events if the request is for a stream."""
    if request.url.params.get("alt") != "sse":
        return httpx.Response(200, json=reply)
    events = cast("Sequence[Any]", reply) if isinstance(reply, list) else [reply]
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return httpx.Response(200, text=text, headers={"content-type": "text/event-stream"})
