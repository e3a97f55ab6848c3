"""``genai-fn chat``: messages, commands, saved files and interrupts."""

import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from genai_fn import Offline, chats
from genai_fn.cli import run_command_line
from tests.support.command_lines import KEY, build_command, build_environment, unblock_signal
from tests.support.loopback import Hang, Loopback, Send, build_sse_reply, encode_chunk, encode_event, encode_head

Capture = pytest.CaptureFixture[str]


class Outcome(NamedTuple):
    """What a chat has printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run_chat(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Callable[..., Outcome]:
    """Return a function that runs a chat with lines as its input: offline, unless told otherwise."""

    def run_lines(*lines: str, options: tuple[str, ...] = ("--offline",)) -> Outcome:
        text = "".join(f"{line}\n" for line in lines)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8"))
        status = run_command_line(["chat", *options])
        return Outcome(status, *capsys.readouterr())

    return run_lines


def build_reply(text: str) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": "STOP"}]}


class TestMessages:
    def test_history(self, run_chat: Any) -> None:
        """Each message is sent with those before it."""
        process = run_chat("one", "two")
        first, second = process.stdout.splitlines()
        assert (first.endswith("“one”"), second.endswith("“two” Before that came 2 turns.")) == (True, True)
        assert process.returncode == 0

    def test_options(self, run_chat: Any, tmp_path: Path) -> None:
        """Model and system instruction hold for all messages, files for the first."""
        path = tmp_path / "a.txt"
        path.write_text("hello")
        first, second = run_chat(
            "one", "two", options=("--offline", "-m", "other", "-s", "Be terse.", "-f", str(path))
        ).stdout.splitlines()
        assert "in place of other" in first
        assert "1 text/plain" in first
        assert "Be terse." in second
        assert "1 text/plain" not in second

    def test_blank(self, run_chat: Any) -> None:
        """Blank lines are not sent, and ``//`` starts a message with a slash."""
        (line,) = run_chat("", "  ", "//etc").stdout.splitlines()
        assert line.endswith("You asked: “/etc”")

    def test_error(self, run_chat: Any, server: Any) -> None:
        """An error ends the turn and not the chat; the failed turn is not sent again."""
        error = {"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}
        replies = [build_sse_reply([error]), build_sse_reply([build_reply("yes")])]
        with server(replies) as loopback:
            process = run_chat("one", "two", options=())
        assert (process.returncode, process.stdout) == (0, "yes\n")
        assert process.stderr.startswith("error: 400 INVALID_ARGUMENT: no")
        texts = [each["parts"] for each in msgspec.json.decode(loopback.requests[1].body)["contents"]]
        assert texts == [[{"text": "two"}]]

    def test_no_key(self, capsys: Capture) -> None:
        """Without a key the chat does not start."""
        assert run_command_line(["chat"]) == 1
        assert capsys.readouterr().err.startswith("error: no API key")


class TestCommands:
    def test_save_and_load(self, run_chat: Any, tmp_path: Path) -> None:
        """A saved chat continues in another process, and its JSON is what ``chats.start`` takes."""
        path = tmp_path / "chat.json"
        process = run_chat("/system Be kind.", "one", f"/save {path}", options=("--offline", "-t", "0.5"))
        assert f"saved 2 turns to {path}" in process.stderr.replace("\n", "")
        saved = json.loads(path.read_text(encoding="utf-8"))
        assert (saved["model"], saved["config"]["temperature"]) == ("gemini-2.5-flash", 0.5)
        turn = Offline()(chats.send(chats.start(**saved), "two")).unwrap()
        assert len(chats.history(turn.chat)) == 4
        for options, lines in (("--load", str(path)), ("two",)), ((), (f"/load {path}", "two")):
            output = run_chat(*lines, options=("--offline", *options)).stdout
            assert output.endswith("My instructions are: “Be kind.” You asked: “two” Before that came 2 turns.\n")

    def test_model(self, run_chat: Any) -> None:
        """``/model`` keeps the history."""
        process = run_chat("one", "/model other", "/model", "two")
        assert process.stdout.splitlines()[1].startswith("I am an offline model in place of other")
        assert "Before that came 2 turns." in process.stdout
        assert process.stderr.count("note: the model is other") == 2

    def test_system(self, run_chat: Any) -> None:
        """``/system`` without a text removes the instruction."""
        process = run_chat("/system Be kind.", "one", "/system", "two")
        first, second = process.stdout.splitlines()
        assert ("Be kind." in first, "Be kind." in second) == (True, False)

    def test_file(self, run_chat: Any, tmp_path: Path) -> None:
        """``/file`` attaches a file to the next message."""
        path = tmp_path / "a b.txt"
        path.write_text("hello")
        output = run_chat(f"/file {path}", "one", "two").stdout
        assert output.count("1 text/plain") == 1

    def test_help(self, run_chat: Any) -> None:
        """``/help`` lists all commands, and ``/quit`` ends the chat."""
        lines = run_chat("/help", "/quit", "one").stdout.splitlines()
        names = [each.split()[0] for each in lines]
        assert names == ["/save", "/load", "/model", "/system", "/file", "/help", "/quit", "//…"]

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("/nope", "no command /nope"),
            ("/save", "write /save FILE"),
            ("/load nowhere.json", "nowhere.json: No such file"),
            ("/file nowhere.txt", "nowhere.txt: No such file"),
            ("/save /nowhere/chat.json", "No such file"),
            ("/model a?b", "model"),
            ("/save .", "."),
            ("/save /", "/"),
            ("/save ~no-such-user/a", "~no-such-user/a: "),
            ("/load ~no-such-user/a", "~no-such-user/a: "),
            ("/file ~no-such-user/a", "~no-such-user/a: "),
            ("/load a\0b", "write /load FILE"),
        ],
    )
    def test_wrong(self, run_chat: Any, line: str, message: str) -> None:
        """A wrong command prints an error, and the chat goes on."""
        process = run_chat(line, "one")
        assert message in process.stderr
        assert process.stdout.endswith("“one”\n")

    def test_failed_save(self, run_chat: Any, tmp_path: Path) -> None:
        """A chat that cannot be saved leaves no file behind."""
        (tmp_path / "chat").mkdir()
        process = run_chat(f"/save {tmp_path / 'chat'}", "one")
        assert "Is a directory" in process.stderr
        assert [each.name for each in tmp_path.iterdir()] == ["chat"]

    @pytest.mark.parametrize("option", ["--model", "--system", "--temperature"])
    def test_options_of_a_saved_chat(self, run_chat: Any, tmp_path: Path, option: str) -> None:
        """An option that a saved chat has a value for is refused; a default from the environment is not."""
        path = tmp_path / "chat.json"
        run_chat("one", f"/save {path}")
        process = run_chat("two", options=("--offline", "--load", str(path), option, "1"))
        assert process.returncode == 2
        assert f"a saved chat has its own: leave out {option}" in process.stderr

    def test_model_of_the_environment(self, run_chat: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The default model of the environment does not concern a saved chat."""
        path = tmp_path / "chat.json"
        run_chat("one", f"/save {path}")
        monkeypatch.setenv("GENAI_FN_MODEL", "other")
        assert "place of gemini-2.5-flash" in run_chat("two", options=("--offline", "--load", str(path))).stdout

    @pytest.mark.parametrize(
        "text", ["{", "[]", '{"model": 1}', '{"module": "m"}', '{"model": "m", "history": [1]}', '{"model": "\udcff"}']
    )
    def test_damaged_file(self, capsys: Capture, tmp_path: Path, text: str) -> None:
        """A file that is not a saved chat is refused."""
        path = tmp_path / "chat.json"
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        assert run_command_line(["chat", "--offline", "--load", str(path)]) == 2
        assert "is not a saved chat" in capsys.readouterr().err


@contextmanager
def open_terminal(
    *arguments: str, **variables: str
) -> Iterator[tuple["subprocess.Popen[bytes]", Callable[[str], str], int]]:
    """Run a command in a pseudo-terminal; yield the process, a function that reads up to a text, and the terminal."""
    terminal, inner = pty.openpty()
    with unblock_signal(signal.SIGINT):
        process = subprocess.Popen(
            build_command(arguments),
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env=build_environment(TERM="xterm", **variables),
            start_new_session=True,
        )
    os.close(inner)

    def read_until(expected: str) -> str:
        received = b""
        while expected.encode() not in received:
            assert select.select([terminal], [], [], 60)[0], received
            try:
                data = os.read(terminal, 1)  # what follows the text is for the next call
            except OSError:  # the process has closed the terminal
                data = b""
            assert data, received
            received += data
        return received.decode()

    try:
        yield process, read_until, terminal
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


class TestTerminal:
    def test_interrupted_answer(self) -> None:
        """Ctrl-C ends the answer; the chat goes on without it."""
        head = encode_head(200, (("content-type", "text/event-stream"), ("transfer-encoding", "chunked")))
        started = Send(head + encode_chunk(encode_event({"candidates": [{"content": {"parts": [{"text": "I beg"}]}}]})))
        replies = [(started, Hang()), build_sse_reply([build_reply("second answer")])]
        with Loopback(replies) as loopback:
            variables = {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": loopback.url}
            with open_terminal("chat", **variables) as (process, read_until, terminal):
                read_until("> ")
                os.write(terminal, b"one\r")
                read_until("I beg")
                process.send_signal(signal.SIGINT)
                read_until("> ")
                os.write(terminal, b"two\r")
                read_until("second answer")
                read_until("> ")
                os.write(terminal, b"\x04")
                assert process.wait(60) == 0
        texts = [each["parts"][0]["text"] for each in msgspec.json.decode(loopback.requests[1].body)["contents"]]
        assert texts == ["two"]

    def test_interrupted_line(self) -> None:
        """Ctrl-C at the prompt discards the line, and Ctrl-D ends the chat."""
        with open_terminal("chat", "--offline") as (process, read_until, terminal):
            assert "Ctrl-D ends the chat" in read_until("> ")
            os.write(terminal, b"half a line")
            read_until("half a line")
            process.send_signal(signal.SIGINT)
            os.write(terminal, b"\r")  # readline notices a signal that comes while it reads a key at the next one
            read_until("> ")
            os.write(terminal, b"whole\r")
            assert "“half" not in read_until("“whole”")
            read_until("> ")
            os.write(terminal, b"\x04")
            assert process.wait(60) == 0
