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
from genai_fn.testing.strategies.arguments import arguments
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import is_supported_since
from tests.support.google_genai.captured_sessions import PLACES, Said, captured, opens

every_place = pytest.mark.parametrize("place", PLACES)
FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "OBJECT", "properties": {"x": {"type": "STRING"}}}}
VOICE = {"voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}, "language_code": "de-DE"}


def inside(**fields: Any) -> Mapping[str, Any]:
    return {"generation_config": fields}


def tools(*each: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"tools": list(each)}


def detection(**fields: Any) -> Mapping[str, Any]:
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
    "detection": detection(
        disabled=False,
        start_of_speech_sensitivity="START_SENSITIVITY_HIGH",
        end_of_speech_sensitivity="END_SENSITIVITY_LOW",
        prefix_padding_ms=20,
        silence_duration_ms=100,
    ),
    "no-detection": detection(disabled=True),
    "detection-empty": detection(),
    "no-interruption": {"realtime_input_config": {"activity_handling": "NO_INTERRUPTION"}},
    "coverage": {"realtime_input_config": {"turn_coverage": "TURN_INCLUDES_ALL_INPUT"}},
    "realtime-empty": {"realtime_input_config": {}},
    "window": {"context_window_compression": {"trigger_tokens": 25600, "sliding_window": {"target_tokens": 12800}}},
    "window-empty": {"context_window_compression": {"sliding_window": {}}},
    "proactive": {"proactivity": {"proactive_audio": True}},
    "proactivity-empty": {"proactivity": {}},
    "whole": inside(temperature=1, response_modalities=["TEXT"], stop_sequences=["x"], candidate_count=1),
    "whole-empty": inside(),
    "whole-penalties": inside(presence_penalty=0.5, frequency_penalty=-0.5, logprobs=2, response_logprobs=True),
    "whole-shaped": inside(response_mime_type="application/json", response_schema={"type": "OBJECT"}),
    "whole-json": inside(response_json_schema={"type": "object", "a_b": 1}),
    "whole-voice": inside(
        speech_config=VOICE, thinking_config={"thinking_budget": 1}, media_resolution="MEDIA_RESOLUTION_HIGH"
    ),
    "whole-choice": inside(model_selection_config={"feature_selection_preference": "BALANCED"}, audio_timestamp=True),
    "whole-route": inside(routing_config={"manual_mode": {"model_name": "m"}}),
    "whole-civic": inside(enable_enhanced_civic_answers=True),
    "whole-and-beside": {**inside(seed=1, stop_sequences=["x"]), "temperature": 0.5, "response_modalities": ["AUDIO"]},
    "camel": {"systemInstruction": "x", "topP": 0.5, "sessionResumption": {}, "responseModalities": ["TEXT"]},
    "dialogue": {"speech_config": {"multi_speaker_voice_config": {"speaker_voice_configs": []}}},
    "wrong-name": {"temprature": 1},
    "wrong-value": {"temperature": "hot"},
    "options": {"http_options": {"api_version": "v1"}},
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Suppress google-genai's log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@every_place
@pytest.mark.parametrize("name", CONFIGS)
def test_same_setup(name: str, place: str) -> None:
    """A config becomes the setup that google-genai sends, or both refuse it, with the same field."""
    check_agreement("m", CONFIGS[name], place)


@every_place
def test_everything_at_once(place: str) -> None:
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
    check_agreement("m", config, place)


def weather(city: str, days: int = 1) -> str:
    """Return the weather."""
    return city * days


@every_place
def test_python_functions(place: str) -> None:
    """A function in the tools is declared as in ``generate``, on every backend; 1.51.0 sends a Schema."""
    where, at = PLACES[place]
    theirs = captured(where, {"model": "m", "config": {"tools": [weather, {"code_execution": {}}]}})
    mine = opens(live.connect("m", {"tools": [weather, {"code_execution": {}}]}), at)
    assert isinstance(theirs, Said)
    declared = schema.FunctionDeclaration.from_callable(callable=weather)
    (declaration,) = (each for tool in mine.setup["setup"]["tools"] for each in tool.get("functionDeclarations", ()))
    assert declaration == msgspec.json.decode(msgspec.json.encode(declared))
    assert _name_tools(mine.setup) == _name_tools(theirs.setup)


def _name_tools(frame: Any) -> list[list[str]]:
    """List the fields of each tool, and the names of its functions."""
    tools = _without_empty_tools(frame)["setup"]["tools"]
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


@every_place
def test_typed(place: str) -> None:
    """A typed config is equivalent to a dict."""
    where, at = PLACES[place]
    theirs = captured(where, {"model": "m", "config": _build_typed_config(types)})
    assert isinstance(theirs, Said)
    assert _without_empty_tools(
        opens(live.connect("m", _build_typed_config(schema)), at).setup
    ) == _without_empty_tools(theirs.setup)


MODELS = (
    "m",
    "models/m",
    "tunedModels/m",
    "publishers/google/models/m",
    "publishers/meta/models/m",
    "projects/q/locations/l/publishers/google/models/m",
    "meta/m",
)


@every_place
@pytest.mark.parametrize("model", MODELS)
def test_same_model(model: str, place: str) -> None:
    """The model in the setup has the backend's name, the full one if there is a project."""
    check_agreement(model, None, place)


def check_agreement(model: str, config: Mapping[str, Any] | None, place: str) -> None:
    """Check that both send the same setup, or refuse the same field, or both raise."""
    where, at = PLACES[place]
    theirs = captured(where, {"model": model, "config": deepcopy(config)})
    if isinstance(theirs, Said):
        assert _without_empty_tools(theirs.setup) == _without_empty_tools(
            opens(live.connect(model, deepcopy(config)), at).setup
        )
    elif is_supported_since(theirs, at.name) and "multi_speaker" not in theirs.message:  # a session has one voice
        result = encode_handshake(live.connect(model, deepcopy(config)), at)
        refused = () if isinstance(result, Success) else cast("Unsupported", result.failure()).paths
        assert theirs.message.partition(" ")[0] not in [_last(path) for path in refused]
    elif _is_of_the_backend(theirs):
        error = encode_handshake(live.connect(model, deepcopy(config)), at).failure()
        assert isinstance(error, Unsupported), error
        assert theirs.message.partition(" ")[0] in [_last(path) for path in error.paths]
    else:
        with pytest.raises(InvalidRequest):
            live.connect(model, deepcopy(config))


def _is_of_the_backend(theirs: oracle.Refused) -> bool:
    return theirs.unsupported or "live API" in theirs.message


def _last(path: str) -> str:
    return path.rpartition(".")[2].partition("[")[0]


def _without_empty_tools(frame: Any) -> Any:
    """Leave out empty tools, which google-genai 1.51.0 drops."""
    frame = oracle.normal(frame)
    tools = [tool for tool in frame["setup"].pop("tools", ()) if tool]
    return {"setup": {**frame["setup"], **({"tools": tools} if tools else {})}}


# Drawn


@every_place
def test_drawn(place: str) -> None:
    """A drawn config becomes the setup that google-genai sends, or both refuse it."""
    compared: list[Any] = []

    @settings(max_examples=100, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(arguments(config=schema.LiveConnectConfig))
    def agree(drawn: Mapping[str, Any]) -> None:
        config = drawn.get("config", {})
        theirs = captured(PLACES[place][0], {"model": "m", "config": deepcopy(config)})
        if isinstance(theirs, oracle.Refused) and issubclass(theirs.error, pydantic.ValidationError):
            reject()  # drawn by ours, and no value of theirs
        if any(is_met(config, theirs) for _, is_met, _, _ in DIFFERENCES.values()):
            reject()
        check_agreement("m", config, place)
        compared.append(config)

    agree()
    assert len(compared) >= 100


def _merges_tools(config: Mapping[str, Any], theirs: Said | oracle.Refused) -> bool:
    return any(tool.get("function_declarations") and len(tool) > 1 for tool in config.get("tools", ()))


def _is_no_json(config: Mapping[str, Any], theirs: Said | oracle.Refused) -> bool:
    return isinstance(theirs, oracle.Refused) and "not JSON serializable" in theirs.message


def _says_twice(config: Mapping[str, Any], theirs: Said | oracle.Refused) -> bool:
    return bool(config.keys() & config.get("generation_config", {}).keys())


def _names_a_voice(config: Mapping[str, Any], theirs: Said | oracle.Refused) -> bool:
    return isinstance(config.get("speech_config"), str)


def _never(config: Mapping[str, Any], theirs: Said | oracle.Refused) -> bool:
    return False


DIFFERENCES: Mapping[str, tuple[str, Any, Mapping[str, Any], Any]] = {
    "search-beside-functions": (
        "1.51.0 loses what a tool holds beside function declarations, here as in generate",
        _merges_tools,
        {"tools": [{"function_declarations": [{"name": "f"}], "google_search": {}}]},
        {"tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}]}]},
    ),
    "bytes": (
        "bytes in the instruction are sent as base64: 1.51.0 fails, as they are no JSON",
        _is_no_json,
        {"system_instruction": {"parts": [{"inline_data": {"data": b"x", "mime_type": "image/png"}}]}},
        {"systemInstruction": {"parts": [{"inlineData": {"data": "eA==", "mimeType": "image/png"}}]}},
    ),
    "times": (
        "times are sent, too",
        _is_no_json,
        {"tools": [{"google_search": {"time_range_filter": {"start_time": "2025-01-01T00:00:00Z"}}}]},
        {"tools": [{"googleSearch": {"timeRangeFilter": {"startTime": "2025-01-01T00:00:00Z"}}}]},
    ),
    "said-twice": (
        "a field is set in one place: 1.51.0 sends it in two spellings, or takes the one or the other",
        _says_twice,
        {"generation_config": {"top_p": 1}, "top_p": 0.5},
        InvalidRequest,
    ),
    "voice-name": (
        "the name of a voice stands for it here, too; 1.51.0 refuses it",
        _names_a_voice,
        {"speech_config": "Kore"},
        {"generationConfig": {"speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}}},
    ),
    "no-tool": (
        "an empty tool, and an empty list of tools, are sent as they are given; 1.51.0 loses them",
        _never,
        {"tools": []},
        {"tools": []},
    ),
}
"""Where ours does otherwise on purpose: why, when drawn configs meet it, a config that does, and its setup."""


@pytest.mark.parametrize("name", DIFFERENCES)
def test_differences(name: str) -> None:
    """Each difference from google-genai 1.51.0 is as the table states, and exists."""
    _, _, config, setup = DIFFERENCES[name]
    theirs = captured(oracle.GEMINI, {"model": "m", "config": deepcopy(config)})
    if setup is InvalidRequest:
        assert isinstance(theirs, Said)
        with pytest.raises(InvalidRequest):
            live.connect("m", config)
        return
    mine = opens(live.connect("m", config), PLACES["gemini"][1]).setup
    assert mine == {"setup": {"model": "models/m", **setup}}
    assert isinstance(theirs, oracle.Refused) or oracle.normal(theirs.setup) != mine
