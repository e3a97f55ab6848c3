"""Docstrings of attributes, which only their source contains: the text after an assignment."""

import ast
from importlib import import_module
from itertools import pairwise
from pathlib import Path

__all__ = ["find_attribute_docstring"]


def find_attribute_docstring(module: str, name: str) -> str:
    """Return the docstring of a module's attribute, which the module may import; an empty text if it has none."""
    tree = ast.parse(Path(str(import_module(module).__file__)).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any((each.asname or each.name) == name for each in node.names):
            return find_attribute_docstring(str(node.module), name)
    for node, following in pairwise(tree.body):
        match node, following:
            case (
                ast.Assign(targets=[ast.Name(id=target)]) | ast.AnnAssign(target=ast.Name(id=target)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ) if target == name:
                return text
            case _:
                pass
    return ""
