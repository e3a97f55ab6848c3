"""``genai-fn generate``: what it prints to which stream, and its exit codes."""

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
from tests.support.loopback import (
    Close,
    Loopback,
    ReceivedRequest,
    Send,
    build_json_reply,
    build_sse_reply,
    encode_chunk,
    encode_event,
    encode_head,
)

Capture = pytest.CaptureFixture[str]
KEY = "test-key"


@pytest.fixture(autouse=True)
def _clear_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in os.environ:
        if name.startswith(("GOOGLE_", "GEMINI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    yield


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Route the command to a loopback server, with an API key set."""

    def serve(script: Any) -> Loopback:
        loopback = Loopback(script)
        monkeypatch.setenv("GEMINI_API_KEY", KEY)
        monkeypatch.setattr(
            "genai_fn.cli.app.find_backend",
            lambda environ: find_backend({**environ, "GOOGLE_GEMINI_BASE_URL": loopback.url}),
        )
        return loopback

    return serve


def build_reply(text: str, **fields: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, **fields}]}


def decode_body(request: ReceivedRequest) -> Any:
    return msgspec.json.decode(request.body)


class TestNoCredentials:
    @pytest.mark.parametrize("options", [[], ["--vertex"]])
    def test_refused(self, capsys: Capture, options: list[str]) -> None:
        """Without key and project the command fails, names the variables that it reads, and prints no answer."""
        assert run_command_line(["generate", "Why?", *options]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: no API key and no project")
        assert err.count("\n") == 1
        names = ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION", "--offline")
        assert [each for each in names if each not in err] == []

    def test_variable_is_overridden(self, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        """``--vertex`` selects Vertex AI, also against ``GOOGLE_GENAI_USE_ENTERPRISE``."""
        monkeypatch.setenv("GOOGLE_GENAI_USE_ENTERPRISE", "false")
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
        monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", "nowhere")
        assert run_command_line(["generate", "Why?", "--vertex"]) == 2
        assert "base_url" in capsys.readouterr().err

    def test_process(self) -> None:
        """The process fails the same way, also if the variables are set but blank."""
        process = _run_process(["generate", "Why?"], GEMINI_API_KEY=" ")
        assert (process.returncode, process.stdout) == (1, b"")
        assert b"GEMINI_API_KEY" in process.stderr

    def test_library(self) -> None:
        """Without a key `genai_fn.run` returns a Failure."""
        assert isinstance(genai_fn.run(genai_fn.generate("m", "Why?")).failure(), AuthError)


class TestOffline:
    def test_forced(self, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        """``--offline`` uses the emulator even if a key is set."""
        monkeypatch.setenv("GEMINI_API_KEY", KEY)
        assert run_command_line(["generate", "--offline", "Why?"]) == 0
        out, err = capsys.readouterr()
        assert "You asked: “Why?”" in out
        assert err == "offline: the built-in emulator answers.\n"

    def test_vertex(self, capsys: Capture) -> None:
        """``--vertex --offline`` emulates Vertex AI."""
        assert run_command_line(["generate", "Why?", "--vertex", "--offline"]) == 0
        assert "in place of gemini-2.5-flash" in capsys.readouterr().out

    def test_options(self, capsys: Capture, tmp_path: Path) -> None:
        """Model, system instruction and files reach the emulator."""
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
    def test_standard_input(self, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        """``-`` reads the prompt from standard input and drops the trailing newline."""
        _set_stdin(monkeypatch, "Warum grün?\n".encode())
        assert run_command_line(["generate", "--offline", "-"]) == 0
        assert "You asked: “Warum grün?”" in capsys.readouterr().out

    @pytest.mark.parametrize(("data", "message"), [(b"\xff\xfe", "not UTF-8"), (b" \n", "is empty")])
    def test_unfit_input(self, capsys: Capture, monkeypatch: pytest.MonkeyPatch, data: bytes, message: str) -> None:
        """Input that is not UTF-8 text, or blank, is a usage error."""
        _set_stdin(monkeypatch, data)
        assert message in _run_refused_command(capsys, ["generate", "-"])


class TestServer:
    def test_sent(self, server: Any, capsys: Capture, tmp_path: Path) -> None:
        """The request contains the options of the command line: files first, then the prompt."""
        image = tmp_path / "a.png"
        image.write_bytes(b"\x89PNG")
        options = ["--system", "Be terse.", "--temperature", "0.5", "--file", str(image)]
        with server(build_sse_reply([build_reply("yes")])) as loopback:
            assert run_command_line(["generate", "Why?", *options]) == 0
        assert capsys.readouterr() == ("yes\n", "")
        (request,) = loopback.requests
        assert request.target == "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
        assert decode_body(request) == {
            "contents": [
                {
                    "role": "user",
                    "parts": [{"inlineData": {"data": "iVBORw==", "mimeType": "image/png"}}, {"text": "Why?"}],
                }
            ],
            "systemInstruction": {"role": "user", "parts": [{"text": "Be terse."}]},
            "generationConfig": {"temperature": 0.5},
        }

    def test_chunks(self, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every chunk is flushed as it arrives, and text that ends with a newline gets no second one."""
        out = _FlushRecorder()
        monkeypatch.setattr(sys, "stdout", out)
        with server(build_sse_reply([build_reply("one "), build_reply("two"), build_reply("\n")])):
            assert run_command_line(["generate", "Why?"]) == 0
        assert out.writes == ["one ", "one two", "one two\n"]

    def test_fault(self, server: Any, capsys: Capture) -> None:
        """A server error is printed on one line, without the key even if the server repeats it; the exit code is 1."""
        error = {"code": 400, "message": f"API key {KEY}\nis no good\x1b[2J", "status": "INVALID_ARGUMENT"}
        with server(build_json_reply({"error": error}, 400)):
            assert run_command_line(["generate", "Why?"]) == 1
        assert capsys.readouterr() == ("", "error: 400 INVALID_ARGUMENT: API key *** is no good[2J\n")

    def test_disconnect(self, server: Any, capsys: Capture) -> None:
        """Text received before an error ends with a newline."""
        started = Send(
            encode_head(200, (("content-type", "text/event-stream"), ("transfer-encoding", "chunked")))
            + encode_chunk(encode_event(build_reply("yes")))
        )
        with server((started, Close())):
            assert run_command_line(["generate", "Why?"]) == 1
        out, err = capsys.readouterr()
        assert out == "yes\n"
        assert err.startswith("error: ")
        assert err.count("\n") == 1

    def test_no_text(self, server: Any, capsys: Capture) -> None:
        """For an answer without text, the error names the finish reason."""
        with server(build_sse_reply([{"candidates": [{"finishReason": "SAFETY"}]}])):
            assert run_command_line(["generate", "Why?"]) == 1
        assert capsys.readouterr() == ("", "error: no text: SAFETY\n")

    def test_control_characters(self, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Control characters of the answer are removed on a terminal, and kept in a pipe."""
        outputs = []
        for is_terminal in (True, False):
            out = _FlushRecorder(is_terminal=is_terminal)
            monkeypatch.setattr(sys, "stdout", out)
            with server(build_sse_reply([build_reply("\x1b[2Jyes\n")])):
                assert run_command_line(["generate", "Why?"]) == 0
            outputs.append(out.getvalue())
        assert outputs == ["[2Jyes\n", "\x1b[2Jyes\n"]

    def test_interrupted(self, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C prints nothing, and the exit code is 130."""

        def interrupt(items: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("genai_fn.cli.app.print_items", interrupt)
        assert run_command_line(["generate", "Why?", "--offline"]) == 130
        assert capsys.readouterr() == ("", "offline: the built-in emulator answers.\n")


class TestRefused:
    @pytest.mark.parametrize(
        ("arguments", "message"),
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
    def test_usage(self, capsys: Capture, arguments: list[str], message: str) -> None:
        """Wrong usage prints one line with the reason; the exit code is 2."""
        assert message in _run_refused_command(capsys, arguments)

    def test_unknown_kind(self, capsys: Capture, tmp_path: Path) -> None:
        """A file whose media type cannot be guessed from its name is refused."""
        path = tmp_path / "a.unknown"
        path.write_bytes(b"")
        assert "a.unknown" in _run_refused_command(capsys, ["generate", "Why?", "--file", str(path)])

    def test_address(self, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        """An invalid base URL in the environment is refused."""
        monkeypatch.setenv("GEMINI_API_KEY", KEY)
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "nowhere")
        assert "base_url" in _run_refused_command(capsys, ["generate", "Why?"])


class TestBackend:
    @pytest.mark.parametrize(
        "environ",
        [
            {},
            {"GEMINI_API_KEY": " "},
            {"GOOGLE_GENAI_USE_VERTEXAI": "1"},
            {"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_CLOUD_LOCATION": "us-central1"},
        ],
    )
    def test_no_credentials(self, environ: dict[str, str]) -> None:
        """Without key and project, find_backend raises AuthError."""
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
    def test_credentials(self, environ: dict[str, str]) -> None:
        """A key, a project, a credentials file or a base URL is enough to choose a backend."""
        assert isinstance(find_backend(environ), Vertex if "GOOGLE_GENAI_USE_VERTEXAI" in environ else Gemini)

    def test_project_alone(self) -> None:
        """If only a project is set, the error suggests ``--vertex``."""
        with pytest.raises(AuthError, match="--vertex"):
            find_backend({"GOOGLE_CLOUD_PROJECT": "p"})

    def test_address(self) -> None:
        """An invalid base URL raises InvalidRequest."""
        with pytest.raises(InvalidRequest):
            find_backend({"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": "nowhere"})


class TestExtra:
    def test_missing(self, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without the extra, one line gives the command that installs it."""
        monkeypatch.setitem(sys.modules, "typer", None)
        monkeypatch.delitem(sys.modules, "genai_fn.cli.app", raising=False)
        assert run_command_line(["generate", "Why?"]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert re.fullmatch(
            r"error: the command needs the packages rich and typer: pip install 'rich>=[\d.]+' 'typer>=[\d.]+'\n", err
        )

    def test_version(self, capsys: Capture) -> None:
        """``--version`` prints the version."""
        assert run_command_line(["--version"]) == 0
        assert capsys.readouterr() == (f"genai-fn {genai_fn.__version__}\n", "")


class TestProcess:
    def test_pipe(self) -> None:
        """In a pipe, the output contains no escape sequences."""
        process = _run_process(["generate", "--offline", "Why?"])
        assert process.returncode == 0
        assert b"You asked: \xe2\x80\x9cWhy?\xe2\x80\x9d\n" in process.stdout
        assert b"\x1b" not in process.stdout + process.stderr

    def test_ascii(self) -> None:
        """A character that the output encoding lacks is printed as a question mark."""
        process = _run_process(["generate", "--offline", "Why?"], PYTHONIOENCODING="ascii")
        assert (process.returncode, b"You asked: ?Why??" in process.stdout) == (0, True)

    def test_refused(self) -> None:
        """A failed call prints one line, without a traceback or the key; the exit code is 1."""
        error = {"code": 403, "message": f"{KEY} may not", "status": "PERMISSION_DENIED"}
        with Loopback(build_json_reply({"error": error}, 403)) as loopback:
            process = _run_process(["generate", "Why?"], GEMINI_API_KEY=KEY, GOOGLE_GEMINI_BASE_URL=loopback.url)
        assert (process.returncode, process.stdout) == (1, b"")
        assert process.stderr.splitlines() == [b"error: 403 PERMISSION_DENIED: *** may not"]

    def test_closed_pipe(self) -> None:
        """If the reader closes the pipe, the command ends without a traceback."""
        reader, writer = os.pipe()
        os.close(reader)
        try:
            process = _run_process(["generate", "--offline", "Why?"], stdout=writer)
        finally:
            os.close(writer)
        assert process.returncode == 1
        assert b"Traceback" not in process.stderr


def _run_process(
    arguments: Sequence[str], stdout: int = subprocess.PIPE, **environ: str
) -> "subprocess.CompletedProcess[bytes]":
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [sys.executable, "-m", "genai_fn", *arguments]
    return subprocess.run(
        command,
        stdout=stdout,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env={**environment, **environ},
        timeout=600,
        check=False,
    )


def _run_refused_command(capsys: Capture, arguments: Sequence[str]) -> str:
    assert run_command_line(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def _set_stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


class _FlushRecorder(io.StringIO):
    """Records everything written so far, at each flush."""

    def __init__(self, *, is_terminal: bool = False) -> None:
        super().__init__()
        self.writes: list[str] = []
        self._is_terminal = is_terminal

    def flush(self) -> None:
        if self.getvalue() not in self.writes[-1:]:
            self.writes.append(self.getvalue())

    def isatty(self) -> bool:
        return self._is_terminal


def test_printable_characters() -> None:
    """A terminal gets letters of any script, tabs and newlines; other control characters are removed."""
    text = "ä漢\t\n🙂\u2028"
    assert terminal._strip_control_characters(text + "\x07\r\x9b") == text
