"""Scripts in JSON: what fits, what is refused and where, and their JSON Schema."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import fields

from genai_fn.emulator import EmulatorState
from genai_fn.emulator.scripts.parsing import build_script_schema, parse_script
from genai_fn.emulator.scripts.script import (
    EmulatorScript,
    ScriptedCall,
    ScriptedError,
    ScriptStep,
    StepCondition,
)
from genai_fn.errors import InvalidRequest

STEP = {"text": "hi"}


@pytest.mark.parametrize(
    "source",
    [
        {"steps": [STEP]},
        [STEP],
        (STEP,),
        {"steps": STEP},
        json.dumps([STEP]).encode(),
        json.dumps({"$schema": "http://127.0.0.1:8080/emulator/script/schema", "steps": [STEP]}).encode(),
        EmulatorScript(steps=(ScriptStep(text="hi"),)),
    ],
)
def test_forms(source: Any) -> None:
    """A script is an object with steps, a list of steps, or the text of either; one object stands for a list."""
    assert parse_script(source) == EmulatorScript(steps=(ScriptStep(text="hi"),))


def test_api_names() -> None:
    """Parts, token counts and reasons are in the API's JSON, in both spellings and with its leniency."""
    camel = {"parts": [{"inlineData": {"mimeType": "image/png", "data": "eA"}}], "usage": {"promptTokenCount": "3"}}
    snake = {"parts": {"inline_data": {"mime_type": "image/png", "data": "eA=="}}, "usage": {"prompt_token_count": 3}}
    assert parse_script([{**camel, "finish": "stop"}]) == parse_script([{**snake, "finish": 1}])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "script: expected the field `steps`, got {}"),
        ([], "script: expected at least one step, got []"),
        ([STEP] * 10_001, "script.steps: expected at most 10000 steps, got "),
        ({"step": []}, 'script: expected no field "step", got '),
        (b"{", "script: expected JSON ("),
        (b"\xff", "script: expected JSON ("),
        (b"[" * 1000, "script: expected JSON ("),
        ("steps", "script: expected `object`, got 'steps'"),
        (3, "script: expected `object`, got 3"),
        ([3], "script.steps[0]: expected `object`, got 3"),
        ([STEP, {"texts": "hi"}], 'script.steps[1]: expected no field "texts", got '),
        ([{"text": object()}], "script: expected JSON ("),
        ([{"text": 3}], "script.steps[0].text: expected `str | array | null`, got 3"),
        ([{"parts": [{"txt": "hi"}]}], 'script.steps[0].parts[0]: expected no field "txt", got '),
        ([{"calls": [{"name": ""}]}], "script.steps[0].calls[0].name: expected `str` of length >= 1, got ''"),
        ([{"calls": [{"name": "f", "args": []}]}], "script.steps[0].calls[0].args: expected `object`, got []"),
        ([{"when": {"functionResponse": "f"}, **STEP}], "script.steps[0].when: expected no field"),
        ([{"times": 0, **STEP}], "script.steps[0].times: expected `int` >= 1, got 0"),
        ([{"delay": -1, **STEP}], "script.steps[0].delay: expected `float` >= 0.0, got -1"),
        ([{"error": {"status": 200}}], "script.steps[0].error.status: expected `int` >= 400, got 200"),
        ({"steps": [STEP], "otherwise": "stop"}, "script.otherwise: expected one of fail, repeat, fake, got 'stop'"),
        ([{}], "script.steps[0]: expected at least one of text, "),
        ([{"delay": 1}], "script.steps[0]: expected at least one of text, "),
        ([{"text": "1", "json": 1}], "script.steps[0]: expected text or json, not both, got "),
        ([{"block": "SAFETY", "text": "hi"}], "script.steps[0]: expected block without text, got "),
        ([{"response": {}, "json": None}], "script.steps[0]: expected response without json, got "),
        ([{"text": "hi", "error": {"status": 503, "body": ""}}], "script.steps[0]: expected error.body without text"),
        (
            [{"response": {}, "error": {"status": 503}}],
            "script.steps[0]: expected response without error, got ",
        ),
        ([{"block": "SAFETY", "error": {"status": 503}}], "script.steps[0]: expected block without error, got "),
        ([{"response": {}, "usage": {}}], "script.steps[0]: expected response without usage: the response has its "),
        ([{"error": {"status": 503}, "drop": True}], "script.steps[0]: expected error or drop, not both, got "),
        ([{"error": {"status": 503, "details": [{}]}}], "script.steps[0]: expected error.details, each with its"),
    ],
)
def test_refused(source: Any, message: str) -> None:
    """What does not fit is refused at once, and the error names the place, what is expected and what is there."""
    with pytest.raises(InvalidRequest) as error:
        EmulatorState().with_script(source)
    assert str(error.value).startswith(message)


def test_async_function() -> None:
    """An async function is refused at once."""

    async def answer(request: Any) -> str:
        return "hi"

    with pytest.raises(InvalidRequest, match="a function that is not async"):
        parse_script(answer)


class TestSchema:
    def list_struct_names(self, kind: type[Struct]) -> set[str]:
        return {each.encode_name for each in fields(kind)}

    @pytest.mark.parametrize(
        "kind", [ScriptStep, ScriptedCall, ScriptedError, StepCondition], ids=lambda each: each.__name__
    )
    def test_complete(self, kind: type[Struct]) -> None:
        """The schema has every field of a script, and allows no others."""
        described = build_script_schema()["$defs"][kind.__name__]
        assert set(described["properties"]) == self.list_struct_names(kind)
        assert described["additionalProperties"] is False

    @pytest.mark.parametrize(
        "kind", [ScriptStep, ScriptedCall, ScriptedError, StepCondition], ids=lambda each: each.__name__
    )
    def test_documented(self, kind: type[Struct]) -> None:
        """The page about scripts has a row for every field."""
        page = (Path(__file__).parents[3] / "docs" / "emulator-scripts.md").read_text(encoding="utf-8")
        assert [each for each in self.list_struct_names(kind) if f"\n| `{each}` |" not in page] == []

    def test_self_contained(self) -> None:
        """Every reference resolves within the schema, which is JSON and has only names of JSON."""
        schema = build_script_schema()
        references = {each.removeprefix("#/$defs/") for each in _find_references(schema)}
        assert references <= schema["$defs"].keys()
        assert '"*"' not in json.dumps(schema)


def _find_references(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        if isinstance(tree.get("$ref"), str):
            yield tree["$ref"]
        for each in tree.values():
            yield from _find_references(each)
    elif isinstance(tree, list):
        for each in tree:
            yield from _find_references(each)
