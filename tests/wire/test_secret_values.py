"""Secrets in the fields of a request are found at any depth, and hidden in events."""

import pickle
from typing import Any

import pytest

from genai_fn import Gemini, Vertex, codec, encode, generate, with_options
from genai_fn.backend import Backend
from genai_fn.http import FileSlice, HttpRequest, HttpResponse
from genai_fn.ops import batches, live, tokens
from genai_fn.schema.secret_fields import SecretMessage
from genai_fn.wire.secret_values import find_secrets, hide_credentials, list_secret_carriers
from tests.support.drawn_requests import list_operations
from tests.support.schema_samples import MESSAGES, build_sample

KEY = 'test-key/"0123"'

TOOLS: dict[str, Any] = {
    "a search": {"exa_ai_search": {"api_key": KEY}},
    "another search": {"parallel_ai_search": {"api_key": KEY}},
    "an MCP server": {"mcp_servers": [{"streamable_http_transport": {"headers": {"x-a": KEY}}}]},
    "a retrieval": {"retrieval": {"external_api": {"api_auth": {"api_key_config": {"api_key_string": KEY}}}}},
    "maps": {"google_maps": {"auth_config": {"api_key_config": {"api_key_string": KEY}}}},
    "OAuth": {"google_maps": {"auth_config": {"oauth_config": {"access_token": KEY}}}},
}


@pytest.mark.parametrize("name", TOOLS)
def test_tools(name: str) -> None:
    """The secrets of tools are found in a request, a count, a batch and a session."""
    config = {"tools": [TOOLS[name]]}
    request = generate("m", "hi", config)
    for action in (request, tokens.count(request), batches.create("m", [request]), live.connect("m", config)):
        assert find_secrets(action.operation) == {KEY}


def test_nothing() -> None:
    """A request without secrets has none, whatever its contents are, and contents are not searched."""
    assert find_secrets(generate("m", KEY, {"labels": {"api_key": KEY}}).operation) == frozenset()
    assert all("contents" not in list_secret_carriers(kind) for kind in list_operations())


def test_empty_secret() -> None:
    """An empty secret hides no other empty text."""
    request = generate("m", "", {"tools": [{"exa_ai_search": {"api_key": ""}}]})
    http = encode(request, Vertex("p", api_key="test-other")).unwrap()
    assert hide_credentials(http, request.operation).body == http.body


@pytest.mark.parametrize("kind", [each for each in MESSAGES if issubclass(each, SecretMessage)])
def test_every_secret_field(kind: type[SecretMessage]) -> None:
    """Every secret field of every type is found."""
    sample = build_sample(kind)
    given = {getattr(sample, name) if isinstance(getattr(sample, name), str) else "ä/+" for name in kind.secret_fields}
    assert given <= find_secrets(sample)


@pytest.mark.parametrize("backend", (Gemini("test-other"), Vertex("p", api_key="test-other")))
@pytest.mark.parametrize("name", TOOLS)
def test_hidden_in_events(name: str, backend: Backend) -> None:
    """A request as events contain it has neither the secrets of its tools nor its headers' credentials."""
    request = generate("m", "hi" * 100, {"tools": [TOOLS[name]]}) | with_options(
        headers={"x-my-key": "test-header-key"}
    )
    encoded = encode(request, backend)
    http = encoded.value_or(None)
    if http is None:
        return  # the backend does not have this tool
    shown = hide_credentials(http, request.operation)
    for secret in ("test-header-key", "0123"):
        assert secret.encode() in pickle.dumps(http)
        assert secret.encode() not in pickle.dumps(shown)
        assert secret not in repr(shown)


def test_bodies() -> None:
    """A body in chunks is hidden chunk by chunk; a file stays."""
    operation = generate("m", "hi", {"tools": [TOOLS["a search"]]}).operation
    body = (b'{"a":"test-key/\\"0123\\""', b',"b":1}')
    assert hide_credentials(HttpRequest("POST", "u", (), body), operation).body == (b'{"a":"***"', b',"b":1}')
    file = FileSlice("x", 0, 1)
    assert hide_credentials(HttpRequest("POST", "https://h/?upload_id=a", (), file), operation) == HttpRequest(
        "POST", "https://h/?upload_id=***", (), file
    )


@pytest.mark.parametrize("cut", (0, 5, 1000))
@pytest.mark.parametrize("name", TOOLS)
def test_repr_of_bodies(name: str, cut: int) -> None:
    """The repr of a request or a response masks secret fields of a JSON body, also if it is cut within one."""
    body = codec.encode({"tools": TOOLS[name]})
    start = body.index(b"test-key") + 8 + cut
    for shown in (repr(HttpRequest("POST", "u", (), body[:start])), repr(HttpResponse(200, (), body[:start]))):
        assert "test-key" not in shown
        assert "***" in shown


def test_repr_of_token_names() -> None:
    """The name of an ephemeral token, which is the token, is masked in the repr of a response."""
    assert "test-token" not in repr(HttpResponse(200, (), b'{"name": "auth_tokens/test-token", "uses": 1}'))
