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
    PLACES,
    add_credential,
    get_refused_field,
    is_supported_since,
    list_refused_fields,
    select_compared_parts,
)
from tests.support.scripted_model import Conversation, build_response

AS_IN_1_51 = [(case, backend) for case in CASES if case.name not in GENERATE_DIFFERENCES for backend in PLACES]


@pytest.mark.parametrize(("case", "backend"), AS_IN_1_51, ids=lambda each: getattr(each, "name", each))
def test_same_wire(case: Case, backend: str) -> None:
    """The same arguments send the same request as google-genai, or are refused as by it."""
    place, at = PLACES[backend]
    theirs = oracle.sent(place, lambda client: _call_google_genai(client, case))
    if isinstance(theirs, oracle.Wire):
        assert select_compared_parts(theirs) == select_compared_parts(add_credential(_encode(case, at).unwrap(), at))
    elif is_supported_since(theirs, backend, "generate"):
        assert get_refused_field(theirs) not in list_refused_fields(_encode(case, at))
    elif theirs.unsupported:
        error = _encode(case, at).failure()
        assert isinstance(error, Unsupported)
        # google-genai 1.51.0 stops at the first
        assert get_refused_field(theirs) in [path.rpartition(".")[2] for path in error.paths]
    else:
        with pytest.raises(InvalidRequest):
            _encode(case, at)


@pytest.mark.parametrize("backend", PLACES)
@pytest.mark.parametrize("name", GENERATE_DIFFERENCES)
def test_differences(name: str, backend: str) -> None:
    """Each difference is as the table states."""
    case, differs = next(each for each in CASES if each.name == name), GENERATE_DIFFERENCES[name]
    at = PLACES[backend][1]
    if differs.invalid:
        with pytest.raises(InvalidRequest) as raised:
            _encode(case, at)
        assert differs.invalid == raised.value.path
    elif backend in (differs.unsupported or {}):
        error = _encode(case, at).failure()
        assert isinstance(error, Unsupported)
        assert ((differs.unsupported or {})[backend],) == error.paths
    else:
        assert differs.body == _json(_encode(case, at).unwrap().body)


@pytest.mark.parametrize("backend", PLACES)
@pytest.mark.parametrize("name", GENERATE_DIFFERENCES)
def test_differences_hold(name: str, backend: str) -> None:
    """Each difference in the table exists, on both backends or on the one where the table has a refusal."""
    case = next(each for each in CASES if each.name == name)
    theirs = oracle.sent(PLACES[backend][0], lambda client: _call_google_genai(client, case))
    body, refused = GENERATE_DIFFERENCES[name].body, GENERATE_DIFFERENCES[name].unsupported or {}
    is_same = isinstance(theirs, oracle.Wire) and oracle.normal(theirs.body) == oracle.normal(body)
    assert not is_same or refused


def test_all_differences_named() -> None:
    """Every difference of a case is in the table."""
    assert {case.name for case in CASES if case.differs} <= set(GENERATE_DIFFERENCES)


@pytest.mark.parametrize("case", [case for case in CASES if case.error], ids=lambda case: case.name)
def test_mistakes(case: Case) -> None:
    """Arguments for which google-genai 1.51.0 raises are a mistake on both backends."""
    for place, _ in PLACES.values():
        theirs = oracle.sent(place, lambda client: _call_google_genai(client, case))
        assert isinstance(theirs, oracle.Refused)


BACKEND_DIFFERENCES: Mapping[str, tuple[str, str]] = {
    "vertex-us": (
        "the host of the multi-region is aiplatform.us.rep",
        "https://aiplatform.us.rep.googleapis.com/v1beta1/projects/p/locations/us/publishers/google/models/gemini-2.5-flash:generateContent",
    ),
    "vertex-base-url-no-location": (
        "1.51.0 forgets the project and sends no credentials",
        "https://gate.test/v1beta1/projects/p/locations/global/publishers/google/models/gemini-2.5-flash:generateContent",
    ),
    **{
        name: ("1.51.0 takes a gateway's base URL for the whole URL; ours says what is asked of it", url)
        for name, url in {
            "gateway": "https://gate.test/way/publishers/google/models/gemini-2.5-flash:generateContent",
            "gateway-stream": "https://gate.test/way/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
            "gateway-slash": "https://gate.test/publishers/google/models/gemini-2.5-flash:generateContent",
            "gateway-version": "https://gate.test/way/publishers/google/models/gemini-2.5-flash:generateContent",
            "gateway-headers": "https://gate.test/way/publishers/google/models/gemini-2.5-flash:generateContent",
        }.items()
    },
}
"""Where ours goes to another address than 1.51.0: why, and where."""

SENT_BACKEND_CASES = [case for case in BACKEND_CASES if not case.error and case.name != "express-cache"]


@pytest.mark.parametrize("case", SENT_BACKEND_CASES, ids=lambda case: case.name)
def test_same_address(case: BackendCase) -> None:
    """Every backend has the URL and the credential that google-genai uses."""
    theirs, ours = _send_google_genai(case), select_compared_parts(_encode_at(case))
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
        assert _json(encode(request, backend).unwrap().body)["cachedContent"] == name


def test_key_and_project() -> None:
    """A key with a project is a mistake, as in google-genai 1.51.0."""
    case = next(each for each in BACKEND_CASES if each.name == "vertex-key-and-project")
    with pytest.raises(InvalidRequest):
        _build_backend(case.backend)


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
    refused = str(encode(request, Gemini("test-key")).failure())
    assert refused.startswith("config.automatic_function_calling: expected the modifier calling")


def test_automatic_calling_switched_off() -> None:
    """Disabling automatic function calling is valid, and sends nothing."""
    request = generate("m", "hi", {"automatic_function_calling": {"disable": True}})
    assert _json(encode(request, Gemini("test-key")).unwrap().body) == {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}]
    }


def test_functions_do_not_lose_tools() -> None:
    """Merging function declarations keeps the other fields of every tool."""
    tools = [
        {"function_declarations": [{"name": "f"}], "google_search": {}},
        {"code_execution": {}},
        {"function_declarations": [{"name": "g"}]},
    ]
    body = _json(encode(generate("m", "hi", {"tools": tools}), Gemini("test-key")).unwrap().body)
    assert body["tools"] == [
        {"googleSearch": {}},
        {"codeExecution": {}},
        {"functionDeclarations": [{"name": "f"}, {"name": "g"}]},
    ]


def weather(city: str, days: int = 1) -> str:
    """Return the weather."""
    return city * days


DECLARED = {
    "name": "weather",
    "description": "Return the weather.",
    "parametersJsonSchema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 1}},
        "required": ["city"],
    },
    "responseJsonSchema": {"type": "string"},
}


@pytest.mark.parametrize("backend", PLACES)
@pytest.mark.parametrize("made", [with_tools(weather), calling(weather)], ids=("with_tools", "calling"))
def test_python_functions(made: Any, backend: str) -> None:
    """A function is declared in JSON Schema on both backends, as in 3.6.1; google-genai 1.51.0 sends a Schema."""
    place, at = PLACES[backend]
    (request,) = Conversation(generate("m", "hi") | made, [build_response("ok")]).requests
    assert _json(encode(request, at).unwrap().body)["tools"] == [{"functionDeclarations": [DECLARED]}]

    def asked(client: Any) -> Any:
        return client.models.generate_content(model="m", contents="hi", config={"tools": [weather]})

    theirs = oracle.sent(place, asked)
    assert isinstance(theirs, oracle.Wire)
    ((declaration,),) = (each["functionDeclarations"] for each in theirs.body["tools"])
    assert declaration["parameters"]["properties"]["city"] == {"type": "STRING"}


def _call_google_genai(client: Any, case: Case) -> Any:
    contents, config = case.arguments(types)
    call = client.models.generate_content_stream if case.stream else client.models.generate_content
    return call(model=case.model, contents=contents, config=config)


def _encode(case: Case, at: Backend) -> Result[HttpRequest, GenaiError]:
    contents, config = case.arguments(schema)
    return encode(_request(generate(case.model, contents, config), stream=case.stream), at)


def _request(request: Request[Any], *, stream: bool) -> Request[Any]:
    return Request(request.operation.get_streaming_operation()) if stream else request  # type: ignore[arg-type]  # generate has one


def _send_google_genai(case: BackendCase) -> Mapping[str, Any]:
    def call(client: Any) -> Any:
        method = client.models.generate_content_stream if case.stream else client.models.generate_content
        return method(model=case.model, contents="hi", config=deepcopy(case.config))

    wire = oracle.sent(case.backend, call)
    assert isinstance(wire, oracle.Wire)
    return select_compared_parts(wire)


def _encode_at(case: BackendCase) -> HttpRequest:
    at = _build_backend(case.backend)
    result = encode(_request(generate(case.model, "hi", case.config), stream=case.stream), at)
    assert isinstance(result, Success), result
    return add_credential(result.unwrap(), at)


def _build_backend(backend: oracle.Backend) -> Backend:
    given = {name: value for name, value in backend.items() if name != "vertexai"}
    return Vertex(**given) if backend.get("vertexai") else Gemini(**given)


def _json(body: Body) -> Any:
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
    for _, at in PLACES.values():
        result = encode(request, at)
        assert isinstance(result, Success) or isinstance(result.failure(), Unsupported)
        assert not isinstance(result, Success) or isinstance(_json(result.unwrap().body), dict)
