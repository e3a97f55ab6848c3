"""Credentials in errors are masked in every spelling, and nothing else is."""

import json
import pickle
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st
from returns.result import Failure

from genai_fn import Gemini, Vertex, decode, generate, with_options
from genai_fn.errors import ClientError, DecodeError, Disconnected, EmbeddingFailed, GenaiError, LiveClosed
from genai_fn.http import HttpResponse
from genai_fn.wire.masking import Masker

KEY = "test-key/1+2=3&4%5"
MASKER = Masker((("X-Goog-Api-Key", KEY), ("accept", "text/plain-and-long")))
SUSPENDED_MESSAGE = f"Permission denied: Consumer 'api_key:{KEY}' has been suspended."

SPELLINGS = {
    "plain": KEY,
    "percent-encoded": quote(KEY, safe=""),
    "percent-encoded in part": quote(KEY),
    "in lower case": quote(KEY, safe="").replace("%2F", "%2f"),
    "all percent-encoded": "".join(f"%{ord(each):02X}" for each in KEY),
    "escaped slashes": KEY.replace("/", "\\/"),
    "escaped letters": KEY.replace("t", "\\u0074"),
    "all escaped": "".join(f"\\u{ord(each):04X}" for each in KEY),
    "escaped twice": KEY.replace("e", "\\\\u0065"),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings(name: str) -> None:
    """A key is masked when it is literal, percent-encoded or contains JSON escapes; the text around it stays."""
    masked_value = MASKER.mask_text(f"before {SPELLINGS[name]}, and {SPELLINGS[name]} after")
    assert masked_value == "before ***, and *** after"


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40), st.text(max_size=20))
def test_any_key(key: str, around: str) -> None:
    """A masked text never contains a key of eight characters or more."""
    masked_value = Masker((("authorization", f"Bearer {key}"),)).mask_text(around + key + around + quote(key, safe=""))
    assert key not in masked_value
    assert quote(key, safe="") not in masked_value


@pytest.mark.parametrize(
    ("header", "hidden_texts"),
    (
        (("authorization", "Bearer test-token-1"), ("Bearer test-token-1", "test-token-1")),
        (("Authorization", "Basic dGVzdDp0ZXN0"), ("dGVzdDp0ZXN0",)),
        (("authorization", "Token auth_tokens/test-name"), ("auth_tokens/test-name", "test-name")),
        (("x-goog-api-key", "auth_tokens/test-name"), ("auth_tokens/test-name", "test-name")),
        (("cookie", "session=test-session; b=test-other"), ("test-session", "test-other")),
        (("X-My-Secret", "test secret 1"), ("test secret 1",)),
    ),
)
def test_headers(header: tuple[str, str], hidden_texts: tuple[str, ...]) -> None:
    """Tokens are masked with and without their scheme, and custom headers by their names."""
    for each in hidden_texts:
        assert each not in Masker((header,)).mask_text(f"a <{each}> b")


@pytest.mark.parametrize("header", (("user-agent", "some-agent/1"), ("x-goog-user-project", "test-project")))
def test_other_headers(header: tuple[str, str]) -> None:
    """Headers whose names do not indicate a credential are not masked."""
    text = f"who is {header[1]}?"
    assert Masker((header,)).mask_text(text) == text


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    (
        ("a", "a cat and a map", "a cat and a map"),
        ("cat", "a cat and a category", "a cat and a category"),
        ("four", "four, fourth, 'api_key:four', x-four", "***, fourth, 'api_key:***', x-four"),
        ("", "a b", "a b"),
    ),
)
def test_short_keys(key: str, text: str, expected: str) -> None:
    """A short key is masked only as a separate word, a very short one never."""
    assert Masker((("x-goog-api-key", key),)).mask_text(text) == expected


def test_cut_text() -> None:
    """The start of a key at the end of a truncated text is masked; the end of a short text is not."""
    assert MASKER.mask_text("x" * 493 + KEY[:7]) == "x" * 493 + "***"
    assert MASKER.mask_text("this is a test") == "this is a test"


ERRORS: tuple[GenaiError, ...] = (
    ClientError(
        403, KEY, SUSPENDED_MESSAGE, ({"metadata": {KEY: [f"api_key:{KEY}", 7, None, True]}},), (("x-echo", KEY),)
    ),
    DecodeError(f"one of {KEY}", f"$.{KEY}", json.dumps({"a": KEY})),
    Disconnected("reading", f"illegal header line: {KEY}"),
    LiveClosed(1008, SUSPENDED_MESSAGE),
    EmbeddingFailed(5, f"a text with {KEY}", ClientError(403, "", SUSPENDED_MESSAGE)),
)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors(error: GenaiError) -> None:
    """All fields of an error are masked: its text, its pickle, and its details at any depth."""
    masked_value = MASKER.mask_error(error)
    assert type(masked_value) is type(error)
    assert KEY in repr(error)
    for representation in (
        repr(masked_value),
        str(masked_value),
        repr(vars(masked_value)),
        repr(pickle.dumps(masked_value)),
    ):
        assert KEY not in representation
    assert pickle.loads(pickle.dumps(masked_value)) == masked_value


def test_untouched() -> None:
    """An error without the key is returned as the same object, and a success is unchanged."""
    error = ClientError(400, "INVALID_ARGUMENT", "no", ({"a": ["b"]},))
    assert MASKER.mask_error(error) is error
    assert Masker(()).mask_error(ERRORS[0]) is ERRORS[0]


def test_kinds_stay() -> None:
    """Masking keeps the types of numbers, lists and tuples."""
    details = ({"@type": "google.rpc.RetryInfo", "retryDelay": "7s", "key": KEY, "list": [1, (2,)]},)
    masked_value: Any = MASKER.mask_error(ClientError(429, "", "", details))
    assert masked_value.retry_after == 7.0
    assert masked_value.details == ({**details[0], "key": "***"},)


def test_deep_details() -> None:
    """Details that are nested too deeply to be masked are dropped."""
    deep: Any = KEY
    for _ in range(100_000):
        deep = [deep]
    masked_value: Any = MASKER.mask_error(ClientError(403, "", SUSPENDED_MESSAGE, (deep,)))
    assert (masked_value.code, masked_value.message, masked_value.details) == (403, "***", ())
    while isinstance(deep, list):  # or the interpreter would free it by nested calls
        deep = deep[0]


@pytest.mark.parametrize("status", (200, 403))
@pytest.mark.parametrize(
    "backend", (Gemini(KEY), Vertex(api_key=KEY), Gemini(headers={"authorization": f"Bearer {KEY}"}))
)
def test_decode(backend: Any, status: int) -> None:
    """`decode` masks the credentials of the backend and of the request's headers."""
    body = json.dumps(
        {"error": {"code": 403, "message": SUSPENDED_MESSAGE, "details": [{"containerInfo": KEY}]}}
    ).encode()
    for request in (generate("m", "hi"), generate("m", "hi") | with_options(headers={"x-token": "test-token"})):
        failed = decode(request, HttpResponse(status, (("x-echo", KEY),), body), backend)
        assert isinstance(failed, Failure)
        assert KEY not in repr(vars(failed.failure()))
    result = decode(request, HttpResponse(400, (), b"<p>test-token</p>"), backend)
    assert result == Failure(ClientError(400, "", "<p>***</p>"))


def test_success_stays() -> None:
    """A successful response is not masked, even if it contains the key."""
    body = json.dumps({"candidates": [{"content": {"parts": [{"text": KEY}]}}]}).encode()
    assert decode(generate("m", "hi"), HttpResponse(200, (), body), Gemini(KEY)).unwrap().text == KEY


def test_shows_nothing() -> None:
    """The repr of a `Masker` contains no secrets."""
    assert KEY not in f"{MASKER!r} {MASKER}"
