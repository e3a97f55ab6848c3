"""The fake model is independent of the server code."""

import ast
from pathlib import Path

import pytest

from genai_fn.emulator import fake_model

MODULES = sorted(Path(str(fake_model.__file__)).parent.glob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.stem))
def test_imports_no_server_code(path: Path) -> None:
    """Its modules import only the schema, values, and each other."""
    nodes = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom))
    own_imports = [str(node.module) for node in nodes if str(node.module).startswith("genai_fn.")]
    allowed_prefixes = ("genai_fn.emulator.fake_model.", "genai_fn.schema", "genai_fn.values")
    assert [each for each in own_imports if not each.startswith(allowed_prefixes)] == []
