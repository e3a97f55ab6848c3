"""Writes ``docs/operations.md``, the list of all operations, from their source: ``python docs/write_operations.py``."""

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from msgspec import Struct

from genai_fn.request import Refusal
from genai_fn.schema.base import BackendOnly

__all__ = ["PAGE", "listed"]

PAGE = Path(__file__).with_name("operations.md")
_SOURCES = Path(__file__).parent.parent / "genai_fn" / "ops"
_VERBS = ("GET", "POST", "PATCH", "DELETE")
_HEAD = """\
# Operations

Every call of the API that there is: what is sent to each backend, or why nothing is; and which fields it takes that a
backend does not: these are refused by their paths.

`{model}` and names are what the backend calls them, as `generate`, `get` and the like take them. On Vertex AI a path
lies within `projects/{project}/locations/{location}/`.

Written by `python docs/write_operations.py`.

"""
_TABLE = "| operation | does | on the Gemini Developer API | on Vertex AI |\n|---|---|---|---|\n"
_REFUSED = "\n## What is refused\n\n| operation | on the Gemini Developer API | on Vertex AI |\n|---|---|---|\n"


def listed() -> str:
    """Write the whole page."""
    operations = [each for path in sorted(_SOURCES.rglob("*.py")) for each in _operations(path)]
    rows = "".join(_row(*each) for each in operations)
    return _HEAD + _TABLE + rows + _REFUSED + "".join(_refused_row(kind) for kind, _ in operations)


def _operations(path: Path) -> Iterator[tuple[Any, ast.ClassDef]]:
    place = path.relative_to(_SOURCES).with_suffix("").parts
    module = import_module(".".join(("genai_fn.ops", *place)).removesuffix(".__init__"))
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        kind = getattr(module, node.name, None) if isinstance(node, ast.ClassDef) else None
        if isinstance(node, ast.ClassDef) and isinstance(getattr(kind, "op", None), str):
            yield kind, node


def _row(kind: Any, node: ast.ClassDef) -> str:
    told = " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
    return f"| `{kind.op}` | {told} | {_on(node, 'gemini')} | {_on(node, 'vertex')} |\n"


def _on(node: ast.ClassDef, backend: str) -> str:
    """Say verb and path, or why there are none."""
    method = next(each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == backend)
    said = [
        told for each in ast.walk(method) if isinstance(each, ast.Return) and (told := _returned(each.value, method))
    ]
    return " or ".join(dict.fromkeys(said))


def _returned(value: ast.expr | None, method: ast.FunctionDef) -> str:
    match value:
        case ast.Call(func=ast.Name(id="Refusal"), args=[ast.Constant(value=why)]):
            return f"no: {why}"
        case ast.Call(func=ast.Name(id=verb), args=[path, *_]) if verb in _VERBS:
            paths = _branches(path, method)
            return " or ".join(f"`{verb} {each}{_query(value)}`" for each in paths)
        case ast.Call(func=ast.Name(id="Handshake"), args=[path, *_]):
            return " or ".join(f"`{each}`" for each in _branches(path, method) if each)
        case _:
            return ""


def _query(call: ast.Call) -> str:
    for keyword in call.keywords:
        if keyword.arg == "query" and isinstance(keyword.value, ast.Tuple):
            pairs = [each for each in keyword.value.elts if isinstance(each, ast.Tuple)]
            return "".join(f"?{'='.join(str(ast.literal_eval(word)) for word in pair.elts)}" for pair in pairs)
    return ""


def _branches(path: ast.expr, method: ast.FunctionDef) -> list[str]:
    path = _assigned(path, method)
    if isinstance(path, ast.IfExp):
        return [*_branches(path.body, method), *_branches(path.orelse, method)]
    return [_written(path, method).removeprefix("projects/{project}/locations/{location}/")]


def _assigned(value: ast.expr, method: ast.FunctionDef) -> ast.expr:
    """Look up what a name of the method's own stands for."""
    for each in ast.walk(method):
        if isinstance(each, ast.Assign) and isinstance(value, ast.Name):
            [target] = each.targets
            if isinstance(target, ast.Name) and target.id == value.id:
                return each.value
    return value


def _written(path: ast.expr, method: ast.FunctionDef) -> str:
    """Write a path as the source has it, what is put into it as ``{name}``."""
    match _assigned(path, method):
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_written(each, method) for each in parts)
        case ast.FormattedValue(value=inner):
            return _written(inner, method)
        case ast.Call(func=ast.Name(id="complete_resource_name"), args=[collection, name]):
            return f"{_written(collection, method)}/{_written(name, method)}"
        case ast.Call(args=[*_, last]):
            return _written(last, method)
        case ast.Attribute(attr=name):
            return f"{{{name}}}"
        case other:
            return f"{{{ast.unparse(other)}}}"


def _refused_row(kind: Any) -> str:
    cells = [", ".join(f"`{each}`" for each in _refused(kind, backend)) for backend in ("gemini", "vertex")]
    return f"| `{kind.op}` | {cells[0]} | {cells[1]} |\n" if any(cells) else ""


def _refused(kind: Any, backend: str) -> list[str]:
    """Name the marked fields in reach of an operation, its config's own first; deeper ones by their type."""
    if getattr(kind, backend).__annotations__["return"] is Refusal:
        return []
    found = list(dict.fromkeys(_marked(kind, backend, "", set())))
    return sorted(found, key=lambda name: not name.startswith("config."))


def _marked(kind: Any, backend: str, path: str, above: set[Any]) -> Iterator[str]:
    hints = get_type_hints(kind, include_extras=True)
    for name in kind.__struct_fields__:
        marks = [mark for mark in get_args(hints[name])[1:] if isinstance(mark, BackendOnly)]
        if get_origin(hints[name]) is Annotated and any(mark.backend != backend for mark in marks):
            yield f"{path}{name}"
            continue
        for each in _structs(hints[name]):
            if each not in above:
                above.add(each)
                yield from _marked(
                    each, backend, "config." if not path and name == "config" else f"{each.__name__}.", above
                )


def _structs(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        yield annotation
    for each in get_args(annotation):
        yield from _structs(each)


if __name__ == "__main__":
    PAGE.write_text(listed(), encoding="utf-8")
