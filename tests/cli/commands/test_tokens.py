"""``genai-fn tokens``: counts on the server and on this machine."""

import json

import pytest

from genai_fn import LocalTokenizer, Success
from genai_fn.cli import run_command_line
from tests.support.command_lines import run_failing_command, run_process
from tests.support.small_tokenizers import train_tokenizer

Capture = pytest.CaptureFixture[str]


def test_number(capsys: Capture) -> None:
    """The number is printed alone, or as JSON."""
    assert run_command_line(["tokens", "--offline", "Why is the sky blue?"]) == 0
    number = int(capsys.readouterr().out)
    assert number > 0
    assert run_command_line(["tokens", "--offline", "Why is the sky blue?", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totalTokens"] == number


def test_pipe(forked_command: list[str]) -> None:
    """Text that is piped in is counted."""
    process = run_process(["tokens", "--offline"], command=forked_command, stdin=b"word " * 1000)
    assert int(process.stdout) > 500


def test_local(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--local`` counts with the tokenizer of the model, and needs no key."""
    tokenizer = LocalTokenizer(train_tokenizer())
    monkeypatch.setattr(LocalTokenizer, "load", lambda model: Success(tokenizer))
    assert run_command_line(["tokens", "--local", "Why is the sky blue?"]) == 0
    expected = tokenizer.count_tokens("Why is the sky blue?").total_tokens
    assert capsys.readouterr() == (f"{expected}\n", "")


def test_local_model(capsys: Capture) -> None:
    """A model without a known tokenizer is refused."""
    assert "known tokenizer" in run_failing_command(capsys, ["tokens", "--local", "hi", "-m", "none"])


@pytest.mark.parametrize("option", ["--vertex", "--offline"])
def test_contradiction(capsys: Capture, option: str) -> None:
    """``--local`` takes no backend."""
    assert "leave out" in run_failing_command(capsys, ["tokens", "--local", "hi", option])


def test_no_key(capsys: Capture) -> None:
    """Without a key nothing is counted on the server."""
    assert "no API key" in run_failing_command(capsys, ["tokens", "hi"], 1)
