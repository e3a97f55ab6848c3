"""What google-genai 3.6.1 did, from the committed files."""

import json
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["CASES", "read_catalogue", "read_json"]

CASES = Path(__file__).parents[2] / "cases" / "google_genai_3_6_1"


@cache
def read_json(name: str) -> Any:
    """Read a committed file."""
    return json.loads((CASES / name).read_text(encoding="utf-8"))


def read_catalogue() -> Any:
    """Return its types, with their fields' JSON names and kinds, the types of requests, and its enums."""
    return read_json("catalogue.json")
