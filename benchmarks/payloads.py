"""Generated requests and responses, the same for all contestants."""

import json
import random
from base64 import b64encode
from typing import Any

MODEL = "gemini-2.5-flash"
PROMPT = "Why is the sky blue?"
IMAGE = bytes(range(256)) * (8 * 2**12)  # 8 MiB

CONFIG: dict[str, Any] = {
    "system_instruction": "Answer like a pirate, and in one sentence.",
    "temperature": 0.2,
    "top_p": 0.95,
    "top_k": 40,
    "candidate_count": 1,
    "max_output_tokens": 2048,
    "stop_sequences": ["THE END", "###"],
    "response_logprobs": True,
    "logprobs": 3,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.1,
    "seed": 7,
    "response_mime_type": "application/json",
    "response_schema": {
        "type": "OBJECT",
        "properties": {
            "name": {"type": "STRING", "description": "what it is called"},
            "ingredients": {"type": "ARRAY", "items": {"type": "STRING"}},
            "minutes": {"type": "INTEGER", "minimum": 1, "maximum": 600},
        },
        "required": ["name", "ingredients"],
    },
    "safety_settings": [
        {"category": category, "threshold": "BLOCK_ONLY_HIGH"}
        for category in ("HARM_CATEGORY_HATE_SPEECH", "HARM_CATEGORY_DANGEROUS_CONTENT", "HARM_CATEGORY_HARASSMENT")
    ],
    "tools": [
        {
            "function_declarations": [
                {
                    "name": f"look_up_{number}",
                    "description": "Look something up.",
                    "parameters": {
                        "type": "OBJECT",
                        "properties": {"what": {"type": "STRING"}, "count": {"type": "INTEGER"}},
                        "required": ["what"],
                    },
                }
                for number in range(3)
            ]
        }
    ],
    "tool_config": {"function_calling_config": {"mode": "AUTO"}},
    "thinking_config": {"include_thoughts": True, "thinking_budget": 512},
}

_USAGE = {
    "promptTokenCount": 12,
    "candidatesTokenCount": 340,
    "totalTokenCount": 352,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12}],
}
_SAFETY = [
    {"category": category, "probability": "NEGLIGIBLE"}
    for category in ("HARM_CATEGORY_HATE_SPEECH", "HARM_CATEGORY_DANGEROUS_CONTENT", "HARM_CATEGORY_HARASSMENT")
]


def _build_response(parts: list[dict[str, Any]], **candidate: Any) -> bytes:
    first = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0, "safetyRatings": _SAFETY}
    return json.dumps({"candidates": [first | candidate], "usageMetadata": _USAGE, "modelVersion": MODEL}).encode()


def build_history(turns: int) -> list[dict[str, Any]]:
    """Build the turns of a conversation, as dicts."""
    roles = ("user", "model")
    return [{"role": roles[each % 2], "parts": [{"text": f"Turn {each} of many."}]} for each in range(turns)]


TINY = json.dumps({"candidates": [{"content": {"role": "model", "parts": [{"text": "Rayleigh."}]}}]}).encode()
SMALL = _build_response([{"text": "Shorter waves are scattered more. " * 40}])  # 2 KB
PICTURE = _build_response([{"inlineData": {"mimeType": "image/png", "data": b64encode(IMAGE).decode()}}])


def build_large_response() -> bytes:
    """Build a response of 400 KB: log probabilities of 1,000 tokens, and grounding metadata."""
    generator = random.Random(7)

    def build_token() -> dict[str, Any]:
        number = generator.randrange(9999)
        return {"token": f"t{number}", "tokenId": number, "logProbability": -generator.random()}

    chosen = [build_token() for _ in range(1000)]
    tops = [{"candidates": [build_token() for _ in range(5)]} for _ in range(1000)]
    chunks = [{"web": {"uri": f"https://example.com/{each}", "title": f"Page {each}"}} for each in range(50)]
    supports = [
        {
            "segment": {"startIndex": each * 40, "endIndex": each * 40 + 39, "text": "Shorter waves."},
            "groundingChunkIndices": [each % 50],
            "confidenceScores": [0.9],
        }
        for each in range(100)
    ]
    return _build_response(
        [{"text": "Shorter waves are scattered more. " * 120}],
        avgLogprobs=-0.5,
        logprobsResult={"chosenCandidates": chosen, "topCandidates": tops},
        groundingMetadata={"groundingChunks": chunks, "groundingSupports": supports, "webSearchQueries": ["sky blue"]},
    )


def build_embeddings(dimensions: int = 3072) -> bytes:
    """Build a response with 100 embeddings."""
    generator = random.Random(7)
    values = [{"values": [round(generator.uniform(-1, 1), 9) for _ in range(dimensions)]} for _ in range(100)]
    return json.dumps({"embeddings": values}).encode()


def build_small_embeddings() -> bytes:
    """Build a response with 100 embeddings of 8 numbers."""
    return json.dumps({"embeddings": [{"values": [0.125] * 8}] * 100}).encode()


def build_function_call() -> bytes:
    """Build a response that calls a function."""
    return _build_response([{"functionCall": {"name": "get_number", "args": {"index": 7}}}])


def build_model_page() -> bytes:
    """Build a page of 50 models."""
    models = [
        {
            "name": f"models/gemini-{each}",
            "version": "001",
            "displayName": f"Gemini {each}",
            "description": "A model for many tasks.",
            "inputTokenLimit": 1048576,
            "outputTokenLimit": 65536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
            "temperature": 1,
            "topP": 0.95,
            "topK": 64,
            "maxTemperature": 2,
        }
        for each in range(50)
    ]
    return json.dumps({"models": models, "nextPageToken": "more"}).encode()


def build_events(count: int) -> list[bytes]:
    """Build the server-sent events of a stream, one response each."""
    return [
        b"data: " + _build_response([{"text": f"word {each} of many "}], finishReason=None) + b"\r\n\r\n"
        for each in range(count)
    ]
