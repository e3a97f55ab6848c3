"""Progress bars: on a terminal only, and on standard error."""

from pathlib import Path

import pytest

from genai_fn.cli import run_command_line
from genai_fn.testing.server.asgi import Emulator

Capture = pytest.CaptureFixture[str]


@pytest.fixture(params=[True, False], ids=["terminal", "pipe"])
def is_terminal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether rich takes standard error for a terminal."""
    if request.param:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLUMNS", "100")
    return bool(request.param)


def test_uploads(emulator: Emulator, capsys: Capture, tmp_path: Path, is_terminal: bool) -> None:
    """An upload shows its file and its size."""
    path = tmp_path / "notes.txt"
    path.write_bytes(b"a" * 100_000)
    assert run_command_line(["files", "upload", str(path)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("files/")
    assert ("notes.txt" in err, "100.0/100.0 kB" in err) == (is_terminal, is_terminal)


def test_odd_name(emulator: Emulator, capsys: Capture, tmp_path: Path, is_terminal: bool) -> None:
    """A name with brackets or control characters is shown as it is, without the latter."""
    path = tmp_path / "[red]a\x1b.txt"
    path.write_bytes(b"a" * 100_000)
    assert run_command_line(["files", "upload", str(path)]) == 0
    assert ("[red]a.txt" in capsys.readouterr().err) == is_terminal
    assert run_command_line(["files", "download", "[/a]", "-o", str(tmp_path / "a.bin")]) == 1
    assert ("downloading [/a]" in capsys.readouterr().err) == is_terminal


def test_embedding(emulator: Emulator, capsys: Capture, tmp_path: Path, is_terminal: bool) -> None:
    """An embedding job shows how many texts have vectors."""
    path = tmp_path / "texts.jsonl"
    path.write_text('{"text": "one"}\n{"text": "two"}\n')
    assert run_command_line(["embed", str(path), str(tmp_path / "vectors"), "--dimensions", "8"]) == 0
    out, err = capsys.readouterr()
    assert "embedded    2" in out
    assert ("texts/s" in err, "2/" in err) == (is_terminal, is_terminal)


def test_status(emulator: Emulator, capsys: Capture, tmp_path: Path, is_terminal: bool) -> None:
    """Work of unknown length shows that it goes on."""
    assert run_command_line(["images", "a cat", "-o", str(tmp_path / "cat.png")]) == 0
    assert ("generating" in capsys.readouterr().err) is is_terminal
