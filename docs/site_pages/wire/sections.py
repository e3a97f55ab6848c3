"""Writes the sections of the builders as Markdown, and finds the section of an operation."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from textwrap import indent
from typing import Any, NamedTuple

from docs import write_operations
from docs.site_pages.wire.examples import Example
from docs.site_pages.wire.formatting import RULE, format_records
from docs.site_pages.wire.running import ExampleRun, Step, run_example
from docs.site_pages.wire.table import EXAMPLES
from genai_fn import Unsupported, schema

__all__ = ["INTRODUCTION", "Section", "build_section", "build_sections", "find_section"]

INTRODUCTION = f"""
The sections *on the wire* show what each builder sends and receives: a call, its request, its response, and a call that
fails. They were recorded from `Offline`, the [emulated API](../emulator.md), when this page was built.

??? note "How the recordings are shortened"

{indent(RULE, "    ")}
"""
"""What a page with sections says about them."""


class Section(NamedTuple):
    """The section of an example: its anchor, its text, and the names of the operations that it shows."""

    anchor: str
    text: str
    operations: tuple[str, ...]


@cache
def build_sections() -> Mapping[str, tuple[Section, ...]]:
    """Run all examples, and write their sections, by the names of the builders."""
    sections: dict[str, tuple[Section, ...]] = {}
    for example in EXAMPLES:
        sections[example.builder] = (*sections.get(example.builder, ()), build_section(example))
    return sections


def find_section(operation: str) -> tuple[str, Section] | None:
    """Find the builder and the section that shows an operation, or else that of the builder with its name."""
    sections = build_sections()
    shown = [(name, each) for name, found in sections.items() for each in found if operation in each.operations]
    named = [(name, found[0]) for name, found in sections.items() if f"{operation}.".startswith(f"{name}.")]
    best = sorted(shown, key=lambda found: not operation.startswith(found[0])) or named
    return best[0] if best else None


def build_section(example: Example) -> Section:
    """Run an example, and write its section."""
    runs = run_example(example)
    steps = [each.success for each in runs if isinstance(each.success, Step)]
    operations = list(dict.fromkeys(kind for step in steps for kind in step.operations))
    messages = [kind for step in steps for kind in step.message_types]
    anchor = "-".join(("wire", example.builder, *example.case.split()))
    title = f"`{example.builder}` on the wire" + (f": {example.case}" if example.case else "")
    head = f"### {title} {{ #{anchor} }}\n\n{_write_links(operations, messages)}\n"
    text = "\n".join((head, *_write_runs(runs), *_write_failures(runs)))
    return Section(anchor, text, tuple(each.op for each in operations))


def _write_links(operations: list[type[Any]], messages: Iterable[type[Any]]) -> str:
    resources = [(kind, write_operations.get_resource(kind)) for kind in operations]
    found = [f"[`{getattr(kind, 'op', '')}`](../operations.md#{resource})" for kind, resource in resources]
    names = [name for kind in operations for name in write_operations.list_types(kind)]
    names += [kind.__name__ for kind in messages if hasattr(schema, kind.__name__)]
    types = [f"[`{name}`](../types.md#{name.lower()})" for name in dict.fromkeys(names)]
    lines = [f"{'Operation' if len(found) == 1 else 'Operations'}: {', '.join(found)}."]
    return " ".join((*lines, *([f"Types: {', '.join(types)}."] if types else [])))


def _write_runs(runs: tuple[ExampleRun, ...]) -> Iterator[str]:
    """Write the calls that succeed: in tabs where both backends have them."""
    successes = [(each.backend.title, each.success) for each in runs if isinstance(each.success, Step)]
    for title, step in successes:
        text = _write_step(step)
        tab = f'=== "{title.removeprefix("the ")}"\n\n{indent(text, " " * 4)}'
        yield tab if len(successes) > 1 else f"On {title}:\n\n{text}"
    for each in runs:
        if isinstance(each.success, Unsupported):
            reason = f": {each.success.reason}" if each.success.reason else ""
            yield f"Not on {each.backend.title}{reason}. The result there is `Failure(Unsupported)`.\n"


def _write_failures(runs: tuple[ExampleRun, ...]) -> Iterator[str]:
    for each in runs:
        if each.failure is not None:
            error = each.failure.result.failure()
            name = type(error).__name__
            link = f"[`{name}`](errors.md#genai_fn.errors.{name})"
            yield f"**A failure**, {link}, {_describe_place(runs, each)}:\n\n{_write_step(each.failure)}"
            yield f"The result is `` {each.failure.result} ``.\n"


def _describe_place(runs: tuple[ExampleRun, ...], run: ExampleRun) -> str:
    count = sum(isinstance(each.success, Step) for each in runs)
    return f"on {run.backend.title}" if count > 1 else "after the same lines"


def _write_step(step: Step) -> str:
    blocks = [f"```python\n{step.code}\n```\n"]
    for text in format_records(step.records):
        language = "text" if text.startswith(("→", "←")) else "http"
        blocks.append(f"```{language}\n{text}\n```\n")
    return "\n".join(blocks)
