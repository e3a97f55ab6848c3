"""Runs google-genai 3.6.1 with a transport that answers from memory, and records what it sends."""

import json
import os
import re
import ssl
import warnings
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import cache
from types import GeneratorType
from typing import Any
from unittest.mock import patch

import httpx2
from google.genai import Client, types
from google.oauth2.credentials import Credentials

__all__ = ["BACKENDS", "capture_addresses", "exchange", "hide_environment", "open_client", "send"]

BACKENDS: Mapping[str, Mapping[str, Any]] = {
    "gemini": {"api_key": "test-key", "api_version": "v1beta"},
    "vertex": {"vertexai": True, "project": "p", "location": "us-central1"},
}
"""The default version of the Gemini API is v1 in 3.6.1; here it is that of 1.51.0."""

ROOTS: Mapping[str, Mapping[str, Any]] = {
    "gemini": {"api_key": "test-key"},
    "gemini-version": {"api_key": "test-key", "api_version": "v1alpha"},
    "gemini-elsewhere": {"api_key": "test-key", "base_url": "https://gate.test/way"},
    "vertex": {"vertexai": True, "project": "p", "location": "us-central1"},
    "vertex-global": {"vertexai": True, "project": "p", "location": "global"},
    "vertex-us": {"vertexai": True, "project": "p", "location": "us"},
    "vertex-eu": {"vertexai": True, "project": "p", "location": "eu"},
    "vertex-version": {"vertexai": True, "project": "p", "location": "l", "api_version": "v1"},
    "vertex-elsewhere": {"vertexai": True, "project": "p", "location": "l", "base_url": "https://gate.test/way"},
    "vertex-key": {"vertexai": True, "api_key": "test-key"},
    "gateway": {"vertexai": True, "base_url": "https://gate.test/way"},
    "project-without-location": {"vertexai": True, "project": "p", "base_url": "https://gate.test"},
}
"""Backends whose addresses are captured; but for ``vertexai`` they are the parameters of ``Gemini`` and ``Vertex``."""


def capture_addresses() -> dict[str, Any]:
    """Return the backends, and the URLs of a unary and of a streamed request."""
    return {name: {"backend": backend, "urls": _list_urls(backend)} for name, backend in ROOTS.items()}


def _list_urls(backend: Mapping[str, Any]) -> list[str]:
    urls: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        urls.append(str(request.url))
        return _reply(request, {})

    with hide_environment():
        models = open_client(backend, httpx2.MockTransport(answer)).models
        models.generate_content(model="m", contents="hi")
        list(models.generate_content_stream(model="m", contents="hi"))
    return urls


Call = Callable[[Client], Any]


def send(backend: str, call: Call) -> dict[str, Any]:
    """Return the first request of a call, or the error that it raises before anything is sent."""
    wires, value = exchange(backend, call, {"candidates": [{"content": {"role": "model", "parts": [{"text": "ok"}]}}]})
    if wires:
        return wires[0]
    if isinstance(value, Exception):
        return {"error": type(value).__name__, "message": str(value)}
    raise AssertionError("the call sent nothing and raised nothing", value)


def exchange(backend: str, call: Call, reply: Any) -> tuple[list[dict[str, Any]], Any]:
    """Run a call to its end, streams included; return its requests, and its value or exception."""
    wires: list[dict[str, Any]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        wires.append(_read_wire(request))
        return _reply(request, reply)

    with hide_environment():
        try:
            value = call(open_client(BACKENDS[backend], httpx2.MockTransport(answer)))
            return wires, list(value) if isinstance(value, GeneratorType) else value
        except Exception as error:  # whatever it is, it is what the caller would get
            return wires, error


def _read_wire(request: httpx2.Request) -> dict[str, Any]:
    headers = {name: value for name, value in request.headers.items() if name in _HEADERS or name.startswith("x-goog-")}
    headers.pop("x-goog-api-client", None)
    wire = {"method": request.method, "url": str(request.url), "headers": headers}
    return {**wire, "body": json.loads(request.content)} if request.content else wire


_HEADERS = ("authorization", "content-type")


def _reply(request: httpx2.Request, reply: Any) -> httpx2.Response:
    if request.url.params.get("alt") != "sse":
        return httpx2.Response(200, json=reply)
    events = reply if isinstance(reply, list) else [reply]
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return httpx2.Response(200, text=text, headers={"content-type": "text/event-stream"})


@contextmanager
def hide_environment() -> Generator[None]:
    """Hide environment variables, credentials and metadata servers."""
    kept = {name: value for name, value in os.environ.items() if not _GOOGLES.match(name)}
    hidden = {"CLOUDSDK_CONFIG": os.devnull, "NO_GCE_CHECK": "true"}
    with patch.dict(os.environ, {**kept, **hidden}, clear=True), warnings.catch_warnings(action="ignore"):
        yield


_GOOGLES = re.compile("GOOGLE_|GEMINI_|CLOUDSDK_|GCE_|GCLOUD_|VERTEX_", re.IGNORECASE)


def open_client(backend: Mapping[str, Any], transport: httpx2.MockTransport | None) -> Client:
    """Open a client that uses only the transport."""
    given = dict(backend)
    if given.get("project"):
        given["credentials"] = Credentials(token="test-token")
    transport = transport or httpx2.MockTransport(lambda _: httpx2.Response(500))
    options = types.HttpOptions(
        base_url=given.pop("base_url", None),
        api_version=given.pop("api_version", None),
        httpx_client=httpx2.Client(transport=transport, trust_env=False),
        httpx_async_client=httpx2.AsyncClient(transport=transport, trust_env=False),
        client_args={"verify": _trust()},
        async_client_args={"verify": _trust(), "ssl": _trust()},
    )
    return Client(http_options=options, **given)


@cache
def _trust() -> ssl.SSLContext:
    """Build a TLS context once: reading the certificates takes 20 ms for each client."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
