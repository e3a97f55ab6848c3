"""``generate``: requests and refusals compared with google-genai 1.51.0, on both backends."""

import pickle
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from google.genai import types
from hypothesis import given, settings, strategies as st
from returns.result import Failure, Result, Success

from genai_fn import schema
from genai_fn.backend import Backend, Gemini, Vertex
from genai_fn.errors import GenaiError, InvalidRequest, Unsupported
from genai_fn.http import Body, FileSlice, HttpRequest
from genai_fn.modifiers import calling, with_tools
from genai_fn.ops.generate import generate
from genai_fn.request import Request
from genai_fn.schema import GenerateContentConfig
from genai_fn.wire import encode
from tests.cases.differences_by_resource import GENERATE_DIFFERENCES
from tests.cases.generate_requests import BACKEND_CASES, CASES, BackendCase, Case
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import (
    BACKENDS,
    add_credential,
    get_refused_field,
    is_supported_since,
    list_refused_fields,
    select_compared_parts,
)
from tests.support.scripted_model import Conversation, build_response

SAME_CASES = [(case, backend) for case in CASES if case.name not in GENERATE_DIFFERENCES for backend in BACKENDS]


@pytest.mark.parametrize(("case", "backend"), SAME_CASES, ids=lambda each: getattr(each, "name", each))
def test_same_wire(case: Case, backend: str) -> None:
    """The same arguments send the same request as google-genai, or are refused as by it."""
    their_backend, our_backend = BACKENDS[backend]
    theirs = oracle.capture_request(their_backend, lambda client: _call_google_genai(client, case))
    if isinstance(theirs, oracle.SentRequest):
        assert select_compared_parts(theirs) == select_compared_parts(
            add_credential(_encode(case, our_backend).unwrap(), our_backend)
        )
    elif is_supported_since(theirs, backend, "generate"):
        assert get_refused_field(theirs) not in list_refused_fields(_encode(case, our_backend))
    elif theirs.unsupported:
        error = _encode(case, our_backend).failure()
        assert isinstance(error, Unsupported)
        # google-genai 1.51.0 names only the first field
        assert get_refused_field(theirs) in [path.rpartition(".")[2] for path in error.paths]
    else:
        with pytest.raises(InvalidRequest):
            _encode(case, our_backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", GENERATE_DIFFERENCES)
def test_differences(name: str, backend: str) -> None:
    """Each difference is as the table states."""
    case, difference = next(each for each in CASES if each.name == name), GENERATE_DIFFERENCES[name]
    our_backend = BACKENDS[backend][1]
    if difference.invalid:
        with pytest.raises(InvalidRequest) as raised:
            _encode(case, our_backend)
        assert difference.invalid == raised.value.path
    elif backend in (difference.unsupported or {}):
        error = _encode(case, our_backend).failure()
        assert isinstance(error, Unsupported)
        assert ((difference.unsupported or {})[backend],) == error.paths
    else:
        assert difference.body == _parse_body(_encode(case, our_backend).unwrap().body)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", GENERATE_DIFFERENCES)
def test_differences_hold(name: str, backend: str) -> None:
    """Each difference in the table exists, on both backends or on the one where the table has a refusal."""
    case = next(each for each in CASES if each.name == name)
    theirs = oracle.capture_request(BACKENDS[backend][0], lambda client: _call_google_genai(client, case))
    body, refused = GENERATE_DIFFERENCES[name].body, GENERATE_DIFFERENCES[name].unsupported or {}
    is_same = isinstance(theirs, oracle.SentRequest) and oracle.normalize(theirs.body) == oracle.normalize(body)
    assert not is_same or refused


def test_all_differences_named() -> None:
    """Every difference of a case is in the table."""
    assert {case.name for case in CASES if case.difference} <= set(GENERATE_DIFFERENCES)


@pytest.mark.parametrize("case", [case for case in CASES if case.error], ids=lambda case: case.name)
def test_mistakes(case: Case) -> None:
    """Arguments for which google-genai 1.51.0 raises are a mistake on both backends."""
    for their_backend, _ in BACKENDS.values():
        theirs = oracle.capture_request(their_backend, lambda client: _call_google_genai(client, case))
        assert isinstance(theirs, oracle.RefusedCall)


BACKEND_DIFFERENCES: Mapping[str, tuple[str, str]] = {
    "vertex-us": (
        "the host of the multi-region is aiplatform.us.rep",
        "https://aiplatform.us.rep.googleapis.com/v1beta1/projects/p/locations/us/publishers/google/models/gemini-2.5-flash:generateContent",
    ),
    "vertex-base-url-no-location": (
        "1.51.0 ignores the project and sends no credentials",
        "https://gate.test/v1beta1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent",
    ),
    **{
        name: ("1.51.0 sends to the base URL of a gateway; genai_fn appends the path of the method", url)
        for name, url in {
            "gateway": "https://gate.test/way/publishers/google/models/gemini-2.5-flash:generateContent",
            "gateway-stream": "https://gate.test/way/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
            "gateway-slash": "https://gate.test/publishers/google/models/gemini-2.5-flash:generateContent",
            "gateway-version": "https://gate.test/way/publishers/google/models/gemini-2.5-flash:generateContent",
            "gateway-headers": "https://gate.test/way/publishers/google/models/gemini-2.5-flash:generateContent",
        }.items()
    },
}
"""Cases in which genai_fn uses another URL than 1.51.0: the reason, and the URL."""

SENT_BACKEND_CASES = [case for case in BACKEND_CASES if not case.error and case.name != "express-cache"]


@pytest.mark.parametrize("case", SENT_BACKEND_CASES, ids=lambda case: case.name)
def test_same_address(case: BackendCase) -> None:
    """Every backend has the URL and the credential that google-genai uses."""
    theirs, ours = _capture_backend_case(case), select_compared_parts(_encode_backend_case(case))
    if case.name in BACKEND_DIFFERENCES:
        assert theirs["url"] != ours["url"]
        assert BACKEND_DIFFERENCES[case.name][1] == ours["url"]
        assert theirs["body"] == ours["body"]
    else:
        assert theirs == ours


def test_cache_without_project() -> None:
    """A cache's short name needs a project; google-genai 1.51.0 sends None in its place."""
    request = generate("m", "hi", {"cached_content": "1"})
    for backend in (Vertex(api_key="test-key"), Vertex(base_url="https://gate.test")):
        error = encode(request, backend).failure()
        assert isinstance(error, Unsupported)
        assert error.paths == ("projects/{project}/locations/{location}/cachedContents/1",)


def test_cache_by_full_name() -> None:
    """A cache's full name is valid everywhere."""
    name = "projects/q/locations/l/cachedContents/1"
    request = generate("m", "hi", {"cached_content": name})
    for backend in (Vertex(api_key="test-key"), Vertex(base_url="https://gate.test"), Vertex("p")):
        assert _parse_body(encode(request, backend).unwrap().body)["cachedContent"] == name


def test_key_and_project() -> None:
    """A key with a project is taken, as by google-genai 3.6.1; 1.51.0 raises."""
    case = next(each for each in BACKEND_CASES if each.name == "vertex-key-and-project")
    assert case.error
    backend = _build_backend(case.backend)
    assert isinstance(backend, Vertex)
    assert backend.project is not None
    assert f"/projects/{backend.project}/" in encode(generate("m", "hi"), backend).unwrap().url


def test_every_field_is_named() -> None:
    """All fields that a backend does not have are in one error, each with its path."""
    config = {
        "model_armor_config": {},
        "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "method": "SEVERITY"}],
        "tools": [{"google_search": {}}, {"google_search": {"exclude_domains": []}, "retrieval": {}}],
        "image_config": {"output_compression_quality": 0},
        "audio_timestamp": False,
    }
    contents = [{"parts": [{"text": "x"}, {"function_call": {"name": "f", "partial_args": []}}]}]
    error = encode(generate("m", contents, config), Gemini("test-key")).failure()
    assert isinstance(error, Unsupported)
    assert set(error.paths) == {
        "contents[0].parts[1].function_call.partial_args",
        "config.model_armor_config",
        "config.safety_settings[0].method",
        "config.tools[1].google_search.exclude_domains",
        "config.tools[1].retrieval",
        "config.image_config.output_compression_quality",
        "config.audio_timestamp",
    }


def test_open_schema_paths() -> None:
    """Gemini refuses open objects in a response schema, with the path of each."""
    opened = {"type": "OBJECT", "additional_properties": True}
    shape = {
        "type": "OBJECT",
        "properties": {"a": opened, "b": {"type": "ARRAY", "items": opened}, "c": {"any_of": [opened]}},
    }
    error = encode(generate("m", "hi", {"response_schema": shape}), Gemini("test-key")).failure()
    assert isinstance(error, Unsupported)
    assert error.paths == (
        "config.response_schema.properties.a.additional_properties",
        "config.response_schema.properties.b.items.additional_properties",
        "config.response_schema.properties.c.any_of[0].additional_properties",
    )


def test_automatic_calling_is_a_mistake() -> None:
    """Automatic function calling in the config is a mistake; the error names the modifier."""
    request = generate("m", "hi", {"automatic_function_calling": {"maximum_remote_calls": 3}})
    message = str(encode(request, Gemini("test-key")).failure())
    assert message.startswith("config.automatic_function_calling: expected the modifier calling")


def test_automatic_calling_switched_off() -> None:
    """Disabling automatic function calling is valid, and sends nothing."""
    request = generate("m", "hi", {"automatic_function_calling": {"disable": True}})
    assert _parse_body(encode(request, Gemini("test-key")).unwrap().body) == {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}]
    }


class Session:
    """A session with an MCP server, whose repr contains a secret of its environment."""

    def __repr__(self) -> str:
        return "Session(env={'TOKEN': 'test-secret'})"

    async def list_tools(self) -> Any: ...

    async def call_tool(self, name: str) -> Any: ...


def test_session_as_a_tool() -> None:
    """A session with an MCP server is refused in a config: the error names the modifiers that take it, not its repr."""
    with pytest.raises(InvalidRequest, match=r"tools\[0\].*with_tools") as raised:
        generate("m", "hi", {"tools": [Session()]})
    assert "test-secret" not in repr(raised.value)


def test_functions_do_not_lose_tools() -> None:
    """Merging function declarations keeps the other fields of every tool."""
    tools = [
        {"function_declarations": [{"name": "f"}], "google_search": {}},
        {"code_execution": {}},
        {"function_declarations": [{"name": "g"}]},
    ]
    body = _parse_body(encode(generate("m", "hi", {"tools": tools}), Gemini("test-key")).unwrap().body)
    assert body["tools"] == [
        {"googleSearch": {}},
        {"codeExecution": {}},
        {"functionDeclarations": [{"name": "f"}, {"name": "g"}]},
    ]


def get_weather(city: str, days: int = 1) -> str:
    """Return the weather."""
    return city * days


DECLARATION = {
    "name": "get_weather",
    "description": "Return the weather.",
    "parametersJsonSchema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 1}},
        "required": ["city"],
    },
    "responseJsonSchema": {"type": "string"},
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("modifier", [with_tools(get_weather), calling(get_weather)], ids=("with_tools", "calling"))
def test_python_functions(modifier: Any, backend: str) -> None:
    """A function is declared in JSON Schema on both backends, as in 3.6.1; google-genai 1.51.0 sends a Schema."""
    their_backend, our_backend = BACKENDS[backend]
    (request,) = Conversation(generate("m", "hi") | modifier, [build_response("ok")]).requests
    assert _parse_body(encode(request, our_backend).unwrap().body)["tools"] == [{"functionDeclarations": [DECLARATION]}]

    def call(client: Any) -> Any:
        return client.models.generate_content(model="m", contents="hi", config={"tools": [get_weather]})

    theirs = oracle.capture_request(their_backend, call)
    assert isinstance(theirs, oracle.SentRequest)
    ((declaration,),) = (each["functionDeclarations"] for each in theirs.body["tools"])
    assert declaration["parameters"]["properties"]["city"] == {"type": "STRING"}


def _call_google_genai(client: Any, case: Case) -> Any:
    contents, config = case.arguments(types)
    call = client.models.generate_content_stream if case.stream else client.models.generate_content
    return call(model=case.model, contents=contents, config=config)


def _encode(case: Case, backend: Backend) -> Result[HttpRequest, GenaiError]:
    contents, config = case.arguments(schema)
    return encode(_select_operation(generate(case.model, contents, config), stream=case.stream), backend)


def _select_operation(request: Request[Any], *, stream: bool) -> Request[Any]:
    return Request(request.operation.get_streaming_operation()) if stream else request  # type: ignore[arg-type]  # generate has one


def _capture_backend_case(case: BackendCase) -> Mapping[str, Any]:
    def call(client: Any) -> Any:
        method = client.models.generate_content_stream if case.stream else client.models.generate_content
        return method(model=case.model, contents="hi", config=deepcopy(case.config))

    request = oracle.capture_request(case.backend, call)
    assert isinstance(request, oracle.SentRequest)
    return select_compared_parts(request)


def _encode_backend_case(case: BackendCase) -> HttpRequest:
    backend = _build_backend(case.backend)
    result = encode(_select_operation(generate(case.model, "hi", case.config), stream=case.stream), backend)
    assert isinstance(result, Success), result
    return add_credential(result.unwrap(), backend)


def _build_backend(backend: oracle.Backend) -> Backend:
    arguments = {name: value for name, value in backend.items() if name != "vertexai"}
    return Vertex(**arguments) if backend.get("vertexai") else Gemini(**arguments)


def _parse_body(body: Body) -> Any:
    assert not isinstance(body, FileSlice)
    return msgspec.json.decode(body if isinstance(body, bytes) else b"".join(body))


def test_answers_are_results() -> None:
    """A request that cannot be encoded is a failure; only mistakes raise."""
    assert isinstance(encode(generate("m", "hi", {"audio_timestamp": True}), Gemini("test-key")), Failure)


_FIELDS = st.sampled_from(
    [
        *GenerateContentConfig.__struct_fields__,
        *("parts", "text", "role", "inline_data", "data", "mime_type", "function_call", "args", "name", "type"),
        *("properties", "items", "anyOf", "$ref", "$defs", "enum", "function_declarations", "google_search"),
    ]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_FIELDS | st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(contents=_VALUES, config=st.dictionaries(_FIELDS, _VALUES, max_size=3))
def test_any_input(contents: Any, config: Mapping[str, Any]) -> None:
    """Any arguments are refused with a path, or make a request that compares, pickles and encodes."""
    try:
        request = generate("m", contents, config)
    except InvalidRequest as error:
        assert error.path.startswith(("contents", "config"))
        assert str(error)
        return
    assert pickle.loads(pickle.dumps(request)) == request
    for _, backend in BACKENDS.values():
        result = encode(request, backend)
        assert isinstance(result, Success) or isinstance(result.failure(), Unsupported)
        assert not isinstance(result, Success) or isinstance(_parse_body(result.unwrap().body), dict)
