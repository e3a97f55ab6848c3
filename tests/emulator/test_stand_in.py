"""What stands in for the models, as a part of its own."""

import ast
from pathlib import Path

import pytest

from genai_fn.emulator import stand_in

MODULES = sorted(Path(str(stand_in.__file__)).parent.glob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.stem))
def test_knows_no_server(path: Path) -> None:
    """It makes words, values and pictures of what was said, and knows neither requests nor state."""
    nodes = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom))
    own = [str(node.module) for node in nodes if str(node.module).startswith("genai_fn.")]
    assert [each for each in own if not each.startswith(("genai_fn.emulator.stand_in.", "genai_fn.schema"))] == []
