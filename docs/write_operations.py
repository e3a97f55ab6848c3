"""Writes ``docs/operations.md``, the list of all operations, from their source: ``python docs/write_operations.py``."""

import ast
from collections.abc import Iterator
from pathlib import Path

__all__ = ["PAGE", "listed"]

PAGE = Path(__file__).with_name("operations.md")
_SOURCES = Path(__file__).parent.parent / "genai_fn" / "ops"
_HEAD = """\
# Operations

Every call of the API that there is, and what a backend that lacks it says in its place.

Written by `python docs/write_operations.py`.

| operation | does | on the Gemini Developer API | on Vertex AI |
|---|---|---|---|
"""


def listed() -> str:
    """Write the whole page."""
    return _HEAD + "".join(row for path in sorted(_SOURCES.glob("[a-z]*.py")) for row in _rows(path))


def _rows(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and (op := _op(node)):
            told = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
            yield f"| `{op}` | {told} | {_on(node, 'gemini')} | {_on(node, 'vertex')} |\n"


def _op(node: ast.ClassDef) -> str:
    for each in node.body:
        if (
            isinstance(each, ast.AnnAssign)
            and ast.unparse(each.target) == "op"
            and isinstance(each.value, ast.Constant)
        ):
            return str(each.value.value)
    return ""


def _on(node: ast.ClassDef, backend: str) -> str:
    """Say yes, or why not."""
    method = next((each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == backend), node)
    for each in ast.walk(method):
        match each:
            case ast.Return(value=ast.Call(func=ast.Name(id="Refusal"), args=[ast.Constant(value=why)])):
                return f"no: {why}"
            case _:
                pass
    return "yes"


if __name__ == "__main__":
    PAGE.write_text(listed(), encoding="utf-8")
