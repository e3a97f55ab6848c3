"""`LocalTokenizer`: loading, counts, tokens, and errors."""

import copy
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from genai_fn import Failure, InvalidRequest, LocalTokenizer, MissingExtra, generate
from genai_fn.local_tokenizer import model_names
from genai_fn.schema import Part
from tests.support.small_tokenizers import describe_model_file, train_tokenizer

TOKENIZER = LocalTokenizer(train_tokenizer())


def test_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tokenizer is loaded from the cache folder by the name of the model."""
    content = train_tokenizer()
    file = describe_model_file(content)
    monkeypatch.setitem(model_names.MODEL_FILES, "gemini-2.5-flash", file)
    Path(tmp_path, f"small-{file.sha256}.model").write_bytes(content)
    for cache_dir in (tmp_path, str(tmp_path)):
        loaded = LocalTokenizer.load("models/gemini-2.5-flash", cache_dir=cache_dir).unwrap()
        assert loaded.count_tokens("the sky") == TOKENIZER.count_tokens("the sky")


def test_unknown_model() -> None:
    """A model without a known tokenizer is a failure that lists those that have one."""
    failed = LocalTokenizer.load("gemini-9")
    assert isinstance(failed, Failure)
    assert "gemini-2.5-flash," in str(failed.failure())
    assert "got 'gemini-9'" in str(failed.failure())


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"model": ""}, "model"),
        ({"model": 3}, "model"),
        ({"model": "gemini-2.5-flash", "cache_dir": 3}, "cache_dir"),
        ({"model": "gemini-2.5-flash", "cache_dir": ""}, "cache_dir"),
        ({"model": "gemini-2.5-flash", "timeouts": 3}, "timeouts"),
    ],
)
def test_invalid_arguments(arguments: dict[str, Any], path: str) -> None:
    """An argument of the wrong type raises at once."""
    with pytest.raises(InvalidRequest) as raised:
        LocalTokenizer.load(**arguments)
    assert raised.value.path == path


def test_from_file(tmp_path: Path) -> None:
    """The file of any SentencePiece model can be read; what is none is a failure."""
    path = tmp_path / "small.model"
    path.write_bytes(train_tokenizer())
    assert LocalTokenizer.from_file(path).unwrap().count_tokens("hi") == TOKENIZER.count_tokens("hi")
    for content in (b"", b"\0", b"not a model", train_tokenizer()[:-7]):
        path.write_bytes(content)
        failed = LocalTokenizer.from_file(path)
        assert failed == Failure(InvalidRequest("path", str(path), "the file of a SentencePiece model"))
    for place in (tmp_path, tmp_path / "none", "a\0b"):
        assert isinstance(LocalTokenizer.from_file(place).failure(), InvalidRequest)
    with pytest.raises(InvalidRequest):
        LocalTokenizer.from_file("")


@pytest.mark.parametrize("data", [b"", b"not a model", "gemini-2.5-flash", None])
def test_invalid_data(data: Any) -> None:
    """A tokenizer of anything but the bytes of a model raises; for the name of a model, the error names `load`."""
    with pytest.raises(InvalidRequest) as raised:
        LocalTokenizer(data)
    assert ("LocalTokenizer.load" in str(raised.value)) == (not isinstance(data, bytes))


def test_missing_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the extra, loading fails before anything is fetched, and the error contains the command to install it."""
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    path = tmp_path / "small.model"
    path.write_bytes(train_tokenizer())
    with pytest.raises(MissingExtra) as raised:
        LocalTokenizer(b"")
    assert "pip install 'sentencepiece>=" in str(raised.value)
    assert LocalTokenizer.load("gemini-2.5-flash", cache_dir=tmp_path) == Failure(raised.value)
    assert LocalTokenizer.from_file(path) == Failure(raised.value)


def test_loaded_at_first_use() -> None:
    """Importing the class loads neither sentencepiece nor a network stack."""
    program = (
        "import sys; from genai_fn import LocalTokenizer; sys.exit(repr({'sentencepiece', 'ssl'} & {*sys.modules}))"
    )
    process = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
        timeout=600,
    )
    assert process.stderr.strip() == "set()"


def test_tokens_join_to_the_text() -> None:
    """The tokens of a text are its bytes, also where a character is split."""
    text = "Why is  the sky blue? 🦄\n天気<start_of_turn>é"
    (info,) = TOKENIZER.compute_tokens(text).tokens_info
    assert b"".join(info.tokens) == text.encode()
    assert len(info.tokens) == len(info.token_ids) == TOKENIZER.count_tokens(text).total_tokens


def test_tokens_of_a_request() -> None:
    """The tokens of a request have the roles of their turns; those of tools have none."""
    config: dict[str, Any] = {"tools": [{"function_declarations": [{"name": "weather", "description": ""}]}]}
    request = generate("m", ["hi", {"function_call": {"name": "weather", "args": {"city": "Rome"}}}], config)
    infos = TOKENIZER.compute_tokens(request).tokens_info
    assert [(each.role, b"".join(each.tokens)) for each in infos] == [
        ("user", b"hi"),
        *[("model", each) for each in (b"weather", b"city", b"Rome")],
        (None, b"weather"),
    ]
    assert TOKENIZER.count_tokens(request).total_tokens == sum(len(each.token_ids) for each in infos)


@pytest.mark.parametrize(
    "contents",
    [
        "\ud800",
        {"function_call": {"name": "f", "args": {"\udfff": 1}}},
        Part(text="\udfff"),
    ],
)
def test_lone_surrogates(contents: Any) -> None:
    """A lone surrogate, which is no text, raises an error that can be shown."""
    with pytest.raises(InvalidRequest) as raised:
        TOKENIZER.count_tokens(contents)
    assert str(raised.value).isprintable()


def test_copies() -> None:
    """A tokenizer can be copied and pickled, and its repr states its size."""
    for each in (copy.copy(TOKENIZER), copy.deepcopy(TOKENIZER), pickle.loads(pickle.dumps(TOKENIZER))):
        assert each.compute_tokens("the sky") == TOKENIZER.compute_tokens("the sky")
    assert repr(TOKENIZER) == "<LocalTokenizer with 420 tokens>"


def test_threads() -> None:
    """Threads may share a tokenizer."""
    texts = [f"{number} the sky {'blue ' * number}" for number in range(100)]
    expected = [TOKENIZER.compute_tokens(each) for each in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(TOKENIZER.compute_tokens, texts)) == expected
