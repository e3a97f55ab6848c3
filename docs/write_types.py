# noqa: INP001  # a script beside what it writes
"""
Writes ``docs/types.md``, the reference of all types, from their source: ``python docs/write_types.py``.

Nothing is imported: what stands below a field in the source is its line here.
"""

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

__all__ = ["PAGE", "reference"]

PAGE = Path(__file__).with_name("types.md")
_SOURCES = Path(__file__).parent.parent / "genai_fn" / "schema"
_HEAD = """\
# Types

Every type of the API, under Google's name, as it is in `genai_fn.schema`. All are frozen and made by keyword; a field
that is not set is None, or `()` where it only comes back, and is not sent. Wherever one is taken, a dict of its fields
will do, in snake_case or camelCase. Enums are open: a value that is not listed here is kept as it comes.

Written by `python docs/write_types.py`.
"""


def reference() -> str:
    """Write the whole page."""
    public = _public()
    return _HEAD + "".join(section for path in sorted(_SOURCES.glob("*.py")) for section in _module(path, public))


def _public() -> set[str]:
    for node in ast.parse((_SOURCES / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and _text(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    raise AssertionError("genai_fn.schema has no __all__")


def _module(path: Path, public: set[str]) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    listed = [each for each in tree.body if isinstance(each, ast.ClassDef | ast.FunctionDef) and each.name in public]
    if listed:
        yield f"\n## {path.stem.removeprefix('_')}\n\n{_first(tree)}\n"
    for each in listed:
        yield f"\n### {each.name}\n\n{_first(each)}\n"
        lines = _lines(each) if isinstance(each, ast.ClassDef) else []
        if lines:
            yield "\n" + "".join(f"- {line}\n" for line in lines)


def _lines(kind: ast.ClassDef) -> list[str]:
    inherited = [f"all of `{_text(each)}`" for each in kind.bases if _text(each) not in _ROOTS]
    return [*inherited, *_fields(kind), *_members(kind)]


_ROOTS = {"Message", "OpenEnum", "SecretMessage", "Struct", "str", "Enum", "Generic[T_co]"}


def _first(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> str:
    return _marked((ast.get_docstring(node) or "").partition("\n\n")[0])


def _fields(kind: ast.ClassDef) -> Iterator[str]:
    for node, beside in pairwise([*kind.body, None]):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and "ClassVar" not in _text(node):
            annotation, only = _annotation(node.annotation)
            yield f"`{node.target.id}: {annotation}`{only}{_about(beside)}"
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _is_constant(node.value):
            yield f"`{_text(node.value)}`{_about(beside)}"


def _members(kind: ast.ClassDef) -> Iterator[str]:
    for node in kind.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            marks = {_text(each) for each in node.decorator_list}
            called = "" if "property" in marks else f"({', '.join(_parameters(node))})"
            yield f"`.{node.name}{called}` — {_first(node)}"


def _parameters(function: ast.FunctionDef) -> Iterator[str]:
    positional = function.args.args[1:]
    defaults = [None] * (len(positional) - len(function.args.defaults)) + list(function.args.defaults)
    for each, default in zip(positional, defaults, strict=True):
        yield each.arg if default is None else f"{each.arg}={_text(default)}"
    for each, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        yield f"{each.arg}={'…' if default is None else _text(default)}"


def _annotation(node: ast.expr) -> tuple[str, str]:
    """Tell the type of a field, and the backend that alone takes it."""
    if isinstance(node, ast.Constant):
        node = ast.parse(str(node.value), mode="eval").body
    if isinstance(node, ast.Subscript) and _text(node.value) in _ONLY:
        return _annotation(node.slice)[0], f" ({_ONLY[_text(node.value)]})"
    return _text(node).removesuffix(" | None"), ""


_ONLY = {"GeminiOnly": "Gemini only", "VertexOnly": "Vertex only"}


def _about(beside: ast.stmt | None) -> str:
    said = beside.value if isinstance(beside, ast.Expr) else None
    return f" — {_marked(str(said.value))}" if isinstance(said, ast.Constant) else ""


def _marked(said: str) -> str:
    return " ".join(said.split()).replace("``", "`")


def _is_constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant)


def _text(node: ast.AST) -> str:
    return ast.unparse(node)


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
