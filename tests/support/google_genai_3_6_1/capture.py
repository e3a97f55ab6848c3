"""Rewrites the files of google-genai 3.6.1. Runs in its environment: ``python capture.py``."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from calls import capture_calls
from catalogue import build_catalogue
from declarations import declare_functions
from exchange import capture_addresses
from replies import capture_replies

CASES = Path(__file__).parents[2] / "cases" / "google_genai_3_6_1"


def write_lines(name: str, values: dict[str, Any]) -> None:
    """Write a JSON object, with each member of its members on a line."""
    groups = (
        f"{json.dumps(group)}:{{\n"
        + ",\n".join(f"{json.dumps(key)}:{json.dumps(each, separators=(',', ':'))}" for key, each in members.items())
        + "\n}"
        for group, members in values.items()
    )
    (CASES / name).write_text("{" + ",\n".join(groups) + "}\n", encoding="utf-8")


def rewrite_lines(name: str, capture: Callable[[Path], Iterator[str]]) -> None:
    """Capture the outcome of each line of a file again."""
    lines = list(capture(CASES / name))
    (CASES / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    write_lines("catalogue.json", build_catalogue())
    write_lines("declarations.json", declare_functions())
    write_lines("addresses.json", {"addresses": capture_addresses()})
    rewrite_lines("calls.jsonl", capture_calls)
    rewrite_lines("replies.jsonl", capture_replies)
