"""
Writes the arguments of calls, and the replies, whose outcome in google-genai 3.6.1 is then captured: drawn ones, and
those of the tables.

It runs in the environment of the tests, and is needed only to change them:
``python -m tests.support.google_genai_3_6_1.export_inputs``, then ``python tasks.py oracle``.
"""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from genai_fn import schema
from genai_fn.results import Success
from genai_fn.testing.strategies.arguments import BUILDERS
from genai_fn.wire import prepare_request
from tests.cases.generate_replies import REPLIES
from tests.cases.generate_requests import CASES as GENERATE_CASES
from tests.support.drawn_arguments import CALLS
from tests.support.drawn_replies import draw_replies
from tests.support.google_genai.agreement import BACKENDS
from tests.support.google_genai_3_6_1.arguments import dump_value
from tests.support.google_genai_3_6_1.captured import CASES
from tests.support.google_genai_3_6_1.operations import OPERATIONS, REQUIRED, VERTEX_NAMES

LONGEST = 1500
"""Characters of the longest value; drawn ones that are longer are left out."""

HOW_OFTEN = 12
"""How many replies are drawn for each operation and backend."""


_SERVER_TOOLS: dict[str, Any] = {
    "role": "model",
    "parts": [
        {
            "thoughtSignature": "c2ln",
            "toolCall": {"id": "1", "toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["a"]}},
        },
        {"toolResponse": {"id": "1", "toolType": "GOOGLE_SEARCH_WEB", "response": {"a_b": [1]}}},
        {"executableCode": {"id": "2", "code": "1", "language": "PYTHON"}},
        {"codeExecutionResult": {"id": "2", "outcome": "OUTCOME_OK", "output": "1"}},
    ],
}
_STORE_CHUNK = {
    "retrievedContext": {
        "title": "T",
        "fileSearchStore": "fileSearchStores/s",
        "customMetadata": [{"key": "k", "stringValue": "v"}],
    }
}
RECORDED_REPLIES: tuple[Any, ...] = (
    {"candidates": [{"content": _SERVER_TOOLS, "finishReason": "STOP", "index": 0}]},
    {"candidates": [{"groundingMetadata": {"groundingChunks": [_STORE_CHUNK]}}]},
    {"usageMetadata": {"promptTokenCount": 1, "serviceTier": "standard", "trafficType": "ON_DEMAND_FLEX"}},
    {"candidates": [{"finishReason": "MODEL_ARMOR", "finishMessage": "a"}]},
)
"""Fields that the service is known to send, which 1.51.0 does not read."""

_PROMPT_SAFETY = {"contentType": "Positive Prompt", "safetyAttributes": {"categories": ["a"], "scores": [0.5]}}
OTHER_RECORDED_REPLIES: tuple[list[Any], ...] = (
    ["embed", "gemini", {"embeddings": [{"values": [0.5]}, {"values": [1.5]}]}],
    ["batches.get", "gemini", {"error": {"code": 3, "message": "a", "status": "INVALID_ARGUMENT"}}],
    ["tokens.count", "gemini", {"totalTokens": 3, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}]}],
    [
        "images.generate",
        "vertex",
        {"predictions": [{"bytesBase64Encoded": "eA=="}], "positivePromptSafetyAttributes": _PROMPT_SAFETY},
    ],
    ["tunings.get", "gemini", {"name": "tunedModels/1", "displayName": "a", "state": "ACTIVE"}],
)


def list_arguments() -> Iterator[list[Any]]:
    """Yield operations with arguments."""
    for case in GENERATE_CASES:
        contents, config = case.arguments(schema)
        try:
            arguments = dump_value({"model": case.model, "contents": contents, "config": config})
        except TypeError:  # images, functions, types
            continue
        yield ["generate.stream" if case.stream else "generate", arguments]
    for call in CALLS:
        drawn = draw_values(call.given, call.examples, LONGEST)
        yield from ([call.name, {**REQUIRED.get(call.name, {}), **arguments}] for arguments in drawn)


def draw_values(strategy: SearchStrategy[Any], count: int, longest: int) -> list[Any]:
    """Draw distinct values as JSON, the same ones each time; those drawn later are larger."""
    drawn: dict[str, Any] = {}

    @settings(
        max_examples=count * 4,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(value: Any) -> None:
        dumped = dump_value(value)
        drawn.setdefault(json.dumps(dumped), dumped)

    draw()
    return [value for text, value in drawn.items() if len(text) <= longest][-count:]


def list_replies() -> Iterator[list[Any]]:
    """Yield operations, backends and replies."""
    for reply in (*REPLIES.values(), *RECORDED_REPLIES):
        yield from (["generate", backend, reply] for backend in BACKENDS)
    yield from OTHER_RECORDED_REPLIES
    for operation, arguments in OPERATIONS.items():
        for backend, (_, at) in BACKENDS.items():
            given = VERTEX_NAMES.get(operation, arguments) if backend == "vertex" else arguments
            prepared = prepare_request(BUILDERS[operation][0](**given), at)
            if isinstance(prepared, Success) and operation != "stores.download_media":  # whose reply is a file
                replies = draw_replies(prepared.unwrap().reader.wire_type)
                yield from ([operation, backend, reply] for reply in draw_values(replies, HOW_OFTEN, LONGEST))


def write_lines(name: str, lines: Iterator[Any]) -> None:
    """Write distinct values as lines of JSON."""
    distinct = dict.fromkeys(json.dumps(each, separators=(",", ":")) for each in lines)
    (CASES / name).write_text("\n".join(distinct) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_lines("calls.jsonl", list_arguments())
    write_lines("replies.jsonl", list_replies())
