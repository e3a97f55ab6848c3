"""
Small SentencePiece models, trained in a moment, in place of the models' own tokenizers.

In doctests, `LocalTokenizer.load` finds such a tokenizer in the user's cache folder.
"""

import hashlib
import io
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from genai_fn.local_tokenizer import model_names
from genai_fn.local_tokenizer.model_names import ModelFile

__all__ = ["SETTINGS", "cache_tokenizer_for_doctests", "describe_model_file", "train_tokenizer"]

_SENTENCES = (
    "Why is the sky blue? Because the air scatters blue light.",
    "What is the weather in Rome, and how warm will it be tomorrow?",
    "def weather(city: str, days: int = 1) -> str: return the weather of a city",
    "Straße, café, naïve, наука, 天気",
    "0 1 2 3 4 5 6 7 8 9 { } [ ] ( ) : ; , . _ - + = / \\ \" '",
)

SETTINGS: dict[str, dict[str, Any]] = {
    "bytes": {
        "model_type": "bpe",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "add_dummy_prefix": False,
        "remove_extra_whitespaces": False,
        "user_defined_symbols": "<start_of_turn>",
    },
    "unknown": {"model_type": "unigram", "split_digits": True},
}
"""
Settings of the trainer.

- bytes: as the tokenizers of Gemini models, which split characters that they do not know into bytes
- unknown: SentencePiece's defaults, with one token for all that is unknown
"""


@cache
def train_tokenizer(kind: str = "bytes") -> bytes:
    """Train a SentencePiece model."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_SENTENCES * 20),
        model_writer=model,
        vocab_size=420 if kind == "bytes" else 120,
        hard_vocab_limit=False,
        minloglevel=3,
        **SETTINGS[kind],
    )
    return model.getvalue()


def describe_model_file(content: bytes, url: str = "http://127.0.0.1:1/none") -> ModelFile:
    """Describe a file with this content."""
    return ModelFile("small", url, hashlib.sha256(content).hexdigest())


@pytest.fixture(autouse=True)
def cache_tokenizer_for_doctests(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In doctests about tokens, put a small tokenizer into the user's cache folder, which is a temporary one."""
    if not isinstance(request.node, pytest.DoctestItem) or "token" not in request.node.name:
        return
    content = train_tokenizer()
    file, folder = describe_model_file(content), tmp_path_factory.mktemp("cache")
    Path(folder, "genai_fn").mkdir()
    Path(folder, "genai_fn", f"{file.name}-{file.sha256}.model").write_bytes(content)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    if "model_names" not in request.node.name:
        monkeypatch.setitem(model_names.MODEL_FILES, "gemini-2.5-flash", file)
