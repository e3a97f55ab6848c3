"""``genai-fn emulate``: what it prints, which keys it accepts, and how it stops."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
import trio
import trustme

from genai_fn import AsyncHttp, Failure, Gemini, Http, Retry, Success, files, generate, live, text, with_options
from genai_fn.cli import run_command_line
from genai_fn.interpreters.extras import install_command
from genai_fn.testing.server.serving import open_listener
from tests.support.command_lines import build_environment, run_failing_command, run_process, unblock_signal

Capture = pytest.CaptureFixture[str]


@contextmanager
def run_emulator(*options: str) -> Iterator[tuple[list[str], "subprocess.Popen[str]"]]:
    """Run the command; yield the four lines that it prints, and the process."""
    command = [sys.executable, "-W", "error", "-m", "genai_fn", "emulate", "--port", "0", *options]
    with unblock_signal(signal.SIGINT):
        started = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=build_environment()
        )
    with started as process:
        try:
            assert process.stdout is not None
            yield [process.stdout.readline().rstrip() for _ in range(4)], process
        finally:
            process.kill()


def test_serves_until_interrupted() -> None:
    """It prints its address, accepts only the given key, and stops at Ctrl-C without printing anything."""
    with run_emulator("--key", "test-key", "--quiet") as (lines, process):
        url = lines[2].partition("=")[2]
        assert lines == [
            f"The emulator serves {url} and accepts the given keys. Ctrl-C stops it.",
            "To use it from google-genai or genai_fn, set:",
            f"GOOGLE_GEMINI_BASE_URL={url}",
            f"GOOGLE_VERTEX_BASE_URL={url}",
        ]
        hello = generate("m", "hi") | text | with_options(retry=Retry(attempts=1))
        for key, outcome in (("test-key", Success), ("another", Failure)):
            with Http(Gemini(key, base_url=url)) as run:
                assert isinstance(run(hello), outcome)
        process.send_signal(signal.SIGINT)
        assert (*process.communicate(timeout=60), process.returncode) == ("", "", 130)


def test_requests_are_printed() -> None:
    """It prints a line for each request, without the query, which may have the key."""
    with run_emulator() as (lines, process):
        url = lines[2].partition("=")[2]
        with Http(Gemini("secret-of-a-user", base_url=url)) as run:
            run(generate("m", "hi")).unwrap()
            assert isinstance(run(files.get("none")), Failure)
        with urlopen(f"{url}/v1beta/models?key=secret-of-a-user", timeout=60) as reply:  # noqa: S310  # over loopback
            assert reply.status == 200
        process.send_signal(signal.SIGINT)
        _, printed = process.communicate(timeout=60)
    assert [each.partition(" ")[2] for each in printed.splitlines()] == [
        "POST /v1beta/models/m:generateContent 200",
        "GET /v1beta/files/none 403",
        "GET /v1beta/models 200",
    ]


def test_reader_of_errors_is_gone() -> None:
    """Requests are answered also after the reader of standard error has closed it."""
    with run_emulator() as (lines, process):
        assert process.stderr is not None
        process.stderr.close()
        with Http(Gemini("any", base_url=lines[2].partition("=")[2])) as run:
            for _ in range(3):
                run(generate("m", "hi") | with_options(retry=Retry(attempts=1))).unwrap()


def test_reader_of_the_address_is_gone() -> None:
    """It ends without a traceback if standard output is closed before the address is printed."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        process = run_process(["emulate", "--port", "0"], stdout=writer)
    finally:
        os.close(writer)
    assert (process.returncode, process.stderr) == (1, b"")


def test_key_without_certificate(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A private key alone is refused."""
    path = tmp_path / "key.pem"
    path.write_text("key")
    assert "pass --certfile, too" in run_failing_command(capsys, ["emulate", "--keyfile", str(path)])


def test_sessions_are_printed() -> None:
    """A live session is printed when it is opened."""

    async def connect(url: str) -> None:
        async with AsyncHttp(Gemini("any", base_url=url)) as run, run.live(live.connect("m")) as session:
            (await session.send(live.client_content("hi"))).unwrap()

    with run_emulator() as (lines, process):
        trio.run(connect, lines[2].partition("=")[2])
        process.send_signal(signal.SIGINT)
        _, printed = process.communicate(timeout=60)
    assert re.fullmatch(r"\d\d:\d\d:\d\d LIVE /\S+BidiGenerateContent 101\n", printed)


def test_script(tmp_path: Path) -> None:
    """With a script, its steps are the answers."""
    path = tmp_path / "script.json"
    path.write_text('{"steps": [{"text": "one"}, {"text": "two"}]}')
    with (
        run_emulator("--quiet", "--script", str(path)) as (lines, _),
        Http(Gemini("any", base_url=lines[2].partition("=")[2])) as run,
    ):
        hello = generate("m", "hi") | text
        assert [run(hello).unwrap() for _ in range(2)] == ["one", "two"]


def run_refused_command(capsys: Capture, arguments: Sequence[str]) -> str:
    assert run_command_line(["emulate", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    return err


class TestRefused:
    def test_port_is_taken(self, capsys: Capture) -> None:
        """A port in use is a usage error."""
        with open_listener("127.0.0.1", 0) as listener:
            port = str(listener.getsockname()[1])
            assert f"127.0.0.1:{port} cannot be served: " in run_refused_command(capsys, ["--port", port])

    @pytest.mark.parametrize(
        "options", [["--port", "99999"], ["--port", "x"], ["--certfile", "nowhere.pem"], ["--host", "256.0.0.1"]]
    )
    def test_usage(self, capsys: Capture, options: list[str]) -> None:
        """An invalid port, a missing file and an invalid address are usage errors."""
        assert run_refused_command(capsys, ["--port", "0", *options]).startswith("error: ")

    def test_script(self, capsys: Capture, tmp_path: Path) -> None:
        """A script that does not fit is refused before the server starts, and the error names the place."""
        path = tmp_path / "script.json"
        path.write_text('[{"text": 3}]')
        message = run_refused_command(capsys, ["--port", "0", "--script", str(path)])
        assert "is not a valid script: script.steps[0].text: expected" in message

    def test_certificate(self, capsys: Capture, tmp_path: Path) -> None:
        """An invalid certificate is refused before the server starts."""
        path = tmp_path / "chain.pem"
        path.write_text("none")
        assert "cannot be served" in run_refused_command(capsys, ["--port", "0", "--certfile", str(path)])

    def test_no_extra(self, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without uvicorn, one line gives the command that installs it."""
        monkeypatch.setitem(sys.modules, "uvicorn", None)
        assert run_failing_command(capsys, ["emulate", "--port", "0"], 1) == (
            f"error: the emulator's server needs the package uvicorn: {install_command('uvicorn')}\n"
        )


def test_tls(capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a certificate the printed address is https."""
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate = trustme.CA().issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(str(chain))
    certificate.private_key_pem.write_to_path(str(key))
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: None)
    assert run_command_line(["emulate", "--port", "0", "--certfile", str(chain), "--keyfile", str(key)]) == 0
    assert capsys.readouterr().out.startswith("The emulator serves https://127.0.0.1:")
