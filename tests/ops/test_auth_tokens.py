"""``auth_tokens``: requests, field masks and responses compared with google-genai 1.51.0."""

from collections.abc import Mapping
from typing import Any

import pytest
from google.genai import types

from genai_fn import schema
from genai_fn.backend import Gemini
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.modifiers import with_config, with_options
from genai_fn.ops import auth_tokens
from genai_fn.wire import encode
from tests.cases.differences_by_resource import AUTH_TOKEN_DIFFERENCES
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import (
    BACKENDS,
    check_same_request,
    check_same_response,
    decode_ours,
    encode_ours,
    get_refused_paths,
)

_LOCKS: tuple[Mapping[str, Any], ...] = (
    {},
    {"lock_additional_fields": []},
    {"lock_additional_fields": ["top_k", "max_output_tokens", "output_audio_transcription", "tools"]},
    {"lock_additional_fields": ["temperature"]},
)
SETUPS: Mapping[str, Mapping[str, Any]] = {
    "nothing": {},
    "temperature": {"temperature": 0.5},
    "inside": {
        "response_modalities": ["AUDIO"],
        "temperature": 0,
        "top_p": 1,
        "top_k": 3,
        "max_output_tokens": 5,
        "media_resolution": "MEDIA_RESOLUTION_LOW",
        "seed": 0,
        "speech_config": {"voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}, "language_code": "de-DE"},
        "thinking_config": {"thinking_budget": 0},
        "enable_affective_dialog": False,
    },
    "whole": {"generation_config": {"temperature": 1, "response_modalities": ["TEXT"], "stop_sequences": ["x"]}},
    "whole-empty": {"generation_config": {}},
    "beside": {
        "system_instruction": "Be brief.",
        "tools": [{"google_search": {}}],
        "session_resumption": {"handle": "h"},
        "input_audio_transcription": {},
        "output_audio_transcription": {},
        "realtime_input_config": {"automatic_activity_detection": {"disabled": True}, "turn_coverage": "x"},
        "context_window_compression": {"trigger_tokens": 5, "sliding_window": {"target_tokens": 2}},
        "proactivity": {"proactive_audio": True},
    },
    "instruction-without-role": {"system_instruction": {"parts": [{"text": "x"}]}},
    "resumption-empty": {"session_resumption": {}},
    "tools-empty": {"tools": []},
    "functions": {
        "tools": [
            {"function_declarations": [{"name": "f"}]},
            {"code_execution": {}},
            {"function_declarations": [{"name": "g"}]},
        ]
    },
    "camel": {"systemInstruction": "x", "topP": 0.5, "sessionResumption": {}},
    "transparent": {"session_resumption": {"transparent": True}},
    "dialogue": {"speech_config": {"multi_speaker_voice_config": {"speaker_voice_configs": []}}},
    "retrieval": {"tools": [{"retrieval": {}}]},
    "wrong": {"temprature": 1},
}


@pytest.mark.parametrize("lock", _LOCKS, ids=lambda each: "+".join(each.get("lock_additional_fields", ["none"])))
@pytest.mark.parametrize("name", SETUPS)
def test_constraints(name: str, lock: Mapping[str, Any]) -> None:
    """Constraints become the setup; the mask has the fields that are set, and those that are named."""

    def config() -> dict[str, Any]:
        return {"live_connect_constraints": {"model": "m", "config": {**SETUPS[name]}}, **lock}

    check_same_request(
        lambda: auth_tokens.create(config()), lambda client: client.auth_tokens.create(config=config()), "gemini"
    )  # type: ignore[arg-type]  # its own dict


CONFIGS: tuple[Mapping[str, Any] | None, ...] = (
    None,
    {},
    {"uses": 1},
    {"uses": 0},
    {"expire_time": "2030-01-01T00:00:00Z", "new_session_expire_time": "2030-01-01T00:00:00.123456+02:00"},
    {"expireTime": "2030-01-01T00:00:00+00:00", "newSessionExpireTime": "2029-12-31T00:00:00Z", "uses": 3},
    {"live_connect_constraints": {}},
    {"live_connect_constraints": {"model": "tunedModels/x"}},
    {"live_connect_constraints": {"model": "publishers/google/models/m"}},
    {"live_connect_constraints": {"model": ""}},
    {"live_connect_constraints": {"model": "a?b"}},
    {"live_connect_constraints": {"config": {"temperature": 1}}},
    {"live_connect_constraints": {"config": {"temperature": 1}}, "lock_additional_fields": []},
    {"lock_additional_fields": []},
    {"lock_additional_fields": ["tools", "proactivity"]},
    {"live_connect_constraints": {}, "lock_additional_fields": ["tools"]},
    {"expire_time": "soon"},
    {"uses": "many"},
    {"lifetime": 3},
)


@pytest.mark.parametrize("config", CONFIGS)
def test_config(config: dict[str, Any] | None) -> None:
    """Uses and expiry are fields of the body; fields that are not set are left out; an empty body is not sent."""
    check_same_request(
        lambda: auth_tokens.create(config),
        lambda client: client.auth_tokens.create(config=config and {**config}),  # type: ignore[arg-type]  # its own dict
        "gemini",
    )


def test_typed() -> None:
    """A typed config is equivalent to a dict."""

    def config(kinds: Any) -> Any:
        speech = kinds.SpeechConfig(language_code="de-DE")
        live = kinds.LiveConnectConfig(system_instruction="s", temperature=0.5, speech_config=speech)
        constraints = kinds.LiveConnectConstraints(model="m", config=live)
        return kinds.CreateAuthTokenConfig(live_connect_constraints=constraints, lock_additional_fields=["seed"])

    check_same_request(
        lambda: auth_tokens.create(config(schema)),
        lambda client: client.auth_tokens.create(config=config(types)),
        "gemini",
    )


def _encode_body(config: Mapping[str, Any]) -> Any:
    return encode_ours(auth_tokens.create(config), "gemini")[2]


@pytest.mark.parametrize("name", AUTH_TOKEN_DIFFERENCES)
def test_differences(name: str) -> None:
    """Each difference from google-genai 1.51.0 is as the table states, and exists."""
    _, config, body = AUTH_TOKEN_DIFFERENCES[name]
    assert body == _encode_body(config)
    theirs = oracle.capture_request(oracle.GEMINI, lambda client: client.auth_tokens.create(config={**config}))  # type: ignore[arg-type]  # its own dict
    assert not isinstance(theirs, oracle.SentRequest) or oracle.normalize(theirs.body) != body


def test_not_on_vertex() -> None:
    """On Vertex AI, tokens are refused with the reason."""
    check_same_request(auth_tokens.create, lambda client: client.auth_tokens.create(), "vertex")
    error = encode(auth_tokens.create({"uses": 1}), BACKENDS["vertex"][1]).failure()
    assert isinstance(error, Unsupported)
    assert (error.paths, error.reason) == (
        ("auth_tokens.create",),
        "only the Gemini Developer API creates ephemeral tokens",
    )


def test_refused_by_path() -> None:
    """A constraint that a session does not have is refused with its full path."""
    where = "config.live_connect_constraints.config"
    for name, path in (
        ("transparent", "session_resumption.transparent"),
        ("dialogue", "speech_config.multi_speaker_voice_config"),
        ("retrieval", "tools[0].retrieval"),
    ):
        request = auth_tokens.create({"live_connect_constraints": {"config": SETUPS[name]}})
        assert get_refused_paths(request, "gemini") == (f"{where}.{path}",)


@pytest.mark.parametrize(
    ("constraints", "path"),
    [
        ({"model": "a&b"}, "model"),
        ({"config": {"generation_config": {"temperature": 1}, "temperature": 1}}, "config.temperature"),
        ({"config": {"generation_config": {"seed": 0}, "seed": 1, "top_k": 1}}, "config.seed"),
        ({"config": {"temperature": "hot"}}, "config.temperature"),
    ],
)
def test_mistakes(constraints: Mapping[str, Any], path: str) -> None:
    """A mistake is raised with its path, when the request is built and when a modifier changes it."""
    for build in (
        lambda: auth_tokens.create({"live_connect_constraints": constraints}),
        lambda: auth_tokens.create() | with_config(live_connect_constraints=constraints),
    ):
        with pytest.raises(InvalidRequest) as raised:
            build()
        assert raised.value.path == f"config.live_connect_constraints.{path}"


@pytest.mark.parametrize("name", ["", "seed,top_k"])
def test_no_field(name: str) -> None:
    """A field to lock must be one name; google-genai 1.51.0 puts anything into the mask."""
    with pytest.raises(InvalidRequest) as raised:
        auth_tokens.create({"lock_additional_fields": ["tools", name]})
    assert raised.value.path == "config.lock_additional_fields[1]"


def test_version() -> None:
    """The API version is set by an option."""
    http = encode(auth_tokens.create() | with_options(api_version="v1alpha"), Gemini("test-key")).unwrap()
    assert http.url == "https://generativelanguage.googleapis.com/v1alpha/auth_tokens"


@pytest.mark.parametrize("reply", [{}, {"name": "auth_tokens/abc"}, {"name": "auth_tokens/abc", "uses": 1}])
def test_same_answer(reply: Any) -> None:
    """A token decodes to the same value as with google-genai."""
    check_same_response(auth_tokens.create, lambda client: client.auth_tokens.create(), "gemini", reply)


def test_key_is_not_shown() -> None:
    """The repr does not contain the key."""
    token = decode_ours(auth_tokens.create(), "gemini", {"name": "auth_tokens/abc"})
    assert (token.name, "abc" in repr(token)) == ("auth_tokens/abc", False)
