"""``genai-fn embed``: what it writes, its summary, and its exit codes."""

import signal
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.dataset
import pytest

from genai_fn.cli import run_command_line
from genai_fn.testing.server.asgi import Emulator
from tests.support.command_lines import build_command, build_environment, run_failing_command, unblock_signal
from tests.support.loopback import Hang

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(f'{{"text": "text {number}"}}\n' for number in range(300)), encoding="utf-8")
    return path


class TestOutput:
    def test_summary(self, capsys: Capture, source: Path, tmp_path: Path) -> None:
        """All texts get vectors of the requested length, and the summary counts them."""
        output = tmp_path / "vectors"
        assert run_command_line(["embed", str(source), str(output), "--offline", "--dimensions", "16"]) == 0
        lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[1:])
        assert {name: lines[name] for name in ("rows", "embedded", "failed", "dimensions")} == {
            "rows": "300",
            "embedded": "300",
            "failed": "0",
            "dimensions": "16",
        }
        table = pyarrow.dataset.dataset(output).to_table()
        assert (table.num_rows, table.schema.field("vector").type.list_size) == (300, 16)

    def test_json(self, capsys: Capture, source: Path, tmp_path: Path) -> None:
        """``--json`` prints the summary as JSON."""
        assert run_command_line(["embed", str(source), str(tmp_path / "v"), "--offline", "--json"]) == 0
        assert msgspec.json.decode(capsys.readouterr().out)["rows"] == 300

    def test_partial(self, capsys: Capture, source: Path, tmp_path: Path) -> None:
        """If some texts have no vector, the exit code is 3, and standard error names the file with the reasons."""
        with source.open("a") as file:
            file.write('{"text": null}\n')
        output = tmp_path / "vectors"
        assert run_command_line(["embed", str(source), str(output), "--offline"]) == 3
        assert f"1 of 301 texts have no vector; see {output}/_dead_letters.jsonl" in capsys.readouterr().err

    def test_sent(self, emulator: Emulator, capsys: Capture, source: Path, tmp_path: Path) -> None:
        """Column, model, task type and limit reach the server, over a socket."""
        source.write_text('{"body": "one"}\n{"body": "two"}\n')
        options = ["--column", "body", "-m", "gemini-embedding-001", "--task-type", "RETRIEVAL_DOCUMENT"]
        command = ["embed", str(source), str(tmp_path / "v"), *options, "--requests-per-minute", "3000"]
        assert run_command_line(command) == 0
        assert capsys.readouterr().err == ""
        (request,) = emulator.received
        assert request.path == "/v1beta/models/gemini-embedding-001:batchEmbedContents"
        assert [each["taskType"] for each in request.body["requests"]] == ["RETRIEVAL_DOCUMENT"] * 2

    def test_resume(self, capsys: Capture, source: Path, tmp_path: Path) -> None:
        """An output that exists is refused, continued by ``--resume``, and replaced by ``--restart``."""
        command = ["embed", str(source), str(tmp_path / "v"), "--offline", "--json"]
        assert run_command_line(command) == 0
        capsys.readouterr()
        assert "pass --resume or --restart" in run_failing_command(capsys, command)
        for option, sent in (("--resume", 0), ("--restart", 300)):
            assert run_command_line([*command, option]) == 0
            assert msgspec.json.decode(capsys.readouterr().out)["sent"] == sent

    def test_interrupted(self, server: Any, source: Path, tmp_path: Path) -> None:
        """Ctrl-C ends the job with status 130 and the option that continues it; ``--resume`` finishes it."""
        command = ["embed", str(source), str(tmp_path / "v")]
        with server(Hang()) as loopback, unblock_signal(signal.SIGINT):
            with subprocess.Popen(
                build_command(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=build_environment()
            ) as process:
                loopback.wait_requests(1)
                process.send_signal(signal.SIGINT)
                note = f"note: stopped; --resume continues {tmp_path / 'v'}\n".encode()
                assert (*process.communicate(timeout=60), process.returncode) == (b"", note, 130)
        assert run_command_line([*command, "--offline", "--resume"]) == 0


class TestRefused:
    @pytest.mark.parametrize(
        ("options", "status", "message"),
        [
            (["--dimensions", "0"], 2, "--dimensions"),
            (["--resume", "--restart"], 2, "exclude each other"),
            (["--column", "none"], 1, "no column 'none'"),
            (["-m", ""], 2, "model"),
        ],
    )
    def test_usage(
        self, capsys: Capture, source: Path, tmp_path: Path, options: list[str], status: int, message: str
    ) -> None:
        """Wrong options, and a column that does not exist, are one line."""
        command = ["embed", str(source), str(tmp_path / "v"), "--offline", *options]
        assert message in run_failing_command(capsys, command, status)

    def test_other_settings(self, capsys: Capture, source: Path, tmp_path: Path) -> None:
        """A folder with the output of other settings is not continued, and the error says what to do."""
        command = ["embed", str(source), str(tmp_path / "v"), "--offline"]
        assert run_command_line(command) == 0
        capsys.readouterr()
        line = run_failing_command(capsys, [*command, "--resume", "--dimensions", "8"])
        assert "config was {}" in line
        assert "; pass --restart, or another folder; see " in line

    def test_no_file(self, capsys: Capture, tmp_path: Path) -> None:
        """A file or folder that does not exist is wrong usage, and a pattern that no file matches is an error."""
        for name, status, message in (
            ("none.jsonl", 2, "does not exist"),
            ("none", 2, "does not exist"),
            ("*.csv", 1, "no files"),
        ):
            command = ["embed", str(tmp_path / name), str(tmp_path / "v"), "--offline"]
            assert message in run_failing_command(capsys, command, status)

    def test_no_key(self, capsys: Capture, source: Path, tmp_path: Path) -> None:
        """Without a key nothing is written."""
        assert "no API key" in run_failing_command(capsys, ["embed", str(source), str(tmp_path / "v")], 1)
        assert not (tmp_path / "v").exists()
