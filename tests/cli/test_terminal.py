"""What is printed to a terminal: no control characters, no keys."""

import pytest

from genai_fn.cli.terminal import print_message, strip_control_characters

Capture = pytest.CaptureFixture[str]


def test_printable_characters() -> None:
    """A terminal gets letters of any script, tabs and newlines; other control characters are removed."""
    text = "ä漢\t\n🙂\u2028"
    assert strip_control_characters(text + "\x07\r\x9b") == text


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("a", "a key a, and banana-key-0123"),
        ("banana", "a key a, and banana-key-0123"),
        ("banana-key-0123", "a key a, and ***"),
    ],
)
def test_keys(monkeypatch: pytest.MonkeyPatch, capsys: Capture, key: str, shown: str) -> None:
    """A key of the environment is masked in a message, but a short one is not masked inside words."""
    monkeypatch.setenv("GEMINI_API_KEY", key)
    print_message("error", "a key a, and banana-key-0123")
    assert capsys.readouterr().err == f"error: {shown}\n"


def test_one_line(capsys: Capture) -> None:
    """A message is one line."""
    print_message("note", "one\ntwo \x1b[2J")
    assert capsys.readouterr().err == "note: one two [2J\n"


@pytest.mark.parametrize(
    ("variables", "has_colors"), [({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)]
)
def test_colors(monkeypatch: pytest.MonkeyPatch, capsys: Capture, variables: dict[str, str], has_colors: bool) -> None:
    """NO_COLOR turns colors off."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    print_message("error", "wrong")
    assert ("\x1b[1;31m" in capsys.readouterr().err) is has_colors
