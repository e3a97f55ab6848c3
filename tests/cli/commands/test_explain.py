"""``genai-fn explain``: the request as a curl command."""

import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest

from genai_fn.cli import run_command_line
from tests.support.command_lines import KEY, run_failing_command
from tests.support.loopback import build_sse_reply

Capture = pytest.CaptureFixture[str]


def read_command(text: str) -> tuple[str, dict[str, Any]]:
    """Return the URL and the body of a curl command."""
    words = shlex.split(text.replace("\\\n", " "))
    (url,) = (each for each in words if each.startswith(("https://", "http://")))
    return url, msgspec.json.decode(words[words.index("--data-binary") + 1])


def test_sent(server: Any, capsys: Capture, tmp_path: Path) -> None:
    """It prints what ``generate`` sends, with the key masked, and sends nothing."""
    path = tmp_path / "a.txt"
    path.write_text("it's")
    options = ["What's this?", "-s", "Be terse.", "-t", "0.5", "-f", str(path), "--schema", '{"type": "object"}']
    reply = {"candidates": [{"content": {"parts": [{"text": "{}"}]}}]}
    with server(build_sse_reply([reply])) as loopback:
        assert run_command_line(["explain", *options]) == 0
        text = capsys.readouterr().out
        assert loopback.requests == ()
        assert run_command_line(["generate", *options]) == 0
    (request,) = loopback.requests
    assert read_command(text) == (f"{loopback.url}{request.target}", msgspec.json.decode(request.body))
    assert (KEY in text, "'x-goog-api-key: ***'" in text) == (False, True)


def test_no_key(capsys: Capture) -> None:
    """It needs no key."""
    assert run_command_line(["explain", "hi", "--no-stream"]) == 0
    out, err = capsys.readouterr()
    url, _ = read_command(out)
    assert url == "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
    assert err == ""


def test_vertex(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """For Vertex AI it needs the project, which is part of the URL."""
    assert "GOOGLE_CLOUD_PROJECT" in run_failing_command(capsys, ["explain", "hi", "--vertex"], 1)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")
    assert run_command_line(["explain", "hi", "--vertex"]) == 0
    out = capsys.readouterr().out
    assert "/projects/my-project/locations/global/" in read_command(out)[0]
    assert "'authorization: ***'" in out
