"""
Writes the arguments of calls that google-genai 3.6.1 is then asked to encode: drawn ones, and those of the tables.

It runs in the environment of the tests, and is needed only to change the arguments:
``python -m tests.support.google_genai_3_6_1.export_arguments``, then ``python tasks.py oracle``.
"""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from genai_fn import schema
from tests.cases.generate_requests import CASES as GENERATE_CASES
from tests.support.drawn_arguments import CALLS, DrawnCall
from tests.support.google_genai_3_6_1.arguments import dump_value
from tests.support.google_genai_3_6_1.captured import CASES

LONGEST = 1500
"""Characters of the longest arguments; the drawn ones that are longer are left out."""


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
        yield from ([call.name, arguments] for arguments in draw_arguments(call))


def draw_arguments(call: DrawnCall) -> list[Any]:
    """Draw distinct arguments, the same ones each time."""
    drawn: dict[str, Any] = {}

    @settings(
        max_examples=call.examples * 3,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(call.given)
    def draw(arguments: Any) -> None:
        value = dump_value(arguments)
        drawn.setdefault(json.dumps(value), value)

    draw()
    return [value for text, value in drawn.items() if len(text) <= LONGEST][-call.examples :]  # the later, the larger


if __name__ == "__main__":
    lines = dict.fromkeys(json.dumps(each, separators=(",", ":")) for each in list_arguments())
    (CASES / "arguments.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
