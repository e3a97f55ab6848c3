"""The page about the command: every command that it shows runs, and prints what it shows."""

import doctest
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_lines import build_environment

PAGE = Path(__file__).parents[2] / "docs" / "command.md"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def list_examples() -> Iterator[tuple[str, str]]:
    """Yield each command line of the page, and the output that stands below it."""
    for block in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = example.partition("\n")
            yield command, output


def test_examples(forked_command: list[str], tmp_path: Path) -> None:
    """The commands of the page run in order, in one folder and without a key, and print what stands below them."""
    command = tmp_path / "bin" / "genai-fn"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.join(forked_command)} "$@"\n')
    command.chmod(0o755)
    folder = tmp_path / "folder"
    folder.mkdir()
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    environment = build_environment(PATH=path)
    examples = [*list_examples()]
    assert len(examples) > 15
    for line, expected in examples:
        process = subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=600,
            check=False,
        )
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        if process.returncode or not doctest.OutputChecker().check_output(expected, process.stdout, flags):
            pytest.fail(f"$ {line}\nexpected:\n{expected}\nprinted:\n{process.stdout}{process.stderr}")


def test_uses_the_emulator() -> None:
    """Every example that would send something uses ``--offline``."""
    commands = [each for line, _ in list_examples() for each in line.split("|") if "genai-fn " in each]
    assert [each for each in commands if "--offline" not in each and " explain " not in each] == []
