"""The setup message of a session, compared with google-genai 1.51.0, for every kind of backend."""

import logging
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, cast

import msgspec
import pydantic
import pytest
from google.genai import types
from hypothesis import HealthCheck, given, reject, settings

from genai_fn import schema
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.live_protocol.handshake import encode_handshake
from genai_fn.ops import live
from genai_fn.results import Success
from genai_fn.testing.strategies.arguments import plain_values
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import is_supported_since
from tests.support.google_genai.captured_sessions import BACKENDS, CapturedSession, capture_session, encode_session

every_backend = pytest.mark.parametrize("backend", BACKENDS)
FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "OBJECT", "properties": {"x": {"type": "STRING"}}}}
VOICE = {"voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}, "language_code": "de-DE"}


def build_generation_config(**fields: Any) -> Mapping[str, Any]:
    return {"generation_config": fields}


def tools(*each: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"tools": list(each)}


def build_detection_config(**fields: Any) -> Mapping[str, Any]:
    return {"realtime_input_config": {"automatic_activity_detection": fields}}


CONFIGS: Mapping[str, Mapping[str, Any] | None] = {
    "none": None,
    "empty": {},
    "text": {"response_modalities": ["TEXT"]},
    "sound": {"response_modalities": ["AUDIO"]},
    "both": {"response_modalities": ["TEXT", "AUDIO"]},
    "silent": {"response_modalities": []},
    "unheard-of": {"response_modalities": ["SMELL"]},
    "temperature": {"temperature": 0.5},
    "temperature-0": {"temperature": 0},
    "top-p": {"top_p": 0.9},
    "top-k": {"top_k": 40},
    "most-tokens": {"max_output_tokens": 100},
    "resolution": {"media_resolution": "MEDIA_RESOLUTION_LOW"},
    "seed": {"seed": 0},
    "voice": {"speech_config": VOICE},
    "language": {"speech_config": {"language_code": "en-US"}},
    "speech-empty": {"speech_config": {}},
    "thinking": {"thinking_config": {"include_thoughts": True, "thinking_budget": 0}},
    "thinking-level": {"thinking_config": {"thinking_level": "HIGH"}},
    "affective": {"enable_affective_dialog": True},
    "not-affective": {"enable_affective_dialog": False},
    "instruction": {"system_instruction": "Be brief."},
    "instruction-empty": {"system_instruction": ""},
    "instruction-turn": {"system_instruction": {"parts": [{"text": "x"}], "role": "system"}},
    "instruction-without-role": {"system_instruction": {"parts": [{"text": "x"}, {"text": "y"}]}},
    "instruction-part": {"system_instruction": {"text": "x"}},
    "instruction-parts": {"system_instruction": [{"text": "x"}, "y"]},
    "search": tools({"google_search": {}}),
    "search-retrieval": tools({"google_search_retrieval": {"dynamic_retrieval_config": {"dynamic_threshold": 0.5}}}),
    "code": tools({"code_execution": {}}),
    "url": tools({"url_context": {}}),
    "maps": tools({"google_maps": {"enable_widget": True}}),
    "maps-as-somebody": tools({"google_maps": {"auth_config": {"auth_type": "NO_AUTH"}}}),
    "computer": tools({"computer_use": {"environment": "ENVIRONMENT_BROWSER"}}),
    "file-search": tools({"file_search": {"file_search_store_names": ["fileSearchStores/s"]}}),
    "retrieval": tools({"retrieval": {"vertex_ai_search": {"datastore": "d"}}}),
    "enterprise": tools({"enterprise_web_search": {}}),
    "excluded": tools({"google_search": {"exclude_domains": ["x.test"]}}),
    "blocking": tools({"google_search": {"blocking_confidence": "BLOCK_LOW_AND_ABOVE"}}),
    "function": tools({"function_declarations": [FUNCTION]}),
    "functions": tools(
        {"function_declarations": [FUNCTION]}, {"code_execution": {}}, {"function_declarations": [FUNCTION]}
    ),
    "function-of-json": tools(
        {"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object", "x_y": 1}}]}
    ),
    "function-that-waits": tools({"function_declarations": [{"name": "f", "behavior": "NON_BLOCKING"}]}),
    "resumption": {"session_resumption": {}},
    "resumption-handle": {"session_resumption": {"handle": "h"}},
    "resumption-transparent": {"session_resumption": {"handle": "h", "transparent": True}},
    "written-in": {"input_audio_transcription": {}},
    "written-out": {"output_audio_transcription": {}},
    "written-both": {"input_audio_transcription": {}, "output_audio_transcription": {}},
    "detection": build_detection_config(
        disabled=False,
        start_of_speech_sensitivity="START_SENSITIVITY_HIGH",
        end_of_speech_sensitivity="END_SENSITIVITY_LOW",
        prefix_padding_ms=20,
        silence_duration_ms=100,
    ),
    "no-detection": build_detection_config(disabled=True),
    "detection-empty": build_detection_config(),
    "no-interruption": {"realtime_input_config": {"activity_handling": "NO_INTERRUPTION"}},
    "coverage": {"realtime_input_config": {"turn_coverage": "TURN_INCLUDES_ALL_INPUT"}},
    "realtime-empty": {"realtime_input_config": {}},
    "window": {"context_window_compression": {"trigger_tokens": 25600, "sliding_window": {"target_tokens": 12800}}},
    "window-empty": {"context_window_compression": {"sliding_window": {}}},
    "proactive": {"proactivity": {"proactive_audio": True}},
    "proactivity-empty": {"proactivity": {}},
    "whole": build_generation_config(
        temperature=1, response_modalities=["TEXT"], stop_sequences=["x"], candidate_count=1
    ),
    "whole-empty": build_generation_config(),
    "whole-penalties": build_generation_config(
        presence_penalty=0.5, frequency_penalty=-0.5, logprobs=2, response_logprobs=True
    ),
    "whole-shaped": build_generation_config(response_mime_type="application/json", response_schema={"type": "OBJECT"}),
    "whole-json": build_generation_config(response_json_schema={"type": "object", "a_b": 1}),
    "whole-voice": build_generation_config(
        speech_config=VOICE, thinking_config={"thinking_budget": 1}, media_resolution="MEDIA_RESOLUTION_HIGH"
    ),
    "whole-choice": build_generation_config(
        model_selection_config={"feature_selection_preference": "BALANCED"}, audio_timestamp=True
    ),
    "whole-route": build_generation_config(routing_config={"manual_mode": {"model_name": "m"}}),
    "whole-civic": build_generation_config(enable_enhanced_civic_answers=True),
    "whole-and-beside": {
        **build_generation_config(seed=1, stop_sequences=["x"]),
        "temperature": 0.5,
        "response_modalities": ["AUDIO"],
    },
    "camel": {"systemInstruction": "x", "topP": 0.5, "sessionResumption": {}, "responseModalities": ["TEXT"]},
    "dialogue": {"speech_config": {"multi_speaker_voice_config": {"speaker_voice_configs": []}}},
    "wrong-name": {"temprature": 1},
    "wrong-value": {"temperature": "hot"},
    "options": {"http_options": {"api_version": "v1"}},
}


@pytest.fixture(autouse=True)
def suppress_log() -> Iterator[None]:
    """Suppress google-genai's log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@every_backend
@pytest.mark.parametrize("name", CONFIGS)
def test_same_setup(name: str, backend: str) -> None:
    """A config becomes the setup that google-genai sends, or both refuse it, with the same field."""
    check_same_setup("m", CONFIGS[name], backend)


@every_backend
def test_everything_at_once(backend: str) -> None:
    """All fields together are the sum of the single ones."""
    config = {
        **CONFIGS["both"],  # type: ignore[dict-item]  # it is one
        **CONFIGS["temperature"],
        **CONFIGS["voice"],
        **CONFIGS["instruction"],
        **CONFIGS["functions"],
        **CONFIGS["resumption-handle"],
        **CONFIGS["written-both"],
        **CONFIGS["detection"],
        **CONFIGS["window"],
        **CONFIGS["proactive"],
    }
    check_same_setup("m", config, backend)


def get_weather(city: str, days: int = 1) -> str:
    """Return the weather."""
    return city * days


@every_backend
def test_python_functions(backend: str) -> None:
    """A function in the tools is declared as in ``generate``, on every backend; 1.51.0 sends a Schema."""
    their_backend, our_backend = BACKENDS[backend]
    theirs = capture_session(their_backend, {"model": "m", "config": {"tools": [get_weather, {"code_execution": {}}]}})
    ours = encode_session(live.connect("m", {"tools": [get_weather, {"code_execution": {}}]}), our_backend)
    assert isinstance(theirs, CapturedSession)
    declared = schema.FunctionDeclaration.from_callable(callable=get_weather)
    (declaration,) = (each for tool in ours.setup["setup"]["tools"] for each in tool.get("functionDeclarations", ()))
    assert declaration == msgspec.json.decode(msgspec.json.encode(declared))
    assert _name_tools(ours.setup) == _name_tools(theirs.setup)


def _name_tools(frame: Any) -> list[list[str]]:
    """List the fields of each tool, and the names of its functions."""
    tools = _remove_empty_tools(frame)["setup"]["tools"]
    return [[*tool, *(each["name"] for each in tool.get("functionDeclarations", ()))] for tool in tools]


def _build_typed_config(kinds: Any) -> Any:
    voice = kinds.PrebuiltVoiceConfig(voice_name="Kore")
    return kinds.LiveConnectConfig(
        response_modalities=[kinds.Modality.AUDIO],
        speech_config=kinds.SpeechConfig(voice_config=kinds.VoiceConfig(prebuilt_voice_config=voice)),
        system_instruction=kinds.Content(parts=[kinds.Part(text="x")]),
        tools=[kinds.Tool(google_search=kinds.GoogleSearch())],
        session_resumption=kinds.SessionResumptionConfig(),
        realtime_input_config=kinds.RealtimeInputConfig(turn_coverage=kinds.TurnCoverage.TURN_INCLUDES_ALL_INPUT),
    )


@every_backend
def test_typed(backend: str) -> None:
    """A typed config is equivalent to a dict."""
    their_backend, our_backend = BACKENDS[backend]
    theirs = capture_session(their_backend, {"model": "m", "config": _build_typed_config(types)})
    assert isinstance(theirs, CapturedSession)
    assert _remove_empty_tools(
        encode_session(live.connect("m", _build_typed_config(schema)), our_backend).setup
    ) == _remove_empty_tools(theirs.setup)


MODELS = (
    "m",
    "models/m",
    "tunedModels/m",
    "publishers/google/models/m",
    "publishers/meta/models/m",
    "projects/q/locations/l/publishers/google/models/m",
    "meta/m",
)


@every_backend
@pytest.mark.parametrize("model", MODELS)
def test_same_model(model: str, backend: str) -> None:
    """The model in the setup has the backend's name, the full one if there is a project."""
    check_same_setup(model, None, backend)


def check_same_setup(model: str, config: Mapping[str, Any] | None, backend: str) -> None:
    """Check that both send the same setup, or refuse the same field, or both raise."""
    theirs = capture_session(BACKENDS[backend][0], {"model": model, "config": deepcopy(config)})
    _compare_setups(theirs, model, config, backend)


def _compare_setups(
    theirs: CapturedSession | oracle.RefusedCall, model: str, config: Mapping[str, Any] | None, backend: str
) -> None:
    our_backend = BACKENDS[backend][1]
    if isinstance(theirs, CapturedSession):
        assert _remove_empty_tools(theirs.setup) == _remove_empty_tools(
            encode_session(live.connect(model, deepcopy(config)), our_backend).setup
        )
    elif (
        is_supported_since(theirs, our_backend.name) and "multi_speaker" not in theirs.message
    ):  # a session has one voice
        result = encode_handshake(live.connect(model, deepcopy(config)), our_backend)
        refused = () if isinstance(result, Success) else cast("Unsupported", result.failure()).paths
        assert theirs.message.partition(" ")[0] not in [_get_field_name(path) for path in refused]
    elif _is_backend_refusal(theirs):
        error = encode_handshake(live.connect(model, deepcopy(config)), our_backend).failure()
        assert isinstance(error, Unsupported), error
        assert theirs.message.partition(" ")[0] in [_get_field_name(path) for path in error.paths]
    else:
        with pytest.raises(InvalidRequest):
            live.connect(model, deepcopy(config))


def _is_backend_refusal(theirs: oracle.RefusedCall) -> bool:
    return theirs.unsupported or "live API" in theirs.message


def _get_field_name(path: str) -> str:
    return path.rpartition(".")[2].partition("[")[0]


def _remove_empty_tools(frame: Any) -> Any:
    """Leave out empty tools, which google-genai 1.51.0 drops."""
    frame = oracle.normalize(frame)
    tools = [tool for tool in frame["setup"].pop("tools", ()) if tool]
    return {"setup": {**frame["setup"], **({"tools": tools} if tools else {})}}


# Drawn


@every_backend
def test_drawn(backend: str) -> None:
    """A drawn config becomes the setup that google-genai sends, or both refuse it."""
    compared_configs: list[Any] = []

    @settings(max_examples=100, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(plain_values(schema.LiveConnectConfig))
    def check_drawn_config(config: Any) -> None:
        theirs = capture_session(BACKENDS[backend][0], {"model": "m", "config": deepcopy(config)})
        if isinstance(theirs, oracle.RefusedCall) and issubclass(theirs.error, pydantic.ValidationError):
            reject()  # drawn from genai_fn's types, and invalid in google-genai's
        if any(is_met(config, theirs) for _, is_met, _, _ in DIFFERENCES.values()):
            reject()
        _compare_setups(theirs, "m", config, backend)
        compared_configs.append(config)

    check_drawn_config()
    assert len(compared_configs) >= 100


def _merges_tools(config: Mapping[str, Any], theirs: CapturedSession | oracle.RefusedCall) -> bool:
    return any(tool.get("function_declarations") and len(tool) > 1 for tool in config.get("tools", ()))


def _is_not_json(config: Mapping[str, Any], theirs: CapturedSession | oracle.RefusedCall) -> bool:
    return isinstance(theirs, oracle.RefusedCall) and "not JSON serializable" in theirs.message


def _sets_field_twice(config: Mapping[str, Any], theirs: CapturedSession | oracle.RefusedCall) -> bool:
    return bool(config.keys() & config.get("generation_config", {}).keys())


def _has_voice_name(config: Mapping[str, Any], theirs: CapturedSession | oracle.RefusedCall) -> bool:
    return isinstance(config.get("speech_config"), str)


def _is_never_met(config: Mapping[str, Any], theirs: CapturedSession | oracle.RefusedCall) -> bool:
    return False


DIFFERENCES: Mapping[str, tuple[str, Any, Mapping[str, Any], Any]] = {
    "search-beside-functions": (
        "1.51.0 drops the other fields of a tool with function declarations, as in generate",
        _merges_tools,
        {"tools": [{"function_declarations": [{"name": "f"}], "google_search": {}}]},
        {"tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}]}]},
    ),
    "bytes": (
        "bytes in the instruction are sent as base64; 1.51.0 fails, as bytes are not JSON",
        _is_not_json,
        {"system_instruction": {"parts": [{"inline_data": {"data": b"x", "mime_type": "image/png"}}]}},
        {"systemInstruction": {"parts": [{"inlineData": {"data": "eA==", "mimeType": "image/png"}}]}},
    ),
    "times": (
        "times are sent in ISO format; 1.51.0 fails, as they are not JSON",
        _is_not_json,
        {"tools": [{"google_search": {"time_range_filter": {"start_time": "2025-01-01T00:00:00Z"}}}]},
        {"tools": [{"googleSearch": {"timeRangeFilter": {"startTime": "2025-01-01T00:00:00Z"}}}]},
    ),
    "set-twice": (
        "a field that is set twice is a mistake; 1.51.0 sends both spellings, or one of them",
        _sets_field_twice,
        {"generation_config": {"top_p": 1}, "top_p": 0.5},
        InvalidRequest,
    ),
    "voice-name": (
        "the name of a voice is accepted as a speech config; 1.51.0 refuses it",
        _has_voice_name,
        {"speech_config": "Kore"},
        {"generationConfig": {"speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}}},
    ),
    "no-tool": (
        "an empty tool and an empty list of tools are sent; 1.51.0 drops them",
        _is_never_met,
        {"tools": []},
        {"tools": []},
    ),
}
"""Deliberate differences: the reason, whether a drawn config shows it, an example, and its setup."""


@pytest.mark.parametrize("name", DIFFERENCES)
def test_differences(name: str) -> None:
    """Each difference from google-genai 1.51.0 is as the table states, and exists."""
    _, _, config, setup = DIFFERENCES[name]
    theirs = capture_session(oracle.GEMINI, {"model": "m", "config": deepcopy(config)})
    if setup is InvalidRequest:
        assert isinstance(theirs, CapturedSession)
        with pytest.raises(InvalidRequest):
            live.connect("m", config)
        return
    ours = encode_session(live.connect("m", config), BACKENDS["gemini"][1]).setup
    assert ours == {"setup": {"model": "models/m", **setup}}
    assert isinstance(theirs, oracle.RefusedCall) or oracle.normalize(theirs.setup) != ours
