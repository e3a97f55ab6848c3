"""What the source files of the project contain. Each file is parsed once in a process, for all rules."""

import ast
import functools
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Function", "SourceFile", "list_nodes", "parse_file", "read_source_file"]


class Function(NamedTuple):
    """A function, method or inner function."""

    name: str
    line_count: int
    has_docstring: bool
    is_property: bool


class SourceFile(NamedTuple):
    """What rules ask of any file; the syntax tree is not kept, as those of all files take much memory."""

    line_count: int
    functions: tuple[Function, ...]
    attributes: frozenset[tuple[str, str]]
    """The attributes that are read from a plain name: the name, and the attribute."""

    imports: tuple[str, ...]
    """The full names that the file imports, also in functions."""

    loaded_imports: tuple[str, ...]
    """The same without those that are for type checkers only."""


@functools.cache
def read_source_file(path: Path) -> SourceFile:
    """Return what a file contains."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text, str(path))
    functions, attributes = [], set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            is_property = any("property" in ast.unparse(each) for each in node.decorator_list)
            lines = (node.end_lineno or 0) - node.lineno
            functions.append(Function(node.name, lines, bool(ast.get_docstring(node)), is_property))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            attributes.add((node.value.id, node.attr))
    imports, loaded = (tuple(_list_imports(tree, path, each)) for each in (True, False))
    return SourceFile(len(text.splitlines()), tuple(functions), frozenset(attributes), imports, loaded)


@functools.cache
def parse_file(path: Path) -> ast.Module:
    """Return the syntax tree of a module of the package, which is kept."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    gc.freeze()  # later collections would visit the nodes of all trees, and take seven times as long
    return tree


@functools.cache
def list_nodes(path: Path) -> tuple[ast.AST, ...]:
    """Return all nodes of the syntax tree of a module of the package, which are kept."""
    return tuple(ast.walk(parse_file(path)))


def _list_imports(tree: ast.Module, path: Path, for_type_checkers: bool) -> Iterator[str]:
    for node in _iterate_statements(tree, for_type_checkers):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield from (f"{node.module}.{each.name}" for each in node.names)


def _iterate_statements(tree: ast.Module, for_type_checkers: bool) -> Iterator[ast.AST]:
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        yield node
        is_type_checking = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        children = node.orelse if is_type_checking and not for_type_checkers else ast.iter_child_nodes(node)
        pending += (each for each in children if isinstance(each, _WITH_STATEMENTS))


_WITH_STATEMENTS = (ast.stmt, ast.excepthandler, ast.match_case)
