"""``genai-fn generate``: what it sends, what it prints to which stream, and its exit codes."""

import io
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

import genai_fn
from genai_fn.cli import run_command_line
from genai_fn.errors import AuthError
from tests.support.command_lines import KEY, build_command, build_environment, run_failing_command, run_process
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


def build_reply(text: str, **fields: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, **fields}]}


def decode_body(request: ReceivedRequest) -> Any:
    return msgspec.json.decode(request.body)


class TestNoCredentials:
    @pytest.mark.parametrize(
        ("options", "start", "names"),
        [
            ([], "no API key", ("GEMINI_API_KEY", "GOOGLE_API_KEY", "aistudio.google.com", "--vertex", "--offline")),
            (["--vertex"], "no project", ("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION", "--offline")),
        ],
    )
    def test_refused(self, capsys: Capture, options: list[str], start: str, names: tuple[str, ...]) -> None:
        """Without key or project the command fails, names what the chosen backend needs, and prints no answer."""
        line = run_failing_command(capsys, ["generate", "Why?", *options], 1)
        assert line.startswith(f"error: {start}")
        assert [each for each in names if each not in line] == []

    def test_variable_is_overridden(self, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        """``--vertex`` selects Vertex AI, also against ``GOOGLE_GENAI_USE_ENTERPRISE``."""
        monkeypatch.setenv("GOOGLE_GENAI_USE_ENTERPRISE", "false")
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
        monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", "nowhere")
        assert run_command_line(["generate", "Why?", "--vertex"]) == 2
        assert "base_url" in capsys.readouterr().err

    def test_process(self, forked_command: list[str]) -> None:
        """The process fails the same way, also if the variables are set but blank."""
        process = run_process(["generate", "Why?"], command=forked_command, GEMINI_API_KEY=" ")
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
        set_stdin(monkeypatch, "Warum grün?\n".encode())
        assert run_command_line(["generate", "--offline", "-"]) == 0
        assert "You asked: “Warum grün?”" in capsys.readouterr().out

    @pytest.mark.parametrize(("data", "message"), [(b"\xff\xfe", "not UTF-8"), (b" \n", "is empty")])
    def test_unfit_input(self, capsys: Capture, monkeypatch: pytest.MonkeyPatch, data: bytes, message: str) -> None:
        """Input that is not UTF-8 text, or blank, is a usage error."""
        set_stdin(monkeypatch, data)
        assert message in run_failing_command(capsys, ["generate", "-"])

    def test_pipe_alone(self, forked_command: list[str]) -> None:
        """Text that is piped in is the prompt, without a ``-``."""
        process = run_process(["generate", "--offline"], command=forked_command, stdin=b"Warum?\n")
        assert "You asked: “Warum?”\n".encode() in process.stdout

    def test_pipe_and_prompt(self, forked_command: list[str]) -> None:
        """Text that is piped in comes before the prompt."""
        process = run_process(["generate", "--offline", "Summarize."], command=forked_command, stdin=b"A long text.\n")
        assert "You asked: “A long text. Summarize.”\n".encode() in process.stdout

    def test_redirected_file(self, forked_command: list[str], tmp_path: Path) -> None:
        """A redirected file is read as a pipe is."""
        path = tmp_path / "prompt.txt"
        path.write_text("From a file.")
        with path.open("rb") as stdin:
            command = [*forked_command, "generate", "--offline"]
            process = subprocess.run(
                command, stdin=stdin, capture_output=True, env=build_environment(), timeout=600, check=False
            )
        assert "You asked: “From a file.”\n".encode() in process.stdout

    def test_closed_input(self) -> None:
        """A standard input that is closed has no text."""
        command = f"{shlex.join(build_command(['generate', '--offline', 'Why?']))} <&-"
        process = subprocess.run(  # noqa: S602  # the shell closes it
            command, shell=True, capture_output=True, env=build_environment(), timeout=600, check=False
        )
        assert (process.returncode, "“Why?”".encode() in process.stdout) == (0, True)

    def test_files_alone(self, capsys: Capture, tmp_path: Path) -> None:
        """Files need no prompt."""
        path = tmp_path / "a.txt"
        path.write_text("hello")
        assert run_command_line(["generate", "--offline", "-f", str(path)]) == 0
        assert "With it came 1 file: 1 text/plain." in capsys.readouterr().out

    def test_model_of_the_environment(self, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        """``GENAI_FN_MODEL`` is the model, unless ``-m`` is given."""
        monkeypatch.setenv("GENAI_FN_MODEL", "of-the-shell")
        assert run_command_line(["generate", "--offline", "Why?"]) == 0
        assert run_command_line(["generate", "--offline", "Why?", "-m", "given"]) == 0
        first, second = capsys.readouterr().out.splitlines()
        assert ("place of of-the-shell:" in first, "place of given:" in second) == (True, True)


class TestOutput:
    def test_file(self, capsys: Capture, tmp_path: Path) -> None:
        """``-o`` writes the answer to a file, and nothing to standard output."""
        path = tmp_path / "answer.txt"
        assert run_command_line(["generate", "--offline", "Why?", "-o", str(path)]) == 0
        assert capsys.readouterr().out == ""
        assert path.read_text(encoding="utf-8").endswith("You asked: “Why?”\n")

    def test_failed_file(self, server: Any, capsys: Capture, tmp_path: Path) -> None:
        """If the answer fails, the file is not touched."""
        path = tmp_path / "answer.txt"
        path.write_text("before")
        with server(build_json_reply({"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}, 400)):
            assert run_failing_command(capsys, ["generate", "Why?", "-o", str(path)], 1)
        assert path.read_text() == "before"

    def test_no_folder(self, capsys: Capture, tmp_path: Path) -> None:
        """A file that cannot be written is an error on one line."""
        path = tmp_path / "none" / "answer.txt"
        assert "there is no folder" in run_failing_command(capsys, ["generate", "Why?", "-o", str(path)])

    def test_json(self, capsys: Capture, tmp_path: Path) -> None:
        """``--json`` prints the whole response, as the API has it; ``-o`` writes it to a file."""
        assert run_command_line(["generate", "--offline", "Why?", "--json"]) == 0
        printed = capsys.readouterr().out
        response = msgspec.json.decode(printed)
        assert response["candidates"][0]["finishReason"] == "STOP"
        assert response["usageMetadata"]["promptTokenCount"] == 2
        path = tmp_path / "answer.json"
        assert run_command_line(["generate", "--offline", "Why?", "--json", "-o", str(path)]) == 0
        assert path.read_text(encoding="utf-8") == printed

    @pytest.mark.parametrize("is_file", [True, False])
    def test_schema(self, server: Any, capsys: Capture, tmp_path: Path, is_file: bool) -> None:
        """``--schema`` is a file or JSON: it is sent, and the answer is JSON."""
        text = '{"type": "object", "properties": {"name": {"type": "string"}}}'
        path = tmp_path / "schema.json"
        path.write_text(text)
        with server(build_sse_reply([build_reply('{"name":"Ada"}')])) as loopback:
            assert run_command_line(["generate", "Who?", "--schema", str(path) if is_file else text]) == 0
        assert capsys.readouterr().out == '{"name":"Ada"}\n'
        assert decode_body(loopback.requests[0])["generationConfig"] == {
            "responseMimeType": "application/json",
            "responseJsonSchema": msgspec.json.decode(text),
        }

    def test_usage(self, capsys: Capture) -> None:
        """``--usage`` prints the tokens to standard error."""
        assert run_command_line(["generate", "--offline", "Why?", "--usage"]) == 0
        out, err = capsys.readouterr()
        assert "usage" not in out
        assert err.splitlines()[1:] == ["usage: 2 prompt, 28 answer, 30 total tokens"]

    def test_no_usage(self, server: Any, capsys: Capture) -> None:
        """If the server sends no usage, the command says so."""
        with server(build_sse_reply([build_reply("yes")])):
            assert run_command_line(["generate", "Why?", "--usage"]) == 0
        assert capsys.readouterr() == ("yes\n", "usage: the server has sent none\n")


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
        out = FlushRecorder()
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
            out = FlushRecorder(is_terminal=is_terminal)
            monkeypatch.setattr(sys, "stdout", out)
            with server(build_sse_reply([build_reply("\x1b[2Jyes\n")])):
                assert run_command_line(["generate", "Why?"]) == 0
            outputs.append(out.getvalue())
        assert outputs == ["[2Jyes\n", "\x1b[2Jyes\n"]

    def test_interrupted(self, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C prints nothing, and the exit code is 130."""

        def interrupt(items: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("genai_fn.cli.commands.generate.print_items", interrupt)
        assert run_command_line(["generate", "Why?", "--offline"]) == 130
        assert capsys.readouterr() == ("", "offline: the built-in emulator answers.\n")


class TestRefused:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["degenerate"], "degenerate"),
            (["generate"], "prompt"),
            (["generate", ""], "the prompt is empty"),
            (["generate", "Why?", "--heat", "1"], "--heat"),
            (["generate", "Why?", "--temperature", "hot"], "--temperature"),
            (["generate", "Why?", "--temperature", "nan"], "config.temperature"),
            (["generate", "Why?", "--file", "/nowhere/a.png"], "/nowhere/a.png"),
            (["generate", "Why?", "--file", __file__ + "c"], "does not exist"),
            (["generate", "Why?", "--model", "a?b"], "model"),
            (["generate", "Why?", "--schema", "{"], "not a JSON Schema"),
            (["generate", "Why?", "--mime-type", "image/png"], "'--mime-type': it is the type of the files of --file"),
            (["generate", "Why?", "--schema", "nowhere.json"], "nowhere.json: No such file"),
            (["generate", "Why?", "--output", "/"], "is a directory"),
        ],
    )
    def test_usage(self, capsys: Capture, arguments: list[str], message: str) -> None:
        """Wrong usage prints one line with the reason; the exit code is 2."""
        assert message in run_failing_command(capsys, arguments)

    def test_schema_that_is_not_utf8(self, capsys: Capture, tmp_path: Path) -> None:
        """A schema that is not UTF-8 is refused."""
        path = tmp_path / "schema.json"
        path.write_bytes(b'{"title": "\xff"}')
        message = run_failing_command(capsys, ["generate", "Why?", "--schema", str(path)])
        assert "not a JSON Schema: 'utf-8' codec" in message

    def test_unknown_kind(self, capsys: Capture, tmp_path: Path) -> None:
        """A file that is not text is refused if its name shows no media type."""
        path = tmp_path / "a.unknown"
        path.write_bytes(b"\xff\0")
        assert "a.unknown" in run_failing_command(capsys, ["generate", "Why?", "--file", str(path)])

    def test_address(self, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        """An invalid base URL in the environment is refused."""
        monkeypatch.setenv("GEMINI_API_KEY", KEY)
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "nowhere")
        assert "base_url" in run_failing_command(capsys, ["generate", "Why?"])


class TestProcess:
    def test_pipe(self, forked_command: list[str]) -> None:
        """In a pipe, the output contains no escape sequences."""
        process = run_process(["generate", "--offline", "Why?"], command=forked_command)
        assert process.returncode == 0
        assert b"You asked: \xe2\x80\x9cWhy?\xe2\x80\x9d\n" in process.stdout
        assert b"\x1b" not in process.stdout + process.stderr

    def test_ascii(self) -> None:
        """A character that the output encoding lacks is printed as a question mark."""
        process = run_process(["generate", "--offline", "Why?"], PYTHONIOENCODING="ascii")
        assert (process.returncode, b"You asked: ?Why??" in process.stdout) == (0, True)

    def test_refused(self, forked_command: list[str]) -> None:
        """A failed call prints one line, without a traceback or the key; the exit code is 1."""
        error = {"code": 403, "message": f"{KEY} may not", "status": "PERMISSION_DENIED"}
        with Loopback(build_json_reply({"error": error}, 403)) as loopback:
            process = run_process(
                ["generate", "Why?"], command=forked_command, GEMINI_API_KEY=KEY, GOOGLE_GEMINI_BASE_URL=loopback.url
            )
        assert (process.returncode, process.stdout) == (1, b"")
        assert process.stderr.splitlines() == [b"error: 403 PERMISSION_DENIED: *** may not"]

    def test_closed_pipe(self, forked_command: list[str]) -> None:
        """If the reader closes the pipe, the command ends without a traceback."""
        reader, writer = os.pipe()
        os.close(reader)
        try:
            process = run_process(["generate", "--offline", "Why?"], command=forked_command, stdout=writer)
        finally:
            os.close(writer)
        assert process.returncode == 1
        assert b"Traceback" not in process.stderr


def set_stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


class FlushRecorder(io.StringIO):
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
