"""Requests as HTTP requests: addresses, headers, bodies and refusals."""

import copy
import pickle
from typing import Any, ClassVar

import msgspec
import pytest
from msgspec.structs import replace

from genai_fn import calling, chats, live, returning, streamed, text
from genai_fn.backend import Backend, Gemini, Vertex, build_own_credential
from genai_fn.errors import (
    InvalidRequest,
    Unsupported,
)
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.ops.generate import generate
from genai_fn.options import Options
from genai_fn.request import GET, Call, Operation, Refusal, Request, read_json
from genai_fn.schema import CachedContent, Content, Part
from genai_fn.wire import decode, encode, prepare_request, sign_request

GEMINI = Gemini("test-key")
VERTEX = Vertex("p", "us-central1")
HI = generate("m", "hi")


class Fetch(Operation[CachedContent]):
    """An operation without a body that only one backend has."""

    op: ClassVar = "test.fetch"

    name: str

    def gemini(self, backend: Gemini) -> Call[CachedContent]:
        return GET(f"cachedContents/{self.name}", read_json(CachedContent), query=(("view", "a b&c"),))

    def vertex(self, backend: Vertex) -> Refusal:
        return Refusal("it is not there")


def add_options(request: Request[Any], **options: Any) -> Request[Any]:
    return replace(request, options=Options(**options))


def test_get_has_no_body() -> None:
    """A call without a body has no content type, and its query is escaped."""
    http = encode(Request(Fetch(name="1")), GEMINI).unwrap()
    assert http.method == "GET"
    assert http.body == b""
    assert http.url == "https://generativelanguage.googleapis.com/v1beta/cachedContents/1?view=a+b%26c"
    assert "content-type" not in dict(http.headers)


def add(one: int, other: int) -> int:
    """Add two numbers."""
    return one + other


@pytest.mark.parametrize(
    ("description", "hint"),
    [
        (HI | returning(int), "in its `source`"),
        (HI | text, "run(flow)"),
        (HI | calling(add), "in its `source`"),
        (chats.send(chats.start("m"), "hi"), "in its `source`"),
        (HI | streamed, "run.stream"),
        (live.connect("m"), "run.live"),
        ("hi", "a Request"),
    ],
)
def test_only_requests(description: Any, hint: str) -> None:
    """What is not one HTTP request is a mistake that states what to do, in both directions."""
    for failure in (
        encode(description, GEMINI).failure(),
        decode(description, HttpResponse(200, (), b"{}"), GEMINI).failure(),
    ):
        assert isinstance(failure, InvalidRequest)
        assert (failure.path, failure.value) == ("request", description)
        assert hint in failure.expected


def test_source_of_flow() -> None:
    """The source of a flow is the request that it sends first, with the configuration of its modifiers."""
    flow = HI | returning(int)
    assert isinstance(flow.source, Request)
    assert b"INTEGER" in encode(flow.source, GEMINI).unwrap().body  # type: ignore[operator]  # not a file


def test_only_backends() -> None:
    """Anything but a backend is a mistake with its name."""
    failure = encode(HI, "gemini").failure()  # type: ignore[arg-type]  # that is the point
    assert isinstance(failure, InvalidRequest)
    assert failure.path == "backend"


def test_refusal() -> None:
    """An operation that a backend does not have is refused by name, with the reason."""
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
    """A name goes into the path unchanged; characters that are not allowed there are escaped."""
    url = encode(generate(model, "hi"), GEMINI).unwrap().url
    assert url == f"https://generativelanguage.googleapis.com/v1beta/{path}:generateContent"


def test_headers() -> None:
    """Every request names this library; whole responses may be compressed, streamed ones not."""
    full_headers = dict(encode(HI, GEMINI).unwrap().headers)
    stream_headers = dict(encode(Request(HI.operation.get_streaming_operation()), GEMINI).unwrap().headers)
    assert full_headers["user-agent"].startswith("genai-fn/")
    assert full_headers["x-goog-api-client"] == full_headers["user-agent"]
    assert (full_headers["accept-encoding"], stream_headers["accept-encoding"]) == ("gzip", "identity")
    assert full_headers["content-type"] == "application/json"
    assert "x-server-timeout" not in full_headers


def test_own_headers_win() -> None:
    """A header of the request's options replaces the default one, in whatever case it is written."""
    request = add_options(HI, headers=(("User-Agent", "mine"), ("X-Team", "a"), ("X-Team", "b")))
    headers = encode(request, GEMINI).unwrap().headers
    assert [value for name, value in headers if name.lower() == "user-agent"] == ["mine"]
    assert [value for name, value in headers if name == "X-Team"] == ["a", "b"]


def test_backend_headers_win() -> None:
    """A header of the backend replaces the default one; a header of the request's options replaces both."""
    backend = Gemini("test-key", headers={"User-Agent": "backend", "X-Team": "backend"})
    request = add_options(HI, headers=(("x-team", "request"),))
    signed_request = sign_with_own_key(encode(request, backend).unwrap(), backend)
    compared_headers = [
        (name.lower(), value) for name, value in signed_request.headers if name.lower() in ("user-agent", "x-team")
    ]
    assert sorted(compared_headers) == [("user-agent", "backend"), ("x-team", "request")]


@pytest.mark.parametrize(("seconds", "header"), [(0.2, "1"), (1, "1"), (1.5, "2"), (60.0, "60")])
def test_server_timeout_rounds_up(seconds: float, header: str) -> None:
    """`server_timeout` is sent in whole seconds, rounded up."""
    headers = dict(encode(add_options(HI, server_timeout=seconds), GEMINI).unwrap().headers)
    assert headers["x-server-timeout"] == header


def test_address_options() -> None:
    """`base_url` and `api_version` redirect a single request."""
    request = add_options(HI, base_url="http://127.0.0.1:1/way/", api_version="v9")
    assert encode(request, GEMINI).unwrap().url == "http://127.0.0.1:1/way/v9/models/m:generateContent"
    assert encode(request, VERTEX).unwrap().url == (
        "http://127.0.0.1:1/way/v9/projects/p/locations/us-central1/publishers/google/models/m:generateContent"
    )


@pytest.mark.parametrize(
    "url", ["no address", "ftp://h.test", "https://h.test?x=1", "https://u:p@h.test", "http://h:x"]
)
def test_bad_base_url_is_a_failure(url: str) -> None:
    """A malformed `base_url` is a failure, even in options that no modifier has validated."""
    assert isinstance(encode(add_options(HI, base_url=url), GEMINI).failure(), InvalidRequest)


@pytest.mark.parametrize("key", ["generation_config", "generationConfig"])
def test_extra_body(key: str) -> None:
    """`extra_body` is merged in deeply, whichever spelling its names have; lists are replaced."""
    config = {"temperature": 0.5, "stop_sequences": ["a", "b"], "top_k": 3}
    extra = {key: {"stop_sequences": ["c"], "newThing": {"x": None}, "topK": 4}, "novel": 1}
    body = decode_body(add_options(generate("m", "hi", config), extra_body=extra))
    assert body["generationConfig"] == {"temperature": 0.5, "stopSequences": ["c"], "topK": 4, "newThing": {"x": None}}
    assert body["novel"] == 1
    assert set(body) == {"contents", "generationConfig", "novel"}


def test_extra_body_on_get() -> None:
    """`extra_body` adds a body to a call that has none, also to GET."""
    http = encode(add_options(Request(Fetch(name="1")), extra_body={"a": 1}), GEMINI).unwrap()
    assert http.body == b'{"a":1}'
    assert dict(http.headers)["content-type"] == "application/json"


def test_extra_body_is_json() -> None:
    """An `extra_body` that is not JSON is a failure that names the option."""
    failure = encode(add_options(HI, extra_body={"a": object()}), GEMINI).failure()
    assert isinstance(failure, InvalidRequest)
    assert failure.path == "extra_body"


def test_project_is_needed() -> None:
    """Without a project there is no path on Vertex AI, and none is guessed."""
    assert "no project" in str(encode(HI, Vertex()).failure())


@pytest.mark.parametrize(
    "value",
    [
        HI,
        HI.operation,
        generate("m", [{"parts": [{"inline_data": {"data": b"\x00", "mime_type": "a/b"}}]}], {"temperature": 1}),
        add_options(HI, headers=(("a", "b"),), server_timeout=1.0),
        encode(HI, GEMINI).unwrap(),
        prepare_request(HI, VERTEX).unwrap(),
        HttpResponse(200, (("a", "b"),), b"x"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values(value: Any) -> None:
    """Requests, and what they are encoded to, compare, hash, copy and pickle by what they contain."""
    for duplicate in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert duplicate == value
        assert hash(duplicate) == hash(value)
        assert repr(duplicate) == repr(value)


def test_building_changes_nothing() -> None:
    """Building a request does not change its arguments, and later changes of them do not change it."""
    contents: list[Any] = [{"role": "user", "parts": [{"function_response": {"name": "f", "response": {"a": [1]}}}]}]
    config: dict[str, Any] = {
        "labels": {"a": "b"},
        "stop_sequences": ["x"],
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object", "x": [1]}}]}],
        "response_schema": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}},
    }
    original = copy.deepcopy((contents, config))
    request = generate("m", contents, config)
    sent = encode(request, VERTEX).unwrap()
    assert original == (contents, config)
    contents[0]["parts"][0]["function_response"]["response"]["a"].append(2)
    contents.append("more")
    config["labels"]["a"] = "changed"
    config["stop_sequences"].append("y")
    config["tools"][0]["function_declarations"][0]["parameters_json_schema"]["x"].append(2)
    config["response_schema"]["properties"]["a"]["type"] = "number"
    assert encode(request, VERTEX).unwrap() == sent
    assert generate("m", *original) == request


def test_structs_are_not_shared() -> None:
    """A mapping within a Struct that was passed in is copied, too."""
    args: dict[str, Any] = {"a": [1]}
    content = Content(role="model", parts=(Part.from_function_call(name="f", args=args),))
    request = generate("m", content)
    args["a"].append(2)
    assert b'"args":{"a":[1]}' in bytes(encode(request, GEMINI).unwrap().body)  # type: ignore[arg-type]  # in one piece


def sign_with_own_key(http: HttpRequest, backend: Backend) -> HttpRequest:
    credential = build_own_credential(backend)
    assert credential is not None
    return sign_request(http, credential)


def decode_body(request: Request[Any]) -> Any:
    body = encode(request, GEMINI).unwrap().body
    assert isinstance(body, bytes)
    return msgspec.json.decode(body)
