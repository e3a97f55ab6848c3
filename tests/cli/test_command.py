"""``genai-fn`` as a whole: help, completion, the extra, exit codes, and what it imports."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import genai_fn
from genai_fn.cli import exit_codes, run_command_line
from tests.support.command_lines import COMMAND, build_command, build_environment, run_failing_command, run_process

Capture = pytest.CaptureFixture[str]
COMMANDS = (
    *("generate", "chat", "embed", "tokens", "images", "live", "emulate", "explain"),
    *("models", "files", "caches", "batches", "stores"),
)


class TestHelp:
    def test_bare(self, capsys: Capture) -> None:
        """Without a command, it prints its help, which lists all commands."""
        assert run_command_line([]) == 0
        out, err = capsys.readouterr()
        assert [each for each in COMMANDS if not re.search(rf"^\W*{each} ", out, re.MULTILINE)] == []
        assert err == ""

    @pytest.mark.parametrize("command", COMMANDS)
    def test_command(self, capsys: Capture, command: str) -> None:
        """Each command has a help with a text for each option and each argument."""
        assert run_command_line([command, "-h"]) == 0
        out = capsys.readouterr().out
        assert "Usage: genai-fn" in out
        assert "-h" in out

    @pytest.mark.parametrize("columns", ["40", "200"])
    def test_width(self, columns: str) -> None:
        """Help fits a narrow and a wide terminal."""
        process = run_process(["generate", "--help"], COLUMNS=columns, TERMINAL_WIDTH=columns)
        lines = process.stdout.decode().splitlines()
        assert process.returncode == 0
        assert max(map(len, lines)) <= int(columns)

    def test_misspelled_command(self, capsys: Capture) -> None:
        """An unknown command is one line on standard error."""
        assert "generat" in run_failing_command(capsys, ["generat"])

    def test_prompt_alone(self, capsys: Capture) -> None:
        """A prompt in place of a command is refused with the command that sends it."""
        assert "genai-fn generate sends a prompt" in run_failing_command(capsys, ["Why is the sky blue?"])

    def test_hint(self, capsys: Capture) -> None:
        """An error of usage names the help of the command."""
        assert "see genai-fn models list --help" in run_failing_command(capsys, ["models", "list", "--no"])

    @pytest.mark.parametrize("command", [(), ("embed",), ("emulate",), ("models", "list")])
    def test_flags(self, capsys: Capture, command: tuple[str, ...]) -> None:
        """The help shows no type of a flag, which takes no value, and no type of Python for a number."""
        assert run_command_line([*command, "--help"]) == 0
        out = capsys.readouterr().out
        assert [each for each in ("<bool>", "<int") if each in out] == []

    @pytest.mark.parametrize("resource", ["models", "files", "caches", "batches", "stores"])
    def test_bare_resource(self, capsys: Capture, resource: str) -> None:
        """A resource without a command prints its help, as the bare command does."""
        assert run_command_line([resource]) == 0
        out, err = capsys.readouterr()
        assert f"Usage: genai-fn {resource}" in out
        assert err == ""

    def test_version(self, capsys: Capture) -> None:
        """``--version`` prints the version."""
        assert run_command_line(["--version"]) == 0
        assert capsys.readouterr() == (f"genai-fn {genai_fn.__version__}\n", "")


class TestCompletion:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("genai-fn ", set(COMMANDS)),
            ("genai-fn models ", {"list", "get"}),
            ("genai-fn generate --te", {"--temperature"}),
        ],
    )
    def test_bash(self, forked_command: list[str], words: str, expected: set[str]) -> None:
        """Bash completes commands and options."""
        variables = {
            "_GENAI_FN_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
        }
        process = run_process([], command=forked_command, **variables)
        assert set(process.stdout.decode().split()) == expected

    def test_script(self, tmp_path: Path) -> None:
        """``--show-completion`` prints a script for the shell."""
        in_bash = ("bash", "-c", '"$0" "$@"; exit', *COMMAND)  # the command looks for the shell that has started it
        process = run_process(["--show-completion", "bash"], command=in_bash, HOME=str(tmp_path))
        assert "_GENAI_FN_COMPLETE=complete_bash" in process.stdout.decode()


class TestExtra:
    def test_missing(self, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without the extra, one line gives the command that installs it."""
        monkeypatch.setitem(sys.modules, "typer", None)
        monkeypatch.delitem(sys.modules, "genai_fn.cli.app", raising=False)
        assert run_command_line(["generate", "Why?"]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: the command needs the packages rich and typer: pip install ")
        assert err.count("\n") == 1


class TestImports:
    def test_help(self) -> None:
        """Help loads no types, no operations, no emulator and no network stack."""
        program = (
            "import sys; from genai_fn.cli import run_command_line; run_command_line(['--help']);"
            " sys.stderr.write(' '.join(sorted(sys.modules)))"
        )
        process = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            env=build_environment(),
            timeout=600,
            check=True,
        )
        loaded = process.stderr.split()
        parts = {each.split(".")[1] for each in loaded if each.startswith("genai_fn.")}
        assert parts == {"cli", "lazy_names"}
        assert {"anyio", "asyncio", "httpcore", "msgspec", "returns", "ssl", "trio"} & {*loaded} == set()


class TestExitCodes:
    def test_documented(self) -> None:
        """The page about the command lists every exit code."""
        page = (Path(__file__).parents[2] / "docs" / "command.md").read_text(encoding="utf-8")
        codes = {getattr(exit_codes, name) for name in exit_codes.__all__}
        assert {0, *codes} == {int(each) for each in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}


class TestPipes:
    @pytest.mark.parametrize(
        "arguments", [["models", "list", "--offline"], ["--help"], ["models", "list", "--offline", "--json"]]
    )
    def test_closed(self, arguments: list[str]) -> None:
        """If the reader closes the pipe, the command ends without a traceback."""
        reader, writer = os.pipe()
        os.close(reader)
        try:
            process = run_process(arguments, stdout=writer)
        finally:
            os.close(writer)
        assert process.returncode == exit_codes.EXIT_FAILURE
        assert process.stderr.replace(b"offline: the built-in emulator answers.\n", b"") == b""

    @pytest.mark.parametrize("descriptor", (0, 1, 2))
    @pytest.mark.parametrize("arguments", (["generate", "hi"], ["models", "list"], ["chat"], ["live"]), ids=" ".join)
    def test_closed_stream(self, arguments: list[str], descriptor: int) -> None:
        """A standard stream that the caller has closed reads as empty, and loses what is written to it."""
        shell = f'exec "$@" {descriptor}>&-'
        process = run_process([*COMMAND, *arguments, "--offline"], command=["sh", "-c", shell, "sh"])
        assert (process.returncode, process.stderr.replace(b"offline: the built-in emulator answers.\n", b"")) == (
            0,
            b"",
        )
        assert bool(process.stdout) == (arguments[0] in {"generate", "models"} and descriptor != 1)

    def test_module(self) -> None:
        """``python -m genai_fn`` is the command."""
        process = subprocess.run(
            build_command(["--version"]), capture_output=True, env=build_environment(), timeout=600, check=False
        )
        assert process.stdout == f"genai-fn {genai_fn.__version__}\n".encode()
