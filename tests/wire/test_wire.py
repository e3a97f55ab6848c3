"""The pure edge: addresses, headers, signatures, and answers of every kind, read without ever raising."""

import copy
import gzip
import json
import pickle
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from returns.result import Failure, Success

from genai_fn.backend import Backend, Credential, Gemini, Secret, Vertex, build_bearer_credential, build_own_credential
from genai_fn.errors import (
    APIError,
    ClientError,
    DecodeError,
    GenaiError,
    InvalidRequest,
    RateLimited,
    ServerError,
    Unsupported,
)
from genai_fn.http import Headers, HttpRequest, HttpResponse, ValueWithResponse
from genai_fn.ops.files.downloads import DownloadFile
from genai_fn.ops.generate import generate
from genai_fn.ops.operations import get as get_operation
from genai_fn.options import Options
from genai_fn.request import DELETE, GET, POST, Call, Operation, Refusal, Request, ResponseReader, read_json
from genai_fn.schema import CachedContent, Content, GenerateContentResponse, GenerateVideosOperation, Part
from genai_fn.wire import build_api_error, decode, decode_event, decode_response, encode, prepare_request, sign_request

GEMINI = Gemini("test-key")
VERTEX = Vertex("p", "us-central1")


class Fetch(Operation[CachedContent]):
    """An operation without a body, on one backend alone."""

    op: ClassVar = "test.fetch"

    name: str

    def gemini(self, at: Gemini) -> Call[CachedContent]:
        return GET(f"cachedContents/{self.name}", read_json(CachedContent), query=(("view", "a b&c"),))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("it is not there")


class Drop(Operation[CachedContent]):
    """An operation that answers with nothing."""

    op: ClassVar = "test.drop"

    def gemini(self, at: Gemini) -> Call[CachedContent]:
        return DELETE("cachedContents/1", read_json(CachedContent))

    def vertex(self, at: Vertex) -> Call[CachedContent]:
        return POST("cachedContents/1:drop", None, replace(read_json(CachedContent), may_be_empty=True))


HI = generate("m", "hi")


def _with(request: Request[Any], **options: Any) -> Request[Any]:
    return replace(request, options=Options(**options))


# Out


def test_get_has_no_body() -> None:
    """Without a body nothing is said of its type, and the query is escaped."""
    http = encode(Request(Fetch(name="1")), GEMINI).unwrap()
    assert http.method == "GET"
    assert http.body == b""
    assert http.url == "https://generativelanguage.googleapis.com/v1beta/cachedContents/1?view=a+b%26c"
    assert "content-type" not in dict(http.headers)


def test_refusal() -> None:
    """What a backend does not have at all is refused by name and reason."""
    failure = encode(Request(Fetch(name="1")), VERTEX).failure()
    assert failure == Unsupported("Vertex AI", ("test.fetch",), "it is not there")
    assert decode(Request(Fetch(name="1")), HttpResponse(200), VERTEX).failure() == failure


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("m m", "models/m%20m"),
        ("m@001", "models/m@001"),
        ("\u00e9", "models/%C3%A9"),
        ("a%2Fb", "models/a%252Fb"),
        ("tunedModels/a-b_c", "tunedModels/a-b_c"),
    ],
)
def test_path_is_escaped(model: str, path: str) -> None:
    """A name goes into the path as itself, escaped where it must be."""
    url = encode(generate(model, "hi"), GEMINI).unwrap().url
    assert url == f"https://generativelanguage.googleapis.com/v1beta/{path}:generateContent"


def test_headers() -> None:
    """Every call names this library; whole answers may come zipped, pieces not."""
    whole = dict(encode(HI, GEMINI).unwrap().headers)
    pieces = dict(encode(Request(HI.operation.get_streaming_operation()), GEMINI).unwrap().headers)
    assert whole["user-agent"].startswith("genai-fn/")
    assert whole["x-goog-api-client"] == whole["user-agent"]
    assert (whole["accept-encoding"], pieces["accept-encoding"]) == ("gzip", "identity")
    assert whole["content-type"] == "application/json"
    assert "x-server-timeout" not in whole


def test_own_headers_win() -> None:
    """A header of the caller's takes the place of ours, however it is written."""
    request = _with(HI, headers=(("User-Agent", "mine"), ("X-Team", "a"), ("X-Team", "b")))
    headers = encode(request, GEMINI).unwrap().headers
    assert [value for name, value in headers if name.lower() == "user-agent"] == ["mine"]
    assert [value for name, value in headers if name == "X-Team"] == ["a", "b"]


def test_backend_headers_win() -> None:
    """A header of the backend's takes the place of ours, and is itself replaced by a request's own."""
    backend = Gemini("test-key", headers={"User-Agent": "backend", "X-Team": "backend"})
    request = _with(HI, headers=(("x-team", "request"),))
    signed = _signed(encode(request, backend).unwrap(), backend)
    named = [(name.lower(), value) for name, value in signed.headers if name.lower() in ("user-agent", "x-team")]
    assert sorted(named) == [("user-agent", "backend"), ("x-team", "request")]


@pytest.mark.parametrize(("seconds", "header"), [(0.2, "1"), (1, "1"), (1.5, "2"), (60.0, "60")])
def test_server_timeout_rounds_up(seconds: float, header: str) -> None:
    """The server's time limit is whole seconds, rounded up, and its own option."""
    headers = dict(encode(_with(HI, server_timeout=seconds), GEMINI).unwrap().headers)
    assert headers["x-server-timeout"] == header


def test_address_options() -> None:
    """One action can go to another address and version."""
    request = _with(HI, base_url="http://127.0.0.1:1/way/", api_version="v9")
    assert encode(request, GEMINI).unwrap().url == "http://127.0.0.1:1/way/v9/models/m:generateContent"
    assert encode(request, VERTEX).unwrap().url == (
        "http://127.0.0.1:1/way/v9/projects/p/locations/us-central1/publishers/google/models/m:generateContent"
    )


@pytest.mark.parametrize(
    "url", ["no address", "ftp://h.test", "https://h.test?x=1", "https://u:p@h.test", "http://h:x"]
)
def test_bad_address_is_a_value(url: str) -> None:
    """An address that is none is a failure, even where nobody looked before."""
    assert isinstance(encode(_with(HI, base_url=url), GEMINI).failure(), InvalidRequest)


@pytest.mark.parametrize("key", ["generation_config", "generationConfig"])
def test_extra_body(key: str) -> None:
    """Fields of the caller's own are merged in deeply, in either spelling; lists are replaced."""
    config = {"temperature": 0.5, "stop_sequences": ["a", "b"], "top_k": 3}
    extra = {key: {"stop_sequences": ["c"], "newThing": {"x": None}, "topK": 4}, "novel": 1}
    body = _json(_with(generate("m", "hi", config), extra_body=extra))
    assert body["generationConfig"] == {"temperature": 0.5, "stopSequences": ["c"], "topK": 4, "newThing": {"x": None}}
    assert body["novel"] == 1
    assert set(body) == {"contents", "generationConfig", "novel"}


def test_extra_body_on_get() -> None:
    """A call without a body gets one, on GET too."""
    http = encode(_with(Request(Fetch(name="1")), extra_body={"a": 1}), GEMINI).unwrap()
    assert http.body == b'{"a":1}'
    assert dict(http.headers)["content-type"] == "application/json"


def test_extra_body_is_json() -> None:
    """What is no JSON is a failure that names the option."""
    failure = encode(_with(HI, extra_body={"a": object()}), GEMINI).failure()
    assert isinstance(failure, InvalidRequest)
    assert failure.path == "extra_body"


def test_project_is_needed() -> None:
    """Without a project there is no path on Vertex, and nothing is guessed."""
    assert "no project" in str(encode(HI, Vertex()).failure())


# Signing


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
def test_signs_nothing_foreign(url: str) -> None:
    """The credential goes to the backend's own scheme, host and port, and nowhere else."""
    request = HttpRequest("GET", url)
    assert _signed(request, GEMINI) == request


@pytest.mark.parametrize(
    "url", ["https://GenerativeLanguage.googleapis.com/x", "https://generativelanguage.googleapis.com:443/x"]
)
def test_signs_its_own(url: str) -> None:
    """The same address may be written another way."""
    assert dict(_signed(HttpRequest("GET", url), GEMINI).headers) == {"x-goog-api-key": "test-key"}


def test_sign_keeps_what_is_there() -> None:
    """A header that the request has is not doubled."""
    request = HttpRequest("GET", "https://generativelanguage.googleapis.com/x", (("X-Goog-Api-Key", "other"),))
    assert _signed(request, GEMINI) == request


def test_token() -> None:
    """A token goes as a bearer's, with the quota project beside it."""
    credential = build_bearer_credential(VERTEX, "test-token", quota_project="q")
    headers = dict(sign_request(encode(HI, VERTEX).unwrap(), credential).headers)
    assert (headers["authorization"], headers["x-goog-user-project"]) == ("Bearer test-token", "q")


_KEYS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="'\"\\*<>()="), min_size=12, max_size=40
)


@settings(deadline=None)
@given(key=_KEYS)
def test_keeps_secrets(key: str) -> None:
    """No key is in what a request, its encoding, an error or a backend shows or pickles."""
    backend = Gemini(key, headers={"x-secret-thing": key})
    http = encode(HI, backend).unwrap()
    signed = _signed(http, backend)
    failure = encode(generate("m", "hi", {"labels": {}}), backend).failure()
    answer = decode(HI, HttpResponse(401, (("set-cookie", key),), b"{}"), backend)
    for shown in (backend, build_own_credential(backend), signed, http, HI, failure, answer, answer.failure()):
        assert key not in repr(shown)
        assert key not in str(shown)
    for pickled in (http, HI, failure):
        assert key.encode() not in pickle.dumps(pickled)
    with pytest.raises(TypeError, match="secrets do not pickle"):
        pickle.dumps(backend)
    assert key in dict(signed.headers).values()


@pytest.mark.parametrize(
    "name", ["upload_id", "key", "X-Goog-Signature", "X-Goog-Credential", "access_token", "sig", "Signature"]
)
def test_addresses_keep_secrets(name: str) -> None:
    """What a query may hold of credentials is shown of no request, and of no address that an answer names."""
    address = f"https://h.test/a?x=1&{name}=test-key&pageToken=2&key"
    shown = address.replace("test-key", "***")
    assert repr(HttpRequest("GET", address)).startswith(f"HttpRequest(GET {shown}, ")
    assert repr(shown) in repr(HttpResponse(302, (("location", address),)))
    assert repr(shown) in repr(DownloadFile(name="abc", address=address))


# In


def _fault(**fields: Any) -> bytes:
    return json.dumps({"error": fields}).encode()


_QUOTA = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "too much"}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, _fault(**_QUOTA), RateLimited(429, "RESOURCE_EXHAUSTED", "too much")),
        (429, b"[" + _fault(**_QUOTA) + b"]", RateLimited(429, "RESOURCE_EXHAUSTED", "too much")),
        (429, b"\n [ " + _fault(**_QUOTA) + b" ] \n", RateLimited(429, "RESOURCE_EXHAUSTED", "too much")),
        (400, _fault(code=400, message=None, status=None, details=None), ClientError(400)),
        (400, _fault(), ClientError(400)),
        (400, _fault(code="INVALID", message="m"), ClientError(400, "", "m")),
        (400, _fault(code=3, message="m", new={"x": 1}), ClientError(400, "", "m")),
        (400, b'{"error": {"message": "m"}, "requestId": "r"}', ClientError(400, "", "m")),
        (401, b'{"error": "invalid_grant", "error_description": "d"}', ClientError(401, "", "invalid_grant: d")),
        (401, b'{"code": 401, "message": "Jwt is missing"}', ClientError(401, "", "Jwt is missing")),
        (403, b'{"code": 401, "message": "m", "status": "S", "details": [1]}', ClientError(403, "S", "m", (1,))),
        (500, b'{"code": 401, "message": "m", "x": 1}', ServerError(500, "", '{"code": 401, "message": "m", "x": 1}')),
        (500, _fault(code=500, details=[{"@type": "t"}]), ServerError(500, "", "", ({"@type": "t"},))),
        (502, b"<html><h1>502 Bad Gateway</h1></html>", ServerError(502, "", "<html><h1>502 Bad Gateway</h1></html>")),
        (503, b"", ServerError(503)),
        (503, b"  \n", ServerError(503)),
        (503, b"overloaded", ServerError(503, "", "overloaded")),
        (500, b"[]", ServerError(500, "", "[]")),
        (500, b"{}", ServerError(500, "", "{}")),
        (500, b"null", ServerError(500, "", "null")),
        (500, b'{"error": null}', ServerError(500, "", '{"error": null}')),
        (500, b'{"error": {"code": 500, "mess', ServerError(500, "", '{"error": {"code": 500, "mess')),
        (500, b"\xff\xfe", ServerError(500, "", "\ufffd\ufffd")),
        (302, b"moved", APIError(302, "", "moved")),
        (304, b"", APIError(304)),
        (600, b"?", APIError(600, "", "?")),
    ],
)
def test_faults(status: int, body: bytes, expected: APIError) -> None:
    """Another status than 2xx is an error of its kind, whatever the body is."""
    failure = decode(HI, HttpResponse(status, (), body), GEMINI).failure()
    assert failure == expected
    assert type(failure) is type(expected)


def test_fault_keeps_headers() -> None:
    """An error holds the answer's headers, for whoever must know."""
    headers = (("retry-after", "3"),)
    failure = build_api_error(HttpResponse(503, headers, b""))
    assert failure.headers == headers
    assert failure.retry_after == 3.0


def test_fault_is_cut() -> None:
    """However long a page of an error is, its message is not."""
    assert len(build_api_error(HttpResponse(500, (), b"x" * 1_000_000)).message) == 500


def test_fault_zipped_junk() -> None:
    """Bytes that nobody unzipped are an error as any other."""
    assert isinstance(decode(HI, HttpResponse(500, (), gzip.compress(b"x")), GEMINI).failure(), ServerError)
    assert isinstance(decode(HI, HttpResponse(200, (), gzip.compress(b"x")), GEMINI).failure(), DecodeError)


@pytest.mark.parametrize("wrapped", [b"%s", b"[%s]", b"\n  %s\n"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (_fault(**_QUOTA), RateLimited(429, "RESOURCE_EXHAUSTED", "too much")),
        (_fault(code=503, message="later"), ServerError(503, "", "later")),
        (_fault(message="m"), ServerError(500, "", "m")),
        (_fault(status="UNAVAILABLE"), ServerError(500, "UNAVAILABLE")),
        (_fault(code="x", message="m"), ServerError(500, "", "m")),
        (b'{"error": "m"}', ServerError(500, "", "m")),
        (b'{"error": {"code": 503, "message": "later"}, "requestId": "r"}', ServerError(503, "", "later")),
    ],
)
def test_fault_within_success(wrapped: bytes, body: bytes, expected: APIError) -> None:
    """A fault that comes with status 200, alone or in a list, is that fault, as an answer and as an event."""
    text = wrapped.replace(b"%s", body)
    assert decode(HI, HttpResponse(200, (), text), GEMINI).failure() == expected
    assert decode_event(_ANSWER, memoryview(text)).failure() == expected


def test_flat_fault_within_success() -> None:
    """An error without a name around it is that error with status 200, too; what looks a little like it is none."""
    text = b'{"code": 401, "message": "Jwt is missing"}'
    assert decode(HI, HttpResponse(200, (), text), GEMINI).failure() == ClientError(401, "", "Jwt is missing")
    assert decode_event(_ANSWER, text).failure() == ClientError(401, "", "Jwt is missing")
    for other in (b'{"code": 0, "message": "OK"}', b'{"message": "m"}', b'{"code": 401, "message": "m", "x": 1}'):
        assert isinstance(decode(HI, HttpResponse(200, (), other), GEMINI), Success)


@pytest.mark.parametrize(
    "body", [b'{"error": {"code": 3}, "name": "n"}', b'{"name": "n", "error": null}', b'{"name": "n", "error": {}}']
)
def test_error_of_ones_own(body: bytes) -> None:
    """An answer whose type has an error among other fields is an answer, as that of an operation."""
    asked = get_operation("models/m/operations/n", GenerateVideosOperation)
    assert isinstance(decode(asked, HttpResponse(200, (), body), GEMINI), Success)


@pytest.mark.parametrize("body", [b'{"responseId": "n", "error": null}', b'{"error": {}}', b'{"error": null}'])
def test_empty_error(body: bytes) -> None:
    """An error that says nothing is none."""
    assert isinstance(decode(HI, HttpResponse(200, (), body), GEMINI), Success)


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_no_answer(body: bytes) -> None:
    """Nothing at all is no answer where there is something to be said."""
    assert isinstance(decode(HI, HttpResponse(200, (), body), GEMINI).failure(), DecodeError)


@pytest.mark.parametrize("body", [b"", b"{}", b" \n", b"{ }"])
def test_empty_answer(body: bytes) -> None:
    """Nothing, or an empty object, is an empty success of what deletes or cancels."""
    assert decode(Request(Drop()), HttpResponse(200, (), body), GEMINI) == Success(CachedContent())
    assert decode(Request(Drop()), HttpResponse(204, (), body), VERTEX) == Success(CachedContent())


@pytest.mark.parametrize(
    ("body", "expected", "path"),
    [
        (b"[]", "`object`, got `array`", ""),
        (b'{"candidates": 1}', "`array`, got `int`", "$.candidates"),
        (b'{"candidates": [{"index": "x"}]}', "`int | null`, got `str`", "$.candidates[0].index"),
        (b"null", "`object`, got `null`", ""),
        (b"<html>", "JSON is malformed: invalid character (byte 0)", ""),
        (b'{"candidates": [', "Input data was truncated", ""),
    ],
)
def test_misfit(body: bytes, expected: str, path: str) -> None:
    """An answer that is not what it should be says what was expected, where, and what came."""
    failure = decode(HI, HttpResponse(200, (), body), GEMINI).failure()
    assert failure == DecodeError(expected, path, body.decode())


@pytest.mark.parametrize("text", [b"[", b'{"a":', b'{"error":', b'{"candidates":', b'{"candidates":[{"content":'])
@pytest.mark.parametrize("status", [200, 500])
def test_bottomless(text: bytes, status: int) -> None:
    """However deep an answer is nested, reading it ends in a value."""
    for body in (text * 100_000, text + b"[" * 100_000 + b"]" * 100_000):
        assert isinstance(decode(HI, HttpResponse(status, (), body), GEMINI), Success | Failure)


def test_raw_text_is_cut() -> None:
    """The text of what could not be read is within reach, and not all of it."""
    failure = decode(HI, HttpResponse(200, (), b"x" * 1_000_000), GEMINI).failure()
    assert isinstance(failure, DecodeError)
    assert len(failure.text) == 2000


def _broken(value: Any) -> Any:
    return value.no_such_thing


def test_reader_that_fails() -> None:
    """A reading function that stumbles over an answer makes a failure of it."""
    result = decode_response(ResponseReader(CachedContent, _broken), HttpResponse(200, (), b"{}"))
    assert result.failure() == DecodeError("CachedContent (AttributeError)", "", "{}")


def test_replied() -> None:
    """Asked for it, an answer brings the response that it came in."""
    response = HttpResponse(200, (("x-a", "b"),), b'{"responseId": "r"}')
    assert decode(_with(HI, with_http_response=True), response, GEMINI) == Success(
        ValueWithResponse(GenerateContentResponse(response_id="r"), response)
    )


_ANSWER = prepare_request(HI, GEMINI).unwrap().reader
_NAMES = st.sampled_from(
    ("error", "code", "message", "details", "candidates", "content", "parts", "inlineData", "data", "finishReason")
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["STOP", "-_8"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES | st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)
_BODIES = st.binary(max_size=200) | _JSON.map(lambda tree: json.dumps(tree).encode())


@settings(deadline=None)
@given(
    body=_BODIES,
    status=st.integers(100, 999),
    headers=st.dictionaries(st.sampled_from(["retry-after", "date"]), st.text()),
)
def test_reading_is_total(body: bytes, status: int, headers: dict[str, str]) -> None:
    """Whatever the server says, with whatever status, is a value or one of our errors, which shows and pickles."""
    response = HttpResponse(status, tuple(headers.items()), body)
    for result in (
        decode(HI, response, GEMINI),
        decode_event(_ANSWER, body),
        decode(Request(Drop()), response, VERTEX),
    ):
        if isinstance(result, Failure):
            error = result.failure()
            assert isinstance(error, GenaiError)
            assert pickle.loads(pickle.dumps(error)) == error  # noqa: S301  # our own bytes
            assert isinstance(str(error), str)
            assert not isinstance(error, APIError) or error.retry_after is None or error.retry_after >= 0


# Values


@pytest.mark.parametrize(
    "value",
    [
        HI,
        HI.operation,
        generate("m", [{"parts": [{"inline_data": {"data": b"\x00", "mime_type": "a/b"}}]}], {"temperature": 1}),
        _with(HI, headers=(("a", "b"),), server_timeout=1.0),
        encode(HI, GEMINI).unwrap(),
        prepare_request(HI, VERTEX).unwrap(),
        HttpResponse(200, (("a", "b"),), b"x"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values(value: Any) -> None:
    """Requests, and what they become, compare, hash, copy and pickle as what they hold."""
    for twin in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):  # noqa: S301  # our own bytes
        assert twin == value
        assert hash(twin) == hash(value)
        assert repr(twin) == repr(value)


def test_building_changes_nothing() -> None:
    """What is passed in is not changed, and what becomes of it later changes no request."""
    contents: list[Any] = [{"role": "user", "parts": [{"function_response": {"name": "f", "response": {"a": [1]}}}]}]
    config: dict[str, Any] = {
        "labels": {"a": "b"},
        "stop_sequences": ["x"],
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object", "x": [1]}}]}],
        "response_schema": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}},
    }
    before = copy.deepcopy((contents, config))
    request = generate("m", contents, config)
    sent = encode(request, VERTEX).unwrap()
    assert before == (contents, config)
    contents[0]["parts"][0]["function_response"]["response"]["a"].append(2)
    contents.append("more")
    config["labels"]["a"] = "changed"
    config["stop_sequences"].append("y")
    config["tools"][0]["function_declarations"][0]["parameters_json_schema"]["x"].append(2)
    config["response_schema"]["properties"]["a"]["type"] = "number"
    assert encode(request, VERTEX).unwrap() == sent
    assert generate("m", *before) == request


def test_structs_are_not_shared() -> None:
    """A mapping within a Struct that was passed in is the request's own, too."""
    args: dict[str, Any] = {"a": [1]}
    content = Content(role="model", parts=(Part.from_function_call(name="f", args=args),))
    request = generate("m", content)
    args["a"].append(2)
    assert b'"args":{"a":[1]}' in bytes(encode(request, GEMINI).unwrap().body)  # type: ignore[arg-type]  # in one piece


def _signed(http: HttpRequest, backend: Backend) -> HttpRequest:
    credential = build_own_credential(backend)
    assert credential is not None
    return sign_request(http, credential)


def _json(request: Request[Any]) -> Any:
    body = encode(request, GEMINI).unwrap().body
    assert isinstance(body, bytes)
    return msgspec.json.decode(body)


def test_own_origin_alone() -> None:
    """A credential for no origin in particular fits none."""
    headers: Headers = (("authorization", "test"),)
    request = HttpRequest("GET", "https://h.test/")
    assert sign_request(request, Credential("", Secret(headers))) == request
