"""Responses of ``generateContent`` as chat completions: what the fake model does not produce by itself."""

import json
from typing import Any

import pytest

from genai_fn import codec
from genai_fn.emulator.openai.chat_responses import build_chunks, build_completion
from genai_fn.schema import GenerateContentResponse
from tests.support.emulator_requests import NOW


def read_response(*parts: Any, **fields: Any) -> GenerateContentResponse:
    candidate = {"content": {"role": "model", "parts": list(parts)}, "finishReason": "STOP", **fields}
    text = json.dumps({"candidates": [candidate], "responseId": "r"})
    return codec.decode(text, GenerateContentResponse)


def convert(response: GenerateContentResponse) -> Any:
    return json.loads(codec.encode(build_completion(response, "m", "thought", NOW)))


def convert_choice(response: GenerateContentResponse) -> Any:
    (choice,) = convert(response)["choices"]
    return choice


def test_thoughts() -> None:
    """Thoughts are texts between tags in front of the answer."""
    response = read_response({"text": "Hm", "thought": True}, {"text": "m.", "thought": True}, {"text": "Blue."})
    assert convert_choice(response)["message"] == {"content": "<thought>Hmm.</thought>Blue.", "role": "assistant"}


def test_streamed_thoughts() -> None:
    """A chunk of thoughts is marked."""
    chunks = build_chunks([read_response({"text": "Hm", "thought": True})], "m", "think", NOW, has_usage=True)
    (chunk,) = [json.loads(codec.encode(each)) for each in chunks]
    assert chunk["choices"][0]["delta"] == {
        "content": "<think>Hm</think>",
        "extra_content": {"google": {"thought": True}},
        "role": "assistant",
    }
    assert "usage" not in chunk  # the responses have none


def test_signatures() -> None:
    """Thought signatures stand beside the tool call or the text that they belong to."""
    call = {"functionCall": {"id": "7", "name": "clock"}, "thoughtSignature": "YQ=="}
    message = convert_choice(read_response({"text": "Now?", "thoughtSignature": "Yg=="}, call))["message"]
    assert message["content"] == "Now?"
    assert message["extra_content"] == {"google": {"thought_signature": "Yg=="}}
    assert message["tool_calls"] == [
        {
            "extra_content": {"google": {"thought_signature": "YQ=="}},
            "function": {"arguments": "{}", "name": "clock"},
            "id": "7",
            "type": "function",
        }
    ]


def test_ids() -> None:
    """Calls without ids have different ones."""
    call = {"functionCall": {"name": "clock"}}
    calls = convert_choice(read_response(call, call))["message"]["tool_calls"]
    assert len({each["id"] for each in calls}) == 2


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("RECITATION", "content_filter: RECITATION"),
        ("SAFETY", "content_filter: SAFETY"),
        ("MALFORMED_FUNCTION_CALL", "function_call_filter: MALFORMED_FUNCTION_CALL"),
        ("NEW_REASON", "content_filter: NEW_REASON"),
        (None, None),
    ],
)
def test_finish_reasons(reason: str | None, expected: str | None) -> None:
    """Reasons that OpenAI's API lacks are spelled as the service spells them."""
    assert convert_choice(read_response({"text": "a"}, finishReason=reason)).get("finish_reason") == expected


def test_empty() -> None:
    """A candidate without content is a message without content."""
    assert convert_choice(read_response(content=None))["message"] == {"role": "assistant"}


def test_blocked_prompt() -> None:
    """A blocked prompt is a choice with the reason."""
    response = codec.decode('{"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}', GenerateContentResponse)
    assert convert_choice(response)["finish_reason"] == "content_filter: PROHIBITED_CONTENT"


def test_cached_tokens() -> None:
    """Cached tokens are part of the usage."""
    usage = {"promptTokenCount": 5, "cachedContentTokenCount": 4, "candidatesTokenCount": 1, "totalTokenCount": 6}
    response = codec.decode(json.dumps({"usageMetadata": usage}), GenerateContentResponse)
    assert convert(response)["usage"] == {
        "completion_tokens": 1,
        "prompt_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 4},
        "total_tokens": 6,
    }
