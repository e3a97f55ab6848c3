"""The oracle itself: what it captures, what it treats as equal, and whether the cases cover everything."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, get_args
from unittest.mock import ANY

import httpx
import pydantic
import pytest
from google.genai import Client, errors, types

from tests.cases.generate_requests import BACKEND_CASES, CASES, BackendCase, Case
from tests.support.google_genai.oracle import (
    GEMINI,
    VERTEX,
    Backend,
    RefusedCall,
    SentRequest,
    capture_request,
    normalize,
    parse_reply,
    run_call,
    to_camel_case,
)

BACKENDS: Mapping[str, Backend] = {"gemini": GEMINI, "vertex": VERTEX}
NOT_SENT = {"automatic_function_calling", "http_options", "should_return_http_response"}
"""Fields of the config that configure the library, and are not sent."""


@cache
def find_outcome(case: Case, backend: str) -> SentRequest | RefusedCall:
    contents, config = case.arguments(types)
    return capture_request(BACKENDS[backend], lambda client: _generate(client, case, contents, config))


def _generate(client: Client, case: Case | BackendCase, contents: Any, config: Any) -> Any:
    models = client.models
    generate = models.generate_content_stream if case.stream else models.generate_content
    return generate(model=case.model, contents=contents, config=config)


def _generate_hello(client: Client) -> Any:
    return client.models.generate_content(model="m", contents="hi")


class TestSent:
    def test_all_that_went_out(self) -> None:
        """A captured request has the method, the whole URL, headers in lower case, and the body as JSON."""
        expected = SentRequest(
            method="POST",
            url="https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
            headers=ANY,
            body={"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
        )
        request = capture_request(GEMINI, _generate_hello)
        assert expected == request
        assert isinstance(request, SentRequest)
        assert request.headers["x-goog-api-key"] == "test-key"

    def test_no_body(self) -> None:
        """The body of a request without one is None, and its query is in the URL."""
        request = capture_request(GEMINI, lambda client: client.models.list(config={"page_size": 3}))
        assert isinstance(request, SentRequest)
        assert (request.method, request.body) == ("GET", None)
        assert request.url.endswith("/v1beta/models?pageSize=3")

    def test_stream(self) -> None:
        """A stream is read to its end, so that its lazy request is sent."""
        request = capture_request(
            VERTEX, lambda client: client.models.generate_content_stream(model="m", contents="hi")
        )
        assert isinstance(request, SentRequest)
        assert request.url.endswith("/publishers/google/models/m:streamGenerateContent?alt=sse")

    def test_an_answer_that_cannot_be_read(self) -> None:
        """A request is captured even if its response cannot be read."""
        requests, value = run_call(GEMINI, _generate_hello, lambda _: httpx.Response(200, text="<html>"))
        assert [request.method for request in requests] == ["POST"]
        assert isinstance(value, Exception)

    def test_refused_by_a_backend(self) -> None:
        """A field that a backend does not support is a refusal with `unsupported`."""
        refused = capture_request(
            GEMINI, lambda client: client.models.generate_content(model="m", contents="hi", config={"labels": {}})
        )
        assert RefusedCall("labels parameter is not supported in Gemini API.", ValueError) == refused
        assert isinstance(refused, RefusedCall)
        assert refused.unsupported

    def test_refused_as_a_mistake(self) -> None:
        """A mistake in the program is a refusal without `unsupported`."""
        refused = capture_request(GEMINI, lambda client: client.models.generate_content(model="", contents="hi"))
        assert RefusedCall("model is required.", ValueError) == refused
        assert isinstance(refused, RefusedCall)
        assert not refused.unsupported

    def test_nothing_happened(self) -> None:
        """A call that neither sends nor raises fails the test."""
        with pytest.raises(AssertionError, match="sent nothing"):
            capture_request(GEMINI, lambda client: client.models)

    @pytest.mark.parametrize("backend", BACKENDS.values(), ids=list(BACKENDS))
    def test_the_environment_has_no_say(self, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
        """Google's environment variables have no effect, and are restored afterwards."""
        expected = capture_request(backend, _generate_hello)
        variables = {
            "GEMINI_API_KEY": "test-other",
            "GOOGLE_API_KEY": "test-other",
            "GOOGLE_APPLICATION_CREDENTIALS": "nowhere.json",
            "GOOGLE_CLOUD_LOCATION": "l",
            "GOOGLE_CLOUD_PROJECT": "other",
            "GOOGLE_GEMINI_BASE_URL": "https://other.test",
            "GOOGLE_GENAI_USE_VERTEXAI": "true",
            "GOOGLE_VERTEX_BASE_URL": "https://other.test",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert expected == capture_request(backend, _generate_hello)
        assert variables == {name: os.environ[name] for name in variables}

    def test_no_credentials_are_found(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Credentials of the machine are hidden: a call that needs some is an error."""
        found = tmp_path / ".config" / "gcloud" / "application_default_credentials.json"
        found.parent.mkdir(parents=True)
        fields = ("client_id", "client_secret", "refresh_token", "quota_project_id")
        found.write_text(json.dumps({"type": "authorized_user", **dict.fromkeys(fields, "test")}))
        monkeypatch.setenv("HOME", str(tmp_path))
        refused = capture_request({"vertexai": True}, _generate_hello)
        assert isinstance(refused, RefusedCall)
        assert "default credentials were not found" in refused.message


class TestParsed:
    def test_a_value(self) -> None:
        """A reply is parsed into google-genai's own type."""
        response = parse_reply(GEMINI, _generate_hello, {"candidates": [{"content": {"parts": [{"text": "a"}]}}]})
        assert isinstance(response, types.GenerateContentResponse)
        assert response.text == "a"

    def test_a_stream(self) -> None:
        """A list is parsed as the events of a stream, one value each."""
        events = [{"candidates": [{"content": {"parts": [{"text": text}]}}]} for text in ("a", "b")]
        chunks = parse_reply(
            GEMINI, lambda client: client.models.generate_content_stream(model="m", contents="hi"), events
        )
        assert [chunk.text for chunk in chunks] == ["a", "b"]

    def test_an_error(self) -> None:
        """An exception of parsing is the value."""
        _, error = run_call(
            GEMINI, _generate_hello, lambda _: httpx.Response(404, json={"error": {"code": 404, "message": "m"}})
        )
        assert isinstance(error, errors.ClientError)
        assert error.code == 404


class TestNormal:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"generation_config": {"top_k": 1}}, {"generationConfig": {"topK": 1.0}}),
            ({"safety_settings": [{"harm_category": "A"}]}, {"safetySettings": [{"harmCategory": "A"}]}),
            ({"generationConfig": {}, "contents": []}, {"contents": []}),
            ({"inline_data": {"data": "-__-"}}, {"inlineData": {"data": "+//+"}}),
            ({"thought_signature": "_-8="}, {"thoughtSignature": "/+8="}),
            ({"start_time": "2025-01-02T03:04:05+00:00"}, {"startTime": "2025-01-02T03:04:05Z"}),
            ({"endTime": "2025-01-02T03:04:05.120000+02:00"}, {"endTime": "2025-01-02T01:04:05.12Z"}),
            ({"properties": {"a_b": {"max_items": 1}}}, {"properties": {"a_b": {"maxItems": 1}}}),
            ({"parameters": {"any_of": [{"min_items": 1}]}}, {"parameters": {"anyOf": [{"minItems": 1}]}}),
            ({"parameters_json_schema": {"a_b": 1}}, {"parametersJsonSchema": {"a_b": 1}}),
            ({"function_call": {"args": {"a_b": 1}}}, {"functionCall": {"args": {"a_b": 1}}}),
            (
                {"functionDeclarations": [{"response": {"max_items": 1}}]},
                {"functionDeclarations": [{"response": {"maxItems": 1}}]},
            ),
        ],
    )
    def test_equal(self, one: Any, other: Any) -> None:
        """Two spellings of one message are equal."""
        assert normalize(one) == normalize(other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"mode": "any"}, {"mode": "ANY"}),
            ({"a": []}, {}),
            ({"a": {}}, {}),
            ({"a": None}, {}),
            ({"text": "-__-"}, {"text": "+//+"}),
            ({"data": "_w=="}, {"data": "_w"}),
            ({"text": "2025-01-02T03:04:05+00:00"}, {"text": "2025-01-02T03:04:05Z"}),
            ({"startTime": "2025-01-02T03:04:05"}, {"startTime": "2025-01-02T03:04:05Z"}),
            ({"required": ["a_b"]}, {"required": ["aB"]}),
            ({"labels": {"a_b": "x"}}, {"labels": {"aB": "x"}}),
            ({"metadata": {"a_b": "x"}}, {"metadata": {"aB": "x"}}),
            ({"properties": {"a_b": {}}}, {"properties": {"aB": {}}}),
            ({"$defs": {"a_b": {}}}, {"$defs": {"aB": {}}}),
            ({"default": {"a_b": {"data": "_w=="}}}, {"default": {"a_b": {"data": "/w=="}}}),
            ({"example": {"a_b": 1}}, {"example": {"aB": 1}}),
            ({"additionalProperties": {"max_items": 1}}, {"additionalProperties": {"maxItems": 1}}),
            ({"responseJsonSchema": {"a_b": 1}}, {"responseJsonSchema": {"aB": 1}}),
            ({"functionCall": {"args": {"a_b": 1}}}, {"functionCall": {"args": {"aB": 1}}}),
            ({"functionCall": {"args": {"generationConfig": {}}}}, {"functionCall": {"args": {}}}),
            ({"functionResponse": {"response": {"a_b": 1}}}, {"functionResponse": {"response": {"aB": 1}}}),
        ],
    )
    def test_not_equal(self, one: Any, other: Any) -> None:
        """Different values, empty values, and names and values of users are not equal."""
        assert normalize(one) != normalize(other)

    def test_names_of_properties_are_no_words(self) -> None:
        """A property named like a keyword of the schema still holds a schema."""
        schema: Any = {
            "properties": {"labels": {"max_items": 1}, "default": {"any_of": []}, "properties": {"min_items": 1}}
        }
        expected: Any = {
            "properties": {"labels": {"maxItems": 1}, "default": {"anyOf": []}, "properties": {"minItems": 1}}
        }
        assert expected == normalize(schema)

    def test_exact_names(self) -> None:
        """With ``exact_names``, names stay as they are, and values are normalized."""
        body = {"instances": [{"task_type": "A", "mimeType": "a/b", "image": {"bytesBase64Encoded": "-_=="}}]}
        expected = {"instances": [{"task_type": "A", "mimeType": "a/b", "image": {"bytesBase64Encoded": "+/=="}}]}
        assert expected == normalize(body, exact_names=True)

    def test_twice_in_one_message(self) -> None:
        """One field in two spellings is an error."""
        with pytest.raises(ValueError, match="two spellings"):
            normalize({"top_k": 1, "topK": 1})

    def test_camel(self) -> None:
        """Every field of every type has the same JSON name as in google-genai."""
        given = {name: info.alias for kind in _find_reachable_types() for name, info in kind.model_fields.items()}
        assert given == {name: to_camel_case(name) for name in given}

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_again(self, backend: str) -> None:
        """Normalizing twice changes nothing."""
        forms = [normalize(request.body) for _, request in _list_sent_cases(backend)]
        assert forms == [normalize(form) for form in forms]


class TestCases:
    def test_size(self) -> None:
        """The table has enough cases on both backends."""
        assert [len(list(_list_sent_cases(backend))) >= 120 for backend in BACKENDS] == [True, True]

    def test_names(self) -> None:
        """Names of cases are unique."""
        names = [case.name for case in CASES] + [case.name for case in BACKEND_CASES]
        assert sorted(set(names)) == sorted(names)

    @pytest.mark.parametrize("backend", BACKENDS)
    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    def test_outcome(self, case: Case, backend: str) -> None:
        """A case is sent or refused as unsupported; one that is marked as an error is an error."""
        got = find_outcome(case, backend)
        expected = "error" if case.error else "sent or unsupported"
        assert expected == (
            "error" if isinstance(got, RefusedCall) and not got.unsupported else "sent or unsupported"
        ), got

    def test_one_backend_at_least(self) -> None:
        """A case that is no error is sent on at least one backend."""
        nowhere = [
            case.name
            for case in CASES
            if not case.error and all(isinstance(find_outcome(case, backend), RefusedCall) for backend in BACKENDS)
        ]
        assert nowhere == []

    def test_fresh(self) -> None:
        """A case builds fresh arguments each time, as google-genai modifies them."""
        first = [repr(request) for _, request in _list_sent_cases("gemini")]
        find_outcome.cache_clear()
        assert first == [repr(request) for _, request in _list_sent_cases("gemini")]

    @pytest.mark.filterwarnings("ignore:.* is not a valid")
    def test_every_field_of_the_config(self) -> None:
        """Every field of the config is set in some case that is sent."""
        named = {name for kind, name in _find_set_fields() if kind is types.GenerateContentConfig}
        assert set(types.GenerateContentConfig.model_fields) - NOT_SENT == named - NOT_SENT

    @pytest.mark.filterwarnings("ignore:.* is not a valid")
    def test_every_field_of_every_type(self) -> None:
        """Every field of every type below the config and the contents is set in some case that is sent."""
        known = {
            (kind.__name__, name)
            for kind in _find_reachable_types()
            for name in kind.model_fields
            if name not in NOT_SENT
        }
        assert sorted(known - {(kind.__name__, name) for kind, name in _find_set_fields()}) == []

    def test_every_refusal(self) -> None:
        """The cases cover all fields that google-genai 1.51.0 refuses as unsupported."""
        met = {
            (backend, got.message.split()[0])
            for backend in BACKENDS
            for case in CASES
            if isinstance(got := find_outcome(case, backend), RefusedCall) and got.unsupported
        }
        expected = {
            ("gemini", "additionalProperties"),
            ("gemini", "audio_timestamp"),
            ("gemini", "auth_config"),
            ("gemini", "blocking_confidence"),
            ("gemini", "display_name"),
            ("gemini", "enterprise_web_search"),
            ("gemini", "exclude_domains"),
            ("gemini", "labels"),
            ("gemini", "method"),
            ("gemini", "model_selection_config"),
            ("gemini", "output_compression_quality"),
            ("gemini", "output_mime_type"),
            ("gemini", "partial_args"),
            ("gemini", "retrieval"),
            ("gemini", "routing_config"),
            ("gemini", "stream_function_call_arguments"),
            ("gemini", "will_continue"),
            ("vertex", "behavior"),
            ("vertex", "file_search"),
            ("vertex", "multi_speaker_voice_config"),
        }
        assert expected == met


class TestBackendCases:
    @pytest.mark.parametrize("case", BACKEND_CASES, ids=lambda case: case.name)
    def test_outcome(self, case: BackendCase) -> None:
        """A backend is sent, or refused where the table marks an error."""
        got = capture_request(case.backend, lambda client: _generate(client, case, "hi", case.config))
        assert case.error == isinstance(got, RefusedCall), got

    def test_who_calls(self) -> None:
        """A project sends a token, a key its header, and a gateway neither."""
        cases = {case.name: case for case in BACKEND_CASES}
        names = ("gemini", "vertex", "express", "gateway")
        requests = [capture_request(cases[name].backend, _generate_hello) for name in names]
        headers = [
            {name: request.headers[name] for name in ("authorization", "x-goog-api-key") if name in request.headers}
            for request in requests
            if isinstance(request, SentRequest)
        ]
        key = {"x-goog-api-key": "test-key"}
        assert [key, {"authorization": "Bearer test-token"}, key, {}] == headers


def _list_sent_cases(backend: str) -> Iterator[tuple[Case, SentRequest]]:
    for case in CASES:
        got = find_outcome(case, backend)
        if isinstance(got, SentRequest):
            yield case, got


@cache
def _find_reachable_types() -> frozenset[type[pydantic.BaseModel]]:
    """Find all types of a request, except those that are never sent unchanged."""
    found: set[type[pydantic.BaseModel]] = set()
    left: list[Any] = [types.GenerateContentConfig, types.Content]
    aside = {types.AutomaticFunctionCallingConfig, types.File, types.HttpOptions}
    while left:
        kind = left.pop()
        if not (isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)):
            left += get_args(kind)
        elif kind not in found | aside and kind.__module__ == types.__name__:  # a tool may be a type of `mcp`
            kind.model_rebuild()  # some of 1.51.0's types still have their forward references as text
            found.add(kind)
            left += [info.annotation for info in kind.model_fields.values()]
    return frozenset(found)


def _find_set_fields() -> set[tuple[type[pydantic.BaseModel], str]]:
    """Find the fields of all types that are set in cases that are sent."""
    named: set[tuple[type[pydantic.BaseModel], str]] = set()
    for backend in BACKENDS:
        for case, request in _list_sent_cases(backend):
            _, config = case.arguments(types)
            left: list[Any] = [types.GenerateContentConfig.model_validate(config or {})]
            left += [types.Content.model_validate(content) for content in normalize(request.body).get("contents", ())]
            while left:
                value = left.pop()
                if isinstance(value, pydantic.BaseModel):
                    named |= {(type(value), name) for name in value.model_fields_set}
                    left += [getattr(value, name) for name in value.model_fields_set]
                    left += [_parse_schema(getattr(value, "response_schema", None))]
                elif isinstance(value, dict):
                    left += value.values()
                elif isinstance(value, list):
                    left += value
    return named


def _parse_schema(given: Any) -> types.Schema | None:
    """Parse a schema given as a dict, unless it has keywords of JSON Schema."""
    with suppress(pydantic.ValidationError):
        return types.Schema.model_validate(given)
    return None
