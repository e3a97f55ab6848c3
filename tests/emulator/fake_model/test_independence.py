"""What stands in for the models, as a part of its own."""

import ast
from pathlib import Path

import pytest

from genai_fn.emulator import fake_model

MODULES = sorted(Path(str(fake_model.__file__)).parent.glob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.stem))
def test_knows_no_server(path: Path) -> None:
    """It makes words, values and pictures of what was said, and knows neither requests nor state."""
    nodes = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom))
    own = [str(node.module) for node in nodes if str(node.module).startswith("genai_fn.")]
    allowed = ("genai_fn.emulator.fake_model.", "genai_fn.schema", "genai_fn.values")
    assert [each for each in own if not each.startswith(allowed)] == []
