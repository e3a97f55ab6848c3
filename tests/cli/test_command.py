"""What the command prints where, and how it ends."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

import genai_fn
from genai_fn import Gemini, Vertex
from genai_fn.cli import run_command_line, terminal
from genai_fn.cli.backends import find_backend
from genai_fn.errors import AuthError, InvalidRequest
from genai_fn.wire import VERSION
from tests.support.loopback import Close, Loopback, Received, Send, chunk, event, head, json_reply, sse_reply

Captured = pytest.CaptureFixture[str]
KEY = "test-key"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in os.environ:
        if name.startswith(("GOOGLE_", "GEMINI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    yield


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Send the command to a loopback server, with a key."""

    def serve(script: Any) -> Loopback:
        loopback = Loopback(script)
        monkeypatch.setenv("GEMINI_API_KEY", KEY)
        monkeypatch.setattr(
            "genai_fn.cli.app.find_backend",
            lambda environ: find_backend({**environ, "GOOGLE_GEMINI_BASE_URL": loopback.url}),
        )
        return loopback

    return serve


def said(text: str, **beside: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, **beside}]}


def body(request: Received) -> Any:
    return msgspec.json.decode(request.body)


class TestNoCredentials:
    @pytest.mark.parametrize("options", [[], ["--vertex"]])
    def test_refused(self, capsys: Captured, options: list[str]) -> None:
        """With no key and no project the command fails, names what it looked for, and prints no answer."""
        assert run_command_line(["generate", "Why?", *options]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: no API key and no project")
        assert err.count("\n") == 1
        wanted = ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION", "--offline")
        assert [each for each in wanted if each not in err] == []

    def test_process(self) -> None:
        """So does the process, also where the variables are set and blank."""
        done = _run(["generate", "Why?"], GEMINI_API_KEY=" ")
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"GEMINI_API_KEY" in done.stderr

    def test_library(self) -> None:
        """Without a key the library's own `run` is a Failure, and no answer."""
        assert isinstance(genai_fn.run(genai_fn.generate("m", "Why?")).failure(), AuthError)


class TestOffline:
    def test_forced(self, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
        """``--offline`` asks nobody even with a key."""
        monkeypatch.setenv("GEMINI_API_KEY", KEY)
        assert run_command_line(["generate", "--offline", "Why?"]) == 0
        out, err = capsys.readouterr()
        assert "You asked: “Why?”" in out
        assert err == "offline: an embedded model answers.\n"

    def test_vertex(self, capsys: Captured) -> None:
        """There is an offline Vertex AI as well."""
        assert run_command_line(["generate", "Why?", "--vertex", "--offline"]) == 0
        assert "in place of gemini-2.5-flash" in capsys.readouterr().out

    def test_options(self, capsys: Captured, tmp_path: Path) -> None:
        """Model, instructions and files reach whoever answers."""
        image, paper = tmp_path / "a.png", tmp_path / "b.pdf"
        image.write_bytes(b"\x89PNG")
        paper.write_bytes(b"%PDF")
        files = ["--file", str(image), "--file", str(paper)]
        assert (
            run_command_line(["generate", "--offline", "Why?", "--model", "other", "--system", "Be terse.", *files])
            == 0
        )
        out = capsys.readouterr().out
        assert "in place of other" in out
        assert "My instructions are: “Be terse.”" in out
        assert "With it came 2 files: 1 application/pdf, 1 image/png." in out


class TestPrompt:
    def test_standard_input(self, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
        """``-`` reads the prompt from standard input, without its last line end."""
        _given(monkeypatch, "Warum grün?\n".encode())
        assert run_command_line(["generate", "--offline", "-"]) == 0
        assert "You asked: “Warum grün?”" in capsys.readouterr().out

    @pytest.mark.parametrize(("data", "why"), [(b"\xff\xfe", "not UTF-8"), (b" \n", "is empty")])
    def test_unfit_input(self, capsys: Captured, monkeypatch: pytest.MonkeyPatch, data: bytes, why: str) -> None:
        """What is no text, or nothing, is an error of usage."""
        _given(monkeypatch, data)
        assert why in _refused(capsys, ["generate", "-"])


class TestServer:
    def test_sent(self, server: Any, capsys: Captured, tmp_path: Path) -> None:
        """What was said on the command line is what goes out: files first, then the prompt."""
        image = tmp_path / "a.png"
        image.write_bytes(b"\x89PNG")
        options = ["--system", "Be terse.", "--temperature", "0.5", "--file", str(image)]
        with server(sse_reply([said("yes")])) as loopback:
            assert run_command_line(["generate", "Why?", *options]) == 0
        assert capsys.readouterr() == ("yes\n", "")
        (request,) = loopback.requests
        assert request.target == "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
        assert body(request) == {
            "contents": [
                {
                    "role": "user",
                    "parts": [{"inlineData": {"data": "iVBORw==", "mimeType": "image/png"}}, {"text": "Why?"}],
                }
            ],
            "systemInstruction": {"role": "user", "parts": [{"text": "Be terse."}]},
            "generationConfig": {"temperature": 0.5},
        }

    def test_pieces(self, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every piece is flushed as it comes, and what ends in a line end gets no second one."""
        out = _Flushed()
        monkeypatch.setattr(sys, "stdout", out)
        with server(sse_reply([said("one "), said("two"), said("\n")])):
            assert run_command_line(["generate", "Why?"]) == 0
        assert out.flushed == ["one ", "one two", "one two\n"]

    def test_fault(self, server: Any, capsys: Captured) -> None:
        """A fault of the server is one line, status 1, and no key, even where the server repeats it."""
        error = {"code": 400, "message": f"API key {KEY}\nis no good\x1b[2J", "status": "INVALID_ARGUMENT"}
        with server(json_reply({"error": error}, 400)):
            assert run_command_line(["generate", "Why?"]) == 1
        assert capsys.readouterr() == ("", "error: 400 INVALID_ARGUMENT: API key *** is no good[2J\n")

    def test_cut(self, server: Any, capsys: Captured) -> None:
        """What came before a fault stands on a line of its own."""
        started = Send(
            head(200, (("content-type", "text/event-stream"), ("transfer-encoding", "chunked")))
            + chunk(event(said("yes")))
        )
        with server((started, Close())):
            assert run_command_line(["generate", "Why?"]) == 1
        out, err = capsys.readouterr()
        assert out == "yes\n"
        assert err.startswith("error: ")
        assert err.count("\n") == 1

    def test_no_text(self, server: Any, capsys: Captured) -> None:
        """An answer without text says why there is none."""
        with server(sse_reply([{"candidates": [{"finishReason": "SAFETY"}]}])):
            assert run_command_line(["generate", "Why?"]) == 1
        assert capsys.readouterr() == ("", "error: no text: SAFETY\n")

    def test_steering(self, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """A terminal is not steered by what the model says; a pipe gets it to the letter."""
        shown = []
        for is_terminal in (True, False):
            out = _Flushed(is_terminal=is_terminal)
            monkeypatch.setattr(sys, "stdout", out)
            with server(sse_reply([said("\x1b[2Jyes\n")])):
                assert run_command_line(["generate", "Why?"]) == 0
            shown.append(out.getvalue())
        assert shown == ["[2Jyes\n", "\x1b[2Jyes\n"]

    def test_interrupted(self, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C ends quietly, with 130."""

        def interrupted(items: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("genai_fn.cli.app.print_items", interrupted)
        assert run_command_line(["generate", "Why?", "--offline"]) == 130
        assert capsys.readouterr() == ("", "offline: an embedded model answers.\n")


class TestRefused:
    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            ([], "Missing command"),
            (["degenerate"], "degenerate"),
            (["generate"], "prompt"),
            (["generate", ""], "the prompt is empty"),
            (["generate", "Why?", "--heat", "1"], "--heat"),
            (["generate", "Why?", "--temperature", "hot"], "--temperature"),
            (["generate", "Why?", "--temperature", "nan"], "config.temperature"),
            (["generate", "Why?", "--file", "/nowhere/a.png"], "/nowhere/a.png"),
            (["generate", "Why?", "--file", __file__ + "c"], "does not exist"),
            (["generate", "Why?", "--model", "a?b"], "model"),
        ],
    )
    def test_usage(self, capsys: Captured, arguments: list[str], why: str) -> None:
        """What cannot be asked is one line that says why, and status 2."""
        assert why in _refused(capsys, arguments)

    def test_unknown_kind(self, capsys: Captured, tmp_path: Path) -> None:
        """A file whose name does not tell what it is is refused."""
        path = tmp_path / "a.unknown"
        path.write_bytes(b"")
        assert "a.unknown" in _refused(capsys, ["generate", "Why?", "--file", str(path)])

    def test_address(self, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
        """So is an address of the environment that is none."""
        monkeypatch.setenv("GEMINI_API_KEY", KEY)
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "nowhere")
        assert "base_url" in _refused(capsys, ["generate", "Why?"])


class TestPlace:
    @pytest.mark.parametrize(
        "environ",
        [
            {},
            {"GEMINI_API_KEY": " "},
            {"GOOGLE_GENAI_USE_VERTEXAI": "1"},
            {"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_CLOUD_LOCATION": "us-central1"},
        ],
    )
    def test_nobody(self, environ: dict[str, str]) -> None:
        """With neither key nor project there is nobody to ask."""
        with pytest.raises(AuthError, match="GEMINI_API_KEY"):
            find_backend(environ)

    @pytest.mark.parametrize(
        "environ",
        [
            {"GEMINI_API_KEY": KEY},
            {"GOOGLE_API_KEY": KEY},
            {"GOOGLE_GENAI_USE_VERTEXAI": "1", "GOOGLE_API_KEY": KEY},
            {"GOOGLE_GENAI_USE_VERTEXAI": "1", "GOOGLE_CLOUD_PROJECT": "p"},
            {"GOOGLE_GENAI_USE_VERTEXAI": "1", "GOOGLE_APPLICATION_CREDENTIALS": "account.json"},
            {"GOOGLE_GENAI_USE_VERTEXAI": "1", "GOOGLE_VERTEX_BASE_URL": "http://127.0.0.1:1"},
        ],
    )
    def test_somebody(self, environ: dict[str, str]) -> None:
        """A key, a project, credentials or a gateway say whom to ask."""
        assert isinstance(find_backend(environ), Vertex if "GOOGLE_GENAI_USE_VERTEXAI" in environ else Gemini)

    def test_project_alone(self) -> None:
        """A project without ``--vertex`` is a mistake that the message helps out of."""
        with pytest.raises(AuthError, match="--vertex"):
            find_backend({"GOOGLE_CLOUD_PROJECT": "p"})

    def test_address(self) -> None:
        """An address that is none is refused."""
        with pytest.raises(InvalidRequest):
            find_backend({"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": "nowhere"})


class TestExtra:
    def test_missing(self, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without the extra, one line says how to get it."""
        monkeypatch.setitem(sys.modules, "typer", None)
        monkeypatch.delitem(sys.modules, "genai_fn.cli.app", raising=False)
        assert run_command_line(["generate", "Why?"]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert re.fullmatch(
            r"error: the command needs the packages rich and typer: pip install 'rich>=[\d.]+' 'typer>=[\d.]+'\n", err
        )

    def test_version(self, capsys: Captured) -> None:
        """``--version`` prints it."""
        assert run_command_line(["--version"]) == 0
        assert capsys.readouterr() == (f"genai-fn {VERSION}\n", "")


class TestProcess:
    def test_pipe(self) -> None:
        """Piped, the answer is plain text, whatever the colours of the terminal."""
        done = _run(["generate", "--offline", "Why?"])
        assert done.returncode == 0
        assert b"You asked: \xe2\x80\x9cWhy?\xe2\x80\x9d\n" in done.stdout
        assert b"\x1b" not in done.stdout + done.stderr

    def test_ascii(self) -> None:
        """Where the terminal's encoding lacks a letter, a question mark stands for it."""
        done = _run(["generate", "--offline", "Why?"], PYTHONIOENCODING="ascii")
        assert (done.returncode, b"You asked: ?Why??" in done.stdout) == (0, True)

    def test_refused(self) -> None:
        """A run that fails is one line and status 1, without a traceback or the key."""
        error = {"code": 403, "message": f"{KEY} may not", "status": "PERMISSION_DENIED"}
        with Loopback(json_reply({"error": error}, 403)) as loopback:
            done = _run(["generate", "Why?"], GEMINI_API_KEY=KEY, GOOGLE_GEMINI_BASE_URL=loopback.url)
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.splitlines() == [b"error: 403 PERMISSION_DENIED: *** may not"]

    def test_nobody_reads(self) -> None:
        """A reader that goes away ends the command without a traceback."""
        reader, writer = os.pipe()
        os.close(reader)
        try:
            done = _run(["generate", "--offline", "Why?"], stdout=writer)
        finally:
            os.close(writer)
        assert done.returncode == 1
        assert b"Traceback" not in done.stderr


def _run(
    arguments: Sequence[str], stdout: int = subprocess.PIPE, **environ: str
) -> "subprocess.CompletedProcess[bytes]":
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [sys.executable, "-m", "genai_fn", *arguments]
    return subprocess.run(
        command,
        stdout=stdout,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env={**kept, **environ},
        timeout=600,
        check=False,
    )


def _refused(capsys: Captured, arguments: Sequence[str]) -> str:
    assert run_command_line(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def _given(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


class _Flushed(io.StringIO):
    """Notes all that was written, each time that it is flushed."""

    def __init__(self, *, is_terminal: bool = False) -> None:
        super().__init__()
        self.flushed: list[str] = []
        self._is_terminal = is_terminal

    def flush(self) -> None:
        if self.getvalue() not in self.flushed[-1:]:
            self.flushed.append(self.getvalue())

    def isatty(self) -> bool:
        return self._is_terminal


def test_harmless() -> None:
    """Letters of any script, tabs and line ends are what a terminal may get."""
    text = "ä漢\t\n🙂\u2028"
    assert terminal._strip_control_characters(text + "\x07\r\x9b") == text
