"""Lists on a terminal and in a pipe, and values as JSON."""

import io
import re
import sys

import pytest

from genai_fn import Offline, models
from genai_fn.cli.tables import print_list, print_value

COLUMNS = {"NAME": "name", "INPUT": "input_token_limit", "TITLE": "display_name"}


class Terminal(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


def open_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("TERM", "xterm-256color")
    return out


@pytest.mark.parametrize("columns", ["40", "120"])
def test_table(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    """A terminal gets a table that fits; on a wide one, names stay in one piece, so that they can be copied."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = open_terminal(monkeypatch)
    print_list(Offline(), models.list(), COLUMNS, as_json=False)
    lines = re.sub("\x1b\\[[0-9;]*m", "", terminal.getvalue()).splitlines()
    assert max(map(len, lines)) <= int(columns)
    assert sum(line.startswith("models/") for line in lines) == 14
    assert any("models/gemini-live-2.5-flash-preview " in line for line in lines) is (columns == "120")


def test_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal shows that a list is empty."""
    terminal = open_terminal(monkeypatch)
    print_list(Offline(), models.list({"query_base": False}), COLUMNS, as_json=False)
    assert "none" in terminal.getvalue()


@pytest.mark.parametrize("character", ["\x7f", "\x9b"])
def test_json_without_control_characters(monkeypatch: pytest.MonkeyPatch, character: str) -> None:
    """A terminal does not get control characters that JSON need not escape."""
    terminal = open_terminal(monkeypatch)
    print_value({"a": f"b{character}c"})
    assert "bc" in terminal.getvalue()


@pytest.mark.parametrize("has_colors", [True, False])
def test_json(monkeypatch: pytest.MonkeyPatch, has_colors: bool) -> None:
    """JSON has colors on a terminal, unless ``NO_COLOR`` is set."""
    if not has_colors:
        monkeypatch.setenv("NO_COLOR", "1")
    terminal = open_terminal(monkeypatch)
    print_value({"a": "b"})
    assert ("\x1b[32m" in terminal.getvalue()) is has_colors
