"""Runs an example against the emulated API on a backend, and records what goes over the wire in its calls."""

import ast
from importlib import import_module
from typing import Any, NamedTuple

from returns.primitives.exceptions import UnwrapFailedError

from docs.site_pages.wire.examples import Example, Lines
from docs.site_pages.wire.recording import Record, Recording
from genai_fn import Gemini, Offline, Result, Unsupported, Vertex
from genai_fn.errors import GenaiError

__all__ = ["BACKENDS", "ExampleRun", "Step", "run_example"]

BACKENDS: tuple[Gemini | Vertex, ...] = (Gemini("offline"), Vertex("my-project", "us-central1"))
"""The backends of the examples."""


class Step(NamedTuple):
    """
    Lines of an example that ran.

    Args:
        code: The lines, as a reader can paste them.

        result: The result of the call.

        records: What went over the wire in the call.

        operations: The operations that caused it.

        message_types: The types of the messages that the client has sent in a session.
    """

    code: str
    result: Result[Any, GenaiError]
    records: tuple[Record, ...]
    operations: tuple[type[Any], ...]
    message_types: tuple[type[Any], ...]


class ExampleRun(NamedTuple):
    """
    An example on one backend.

    Args:
        backend: The backend.

        success: The call that succeeds, or why the backend does not have it.

        failure: The call that fails; None but on the first backend that has the call.
    """

    backend: Gemini | Vertex
    success: Step | Unsupported
    failure: Step | None


def run_example(example: Example) -> tuple[ExampleRun, ...]:
    """Run an example on each backend. Raises what its lines raise."""
    runs: list[ExampleRun] = []
    for backend in BACKENDS:
        has_failure = any(each.failure is not None for each in runs)
        runs.append(_run_on(example, backend, with_failure=not has_failure))
    return tuple(runs)


def _run_on(example: Example, backend: Gemini | Vertex, *, with_failure: bool) -> ExampleRun:
    on_vertex = isinstance(backend, Vertex)
    lines = example.write_lines(on_vertex=on_vertex)
    lab = _Lab(backend)
    try:
        success = lab.run_lines(lines, _write_head(lines, backend))
        success.result.alt(_raise_unsupported)
    except Unsupported as refusal:
        return ExampleRun(backend, refusal, None)
    failing = example.write_failing_lines(on_vertex=on_vertex)
    new = failing._replace(setup="") if failing.setup == lines.setup else failing
    imports = _write_imports(_find_names(new) - _find_names(lines))
    head = f"{imports}\n" if imports else ""
    return ExampleRun(backend, success, lab.run_lines(new, head) if with_failure else None)


def _raise_unsupported(error: GenaiError) -> None:
    if isinstance(error, Unsupported):
        raise error


def _write_head(lines: Lines, backend: Gemini | Vertex) -> str:
    names = _find_names(lines) | {"Offline"}
    if isinstance(backend, Gemini):
        return f"{_write_imports(names)}\n\nrun = Offline()"
    arguments = f'"{backend.project}", "{backend.location}"'
    return f"{_write_imports(names | {'Vertex'})}\n\nrun = Offline(Vertex({arguments}))"


def _write_imports(names: set[str]) -> str:
    """Write the imports of what the lines use, classes first."""
    lines = ["import anyio"] if "anyio" in names else []
    missing = names - {"run"}  # which the lines assign
    for module in ("genai_fn", "genai_fn.schema"):
        found = missing.intersection(import_module(module).__all__)
        missing -= found
        if found:
            lines.append(f"from {module} import {', '.join(sorted(found, key=lambda name: (name.islower(), name)))}")
    return "\n".join(lines)


def _find_names(lines: Lines) -> set[str]:
    tree = ast.parse(f"{lines.setup}\n{lines.call}")
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


class _Lab:
    """Runs lines in one namespace, with an interpreter that records."""

    def __init__(self, backend: Gemini | Vertex) -> None:
        self._recording = Recording(backend)
        self._run = Offline(backend).with_middleware(self._recording.build_middleware())
        self._namespace: dict[str, Any] = {}

    def run_lines(self, lines: Lines, head: str) -> Step:
        """Run lines, and return what went over the wire in their call."""
        self._execute(head)
        self._namespace["run"] = self._run
        try:
            self._execute(lines.setup)
        except UnwrapFailedError as error:
            failed: Any = error.halted_container  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # of any container
            _raise_unsupported(failed.failure())
            raise
        self._recording.clear()
        self._execute(lines.call)
        return Step(
            code="\n".join(part for part in (head, lines.setup, lines.call) if part),
            result=self._namespace["result"],
            records=tuple(self._recording.records),
            operations=tuple(self._recording.operations),
            message_types=tuple(self._recording.message_types),
        )

    def _execute(self, code: str) -> None:
        exec(code, self._namespace)  # noqa: S102  # lines of the tables of this package
