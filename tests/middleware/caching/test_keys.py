"""The keys of requests: what the API receives, without credentials."""

from typing import Any

import pytest

from genai_fn import Gemini, Http, Offline, Success, Vertex, generate, text, with_options
from genai_fn.engine.handler import HttpHandler
from genai_fn.middleware import MemoryStore, cached
from genai_fn.middleware.caching.keys import KeyBuilder
from genai_fn.testing import Fake
from tests.support.loopback import Loopback, build_json_reply
from tests.support.loopback_replies import build_text_response

HI = generate("m", "hi", {"temperature": 0})


def build_digest(backend: Any, request: Any = HI) -> str | None:
    """Return the key of a request that needs no token."""
    effects = KeyBuilder(HttpHandler(backend=backend)).build(request, 0.0)
    with pytest.raises(StopIteration) as end:
        next(effects)
    return None if end.value.value is None else end.value.value.digest


def test_credentials_do_not_count() -> None:
    """Requests with different keys, tokens and secret fields are equal."""
    exa: Any = [{"temperature": 0, "tools": [{"exa_ai_search": {"api_key": key}}]} for key in "ab"]
    assert build_digest(Gemini("a")) == build_digest(Gemini("b")) == build_digest(Gemini("c", headers={"x-auth": "d"}))
    vertex = Vertex("p", "us-central1", credentials="a.json")
    assert build_digest(vertex) == build_digest(Vertex("p", "us-central1", api_key="b"))
    first, second = (build_digest(vertex, generate("m", "hi", each)) for each in exa)
    assert first == second != build_digest(vertex)


def test_addresses_count() -> None:
    """Each backend, project, region, version, base URL and further header has keys of its own."""
    backends = [
        Gemini("a"),
        Gemini("a", api_version="v1"),
        Gemini("a", base_url="https://gateway.example"),
        Gemini("a", headers={"x-route": "b"}),
        Vertex("p", "us-central1"),
        Vertex("q", "us-central1"),
        Vertex("p", "europe-west1"),
    ]
    assert len({build_digest(each) for each in backends}) == len(backends)
    assert build_digest(backends[0], HI | with_options(api_version="v1")) == build_digest(backends[1])
    assert build_digest(backends[0], HI | with_options(server_timeout=5)) == build_digest(backends[0])
    assert [build_digest(backends[0], HI | with_options(backend=each)) for each in backends] == [
        *map(build_digest, backends)
    ]


def test_is_stable() -> None:
    """The key of a request is the same in another process and on another day; a new format changes it."""
    assert build_digest(Gemini("a")) == "e845b79b01f6179d154d19eeb9b2f63d0237bf8e6da60cc75eb22ae6ea1a5b49"


def test_project_of_the_credentials() -> None:
    """A backend without a project has the keys of the project that its credentials name."""
    store = MemoryStore()
    for backend in (Vertex(location="us-central1"), Vertex("offline", "us-central1")):
        assert Offline(backend).with_middleware(cached(store))(HI) == Offline(backend)(HI)
    assert len(store) == 1


def test_unknown_handler() -> None:
    """What is sent by a handler that does not show its backend is not cached."""

    class Opaque:
        """Hides the handler that it wraps."""

        def __init__(self, handler: Any) -> None:
            self.handle, self.open_stream, self.read_items = handler.handle, handler.open_stream, handler.read_items

    with Loopback([build_json_reply(build_text_response(each)) for each in ("one", "two")]) as server:
        with Http(Gemini("test-key", base_url=server.url)) as http:
            run = http.with_middleware(Opaque, cached())
            assert [run(HI | text), run(HI | text)] == [Success("one"), Success("two")]


def test_unsupported() -> None:
    """A request with a field that the backend does not support has no key, and fails as it does without a cache."""
    request = generate("m", "hi", {"temperature": 0, "image_config": {"output_mime_type": "image/png"}})
    assert build_digest(Gemini("a"), request) is None
    assert Fake({"generate": "hello"}).with_middleware(cached())(request | text) == Success("hello")
