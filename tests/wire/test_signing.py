"""Credentials are added for the backend's own origin alone, and shown nowhere."""

import pickle

import pytest
from hypothesis import given, settings, strategies as st

from genai_fn.backend import Backend, Credential, Gemini, Secret, Vertex, build_bearer_credential, build_own_credential
from genai_fn.http import Headers, HttpRequest, HttpResponse
from genai_fn.ops.generate import generate
from genai_fn.wire import decode, encode, sign_request

GEMINI = Gemini("test-key")
VERTEX = Vertex("p", "us-central1")
HI = generate("m", "hi")


@pytest.mark.parametrize(
    "url",
    [
        "http://generativelanguage.googleapis.com/v1beta/x",
        "https://generativelanguage.googleapis.com:444/v1beta/x",
        "https://evil.test/v1beta/x",
        "https://generativelanguage.googleapis.com@evil.test/x",
        "https://generativelanguage.googleapis.com.evil.test/x",
        "https://generativelanguage.googleapis.com:99999/x",
        "https://[bad/x",
        "//generativelanguage.googleapis.com/x",
        "",
    ],
)
def test_foreign_origins(url: str) -> None:
    """The credential is sent to the backend's own scheme, host and port, and to no other."""
    request = HttpRequest("GET", url)
    assert sign_with_own_key(request, GEMINI) == request


@pytest.mark.parametrize(
    "url", ["https://GenerativeLanguage.googleapis.com/x", "https://generativelanguage.googleapis.com:443/x"]
)
def test_own_origin(url: str) -> None:
    """Origins are compared by meaning: case and the default port do not matter."""
    assert dict(sign_with_own_key(HttpRequest("GET", url), GEMINI).headers) == {"x-goog-api-key": "test-key"}


def test_keeps_present_headers() -> None:
    """A header that the request has already is not added again."""
    request = HttpRequest("GET", "https://generativelanguage.googleapis.com/x", (("X-Goog-Api-Key", "other"),))
    assert sign_with_own_key(request, GEMINI) == request


def test_token() -> None:
    """A token is sent as a bearer token, with the quota project beside it."""
    credential = build_bearer_credential(VERTEX, "test-token", quota_project="q")
    headers = dict(sign_request(encode(HI, VERTEX).unwrap(), credential).headers)
    assert (headers["authorization"], headers["x-goog-user-project"]) == ("Bearer test-token", "q")


_KEYS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="'\"\\*<>()="), min_size=12, max_size=40
).map("test-key-{}".format)  # so that it is no name of a field


@settings(deadline=None)
@given(key=_KEYS)
def test_keeps_secrets(key: str) -> None:
    """No key appears in the repr, the text or the pickle of a request, its encoding, an error or a backend."""
    backend = Gemini(key, headers={"x-secret-thing": key})
    http = encode(HI, backend).unwrap()
    signed_request = sign_with_own_key(http, backend)
    failure = encode(generate("m", "hi", {"audio_timestamp": True}), backend).failure()
    answer = decode(HI, HttpResponse(401, (("set-cookie", key),), b"{}"), backend)
    for value in (backend, build_own_credential(backend), signed_request, http, HI, failure, answer, answer.failure()):
        assert key not in repr(value)
        assert key not in str(value)
    for value in (http, HI, failure):
        assert key.encode() not in pickle.dumps(value)
    with pytest.raises(TypeError, match="secrets do not pickle"):
        pickle.dumps(backend)
    assert key in dict(signed_request.headers).values()


def test_credential_without_origin() -> None:
    """A credential without an origin is never sent."""
    headers: Headers = (("authorization", "test"),)
    request = HttpRequest("GET", "https://h.test/")
    assert sign_request(request, Credential("", Secret(headers))) == request


def sign_with_own_key(http: HttpRequest, backend: Backend) -> HttpRequest:
    credential = build_own_credential(backend)
    assert credential is not None
    return sign_request(http, credential)
