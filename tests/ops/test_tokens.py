"""``tokens``: requests and responses compared with google-genai 1.51.0, on both backends."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from google.genai import types

from genai_fn import schema
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.modifiers import with_config, with_http_response, with_options
from genai_fn.ops import models, tokens
from genai_fn.ops.generate import generate
from genai_fn.request import Request
from genai_fn.wire import encode
from tests.support.google_genai.agreement import (
    BACKENDS,
    check_same_request,
    check_same_response,
    decode_ours,
    encode_ours,
    get_refused_paths,
)

G, V = "https://generativelanguage.googleapis.com/v1beta", "https://us-central1-aiplatform.googleapis.com/v1beta1"
MODELS_URL = f"{V}/projects/p/locations/us-central1/publishers/google/models"

both_backends = pytest.mark.parametrize("backend", BACKENDS)
MODELS = ("m", "models/m", "tunedModels/x", "publishers/google/models/m", "projects/q/locations/l/models/7", "a/b", "")

CONTENTS: Mapping[str, Callable[[Any], Any]] = {
    "text": lambda k: "hi",
    "texts": lambda k: ["a", "b"],
    "turns": lambda k: [k.Content(parts=[k.Part(text="x")], role="model"), "b", {"parts": [{"text": "c"}]}],
    "no-parts": lambda k: ["a", k.Content(parts=[])],
    "empty-text": lambda k: "",
    "bytes": lambda k: k.Part(inline_data=k.Blob(data=b"\xff\xfe", mime_type="a/b")),
    "file": lambda k: ["look", k.File(uri="u", mime_type="a/b")],
    "call": lambda k: ["do", k.Part(function_call=k.FunctionCall(name="f", args={"a_b": 1}))],
    "display-name": lambda k: k.Part(inline_data=k.Blob(data=b"x", mime_type="a/b", display_name="n")),
    "nothing": lambda k: [],
    "number": lambda k: 3,
}
_SHAPE = {"type": "OBJECT", "properties": {"b_c": {"type": "STRING"}, "a": {"type": "INTEGER", "nullable": True}}}
DIFFERENCES: Mapping[str, str] = {
    "no-contents": "contents are required; 1.51.0 sends a request without contents",
    "compute-on-gemini": "invalid arguments raise on both backends; 1.51.0 first refuses computing tokens on Gemini",
}
"""Deliberate differences; a test of the resource asserts each."""

CONFIGS: tuple[Mapping[str, Any] | None, ...] = (
    None,
    {},
    {"system_instruction": "Be brief."},
    {"system_instruction": ["Be", "brief."]},
    {"systemInstruction": {"parts": [{"text": "Be brief."}]}},
    {"tools": []},
    {"tools": [{"google_search": {}}, {"function_declarations": [{"name": "f"}], "code_execution": {}}]},
    {"tools": [{"function_declarations": [{"name": "f"}]}, {"function_declarations": [{"name": "g"}]}]},
    {"tools": [{"file_search": {"file_search_store_names": ["s"]}}]},
    {"generation_config": {}},
    {"generation_config": {"temperature": 0, "top_k": 3, "stop_sequences": ["x"]}},
    {"generation_config": {"model_selection_config": {"feature_selection_preference": "BALANCED"}}},
    {"generation_config": {"response_schema": _SHAPE, "response_mime_type": "application/json"}},
    {"generation_config": {"response_json_schema": {"type": "object", "snake_case": 1}}},
    {"generation_config": {"speech_config": {"multi_speaker_voice_config": {}}}},
    {"generation_config": {"enable_enhanced_civic_answers": True}},
    {"generation_config": {"thinking_config": {"thinking_budget": 0}, "response_modalities": ["TEXT"], "seed": 0}},
    {"temperature": 1},
    {"generation_config": {"temperature": "hot"}},
)


@both_backends
@pytest.mark.parametrize("name", CONTENTS)
def test_contents(name: str, backend: str) -> None:
    """Contents to count are sent like those of a conversation."""
    contents = CONTENTS[name]
    check_same_request(
        lambda: tokens.count("m", contents(schema)),
        lambda client: client.models.count_tokens(model="m", contents=contents(types)),
        backend,
    )


@pytest.mark.parametrize("name", CONTENTS)
def test_computed_contents(name: str) -> None:
    """Contents to compute are sent in the same way, and nothing else."""
    contents = CONTENTS[name]
    check_same_request(
        lambda: tokens.compute("m", contents(schema)),
        lambda client: client.models.compute_tokens(model="m", contents=contents(types)),
        "vertex",
    )


@both_backends
@pytest.mark.parametrize("model", MODELS)
def test_models(model: str, backend: str) -> None:
    """The model is part of the path."""
    check_same_request(
        lambda: tokens.count(model, "hi"),
        lambda client: client.models.count_tokens(model=model, contents="hi"),
        backend,
    )
    check_same_request(
        lambda: tokens.compute(model, "hi"),
        lambda client: client.models.compute_tokens(model=model, contents="hi"),
        "vertex",
    )


@both_backends
@pytest.mark.parametrize("config", CONFIGS)
def test_configs(config: dict[str, Any] | None, backend: str) -> None:
    """The config is sent on Vertex AI, and refused by name on Gemini."""
    check_same_request(
        lambda: tokens.count("m", "hi", config),
        lambda client: client.models.count_tokens(
            model="m",
            contents="hi",
            config=None if config is None else {**config},  # type: ignore[arg-type]  # its own dict
        ),
        backend,
    )


def test_differences() -> None:
    """Each difference from google-genai 1.51.0 is as the table states."""
    assert set(DIFFERENCES) == {"no-contents", "compute-on-gemini"}
    builds: tuple[Callable[..., Any], ...] = (tokens.count, tokens.compute)
    for build in builds:
        for model, contents in (("m", None), ("", "hi")):
            with pytest.raises(InvalidRequest):
                build(model, contents)


def test_no_compute_on_gemini() -> None:
    """Gemini does not compute tokens; the refusal names tokens.count."""
    check_same_request(
        lambda: tokens.compute("m", "hi"),
        lambda client: client.models.compute_tokens(model="m", contents="hi"),
        "gemini",
    )
    error = encode(tokens.compute("m", "hi"), BACKENDS["gemini"][1]).failure()
    assert isinstance(error, Unsupported)
    assert (error.paths, "tokens.count" in error.reason) == (("tokens.compute",), True)


# A request to generate

_FULL: Mapping[str, Any] = {
    "system_instruction": "Be brief.",
    "temperature": 0,
    "tools": [{"function_declarations": [{"name": "f"}]}, {"google_search": {}}],
}


@both_backends
@pytest.mark.parametrize("config", [{}, _FULL, {"response_schema": _SHAPE}, {"image_config": {"aspect_ratio": "1:1"}}])
def test_request(config: Mapping[str, Any], backend: str) -> None:
    """A request is counted as a whole: with its model on Gemini, field by field on Vertex AI."""
    request = generate("m", "hi", config)
    _, url, body = encode_ours(request, backend)
    expected = {"generateContentRequest": {"model": "models/m", **body}} if backend == "gemini" else body
    assert encode_ours(tokens.count(request), backend) == (
        "POST",
        url.replace("generateContent", "countTokens"),
        expected,
    )


def test_request_written_out() -> None:
    """The bodies on both backends, written out."""
    request = tokens.count(generate("m", "hi", {"system_instruction": "Be brief.", "seed": 1}))
    body = {
        "contents": [{"parts": [{"text": "hi"}], "role": "user"}],
        "systemInstruction": {"parts": [{"text": "Be brief."}], "role": "user"},
        "generationConfig": {"seed": 1},
    }
    assert encode_ours(request, "gemini") == (
        "POST",
        f"{G}/models/m:countTokens",
        {"generateContentRequest": {**body, "model": "models/m"}},
    )
    assert encode_ours(request, "vertex") == ("POST", f"{MODELS_URL}/m:countTokens", body)


def test_request_on_gemini_alone() -> None:
    """Fields that Vertex AI does not count are sent on Gemini, and refused on Vertex AI by name."""
    config = {
        "tool_config": {"function_calling_config": {"mode": "ANY"}},
        "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "cached_content": "1",
    }
    request = tokens.count(generate("m", "hi", config))
    body = encode_ours(request, "gemini")[2]["generateContentRequest"]
    assert body["cachedContent"] == "cachedContents/1"
    assert set(body) == {"model", "contents", "toolConfig", "safetySettings", "cachedContent"}
    assert get_refused_paths(request, "vertex") == (
        "request.config.safety_settings",
        "request.config.tool_config",
        "request.config.cached_content",
    )


def test_request_refused_by_its_own_fields() -> None:
    """Fields that a backend does not generate with are not counted, and are named within the request."""
    armor: Any = {"model_armor_config": {}}
    assert get_refused_paths(tokens.count(generate("m", "hi", armor)), "gemini") == (
        "request.config.model_armor_config",
    )
    assert get_refused_paths(tokens.count(generate("m", "hi", {"labels": {"a": "b"}})), "vertex") == (
        "request.config.labels",
    )
    consent = {"speech_config": {"voice_config": {"replicated_voice_config": {"consent_audio": b"x"}}}}
    assert get_refused_paths(tokens.count(generate("m", "hi", consent)), "vertex") == (
        "request.config.speech_config.voice_config.replicated_voice_config.consent_audio",
    )


def test_request_keeps_its_options() -> None:
    """A count keeps the options of the request, except for the form of its response."""
    request = generate("m", "hi") | with_options(headers={"x-a": "1"}, deadline=5)
    assert tokens.count(request).options == request.options
    request_with_response: Request[Any] = request | with_http_response
    assert tokens.count(request_with_response).options == request.options


@pytest.mark.parametrize(
    ("build", "path"),
    [
        (lambda: tokens.count(models.get("m")), "request"),
        (lambda: tokens.count(generate("m", "hi"), "ho"), "contents"),
        (lambda: tokens.count(generate("m", "hi"), np.array(["a", "b"])), "contents"),
        (lambda: tokens.count(generate("m", "hi"), config={}), "contents"),
        (lambda: tokens.count(generate("m", "hi") | with_options(extra_body={"a": 1})), "request.options.extra_body"),
        (lambda: tokens.count(generate("m", "hi")) | with_config(temperature=1), "with_config"),
        (lambda: tokens.count("m"), "contents"),
        (lambda: tokens.count(3, "hi"), "model"),
    ],
)
def test_mistakes(build: Callable[[], Any], path: str) -> None:
    """A request that is not ``generate``, or arguments beside a request, are a mistake at once."""
    with pytest.raises(InvalidRequest) as raised:
        build()
    assert raised.value.path == path


def test_config_later() -> None:
    """A modifier can set the config of a count."""
    request = tokens.count("m", "hi") | with_config(system_instruction="Be brief.")
    assert request == tokens.count("m", "hi", {"system_instruction": "Be brief."})


# Responses


@both_backends
@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"totalTokens": 5},
        {"totalTokens": "5", "cachedContentTokenCount": 2, "totalBillableCharacters": 7},
        {"totalTokens": 0, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 5}]},
    ],
)
def test_same_count(reply: Any, backend: str) -> None:
    """A count decodes to the same value as with google-genai, of contents and of a request."""
    if backend == "vertex":  # Vertex AI does not return cached tokens here, and 1.51.0 does not decode them
        reply = {name: value for name, value in reply.items() if name != "cachedContentTokenCount"}

    def call(client: Any) -> Any:
        return client.models.count_tokens(model="m", contents="hi")

    check_same_response(lambda: tokens.count("m", "hi"), call, backend, reply)
    check_same_response(lambda: tokens.count(generate("m", "hi")), call, backend, reply)


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"tokensInfo": []},
        {"tokensInfo": [{"role": "user", "tokens": ["V2hhdA==", "IGlz", "4paB/w=="], "tokenIds": ["1841", 603, "0"]}]},
        {"tokensInfo": [{"tokens": None}, {"role": "model", "tokenIds": ["9223372036854775807"]}]},
    ],
)
def test_same_tokens(reply: Any) -> None:
    """Tokens decode to the same values as with google-genai: bytes, and integers sent as text."""
    check_same_response(
        lambda: tokens.compute("m", "hi"),
        lambda client: client.models.compute_tokens(model="m", contents="hi"),
        "vertex",
        reply,
    )


def test_token_bytes() -> None:
    """A token consists of bytes, which need not be valid text."""
    reply = {"tokensInfo": [{"tokens": ["4paB", "/w=="], "tokenIds": ["1", 2]}]}
    assert decode_ours(tokens.compute("m", "hi"), "vertex", reply).tokens_info == (
        schema.TokensInfo(tokens=("▁".encode(), b"\xff"), token_ids=(1, 2)),
    )
