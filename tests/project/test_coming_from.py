"""``docs/coming-from-google-genai.md``: call beside call, all of them, and none that is not there."""

import inspect
import re
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from google.genai import (
    batches,
    caches,
    chats,
    client,
    documents,
    file_search_stores,
    files,
    live,
    live_music,
    models,
    operations,
    tokens,
    tunings,
)

import genai_fn
import genai_fn.testing

PAGE = Path(__file__).parents[2] / "docs" / "coming-from-google-genai.md"
RUNNERS = ("run", "session", "response")
"""What stands for a value on the right, not for a name of ours."""

PLACES: dict[str, type[Any]] = {
    "client": client.Client,
    "client.models": models.Models,
    "client.chats": chats.Chats,
    "chat": chats.Chat,
    "client.files": files.Files,
    "client.caches": caches.Caches,
    "client.batches": batches.Batches,
    "client.tunings": tunings.Tunings,
    "client.file_search_stores": file_search_stores.FileSearchStores,
    "client.file_search_stores.documents": documents.Documents,
    "client.auth_tokens": tokens.Tokens,
    "client.operations": operations.Operations,
    "client.aio.live": live.AsyncLive,
    "session": live.AsyncSession,
    "client.aio.live.music": live_music.AsyncLiveMusic,
    "music": live_music.AsyncMusicSession,
}
"""How the page calls an object of each class of google-genai's that has methods for people."""


def _methods() -> Iterator[str]:
    for place, kind in PLACES.items():
        for name, _ in inspect.getmembers(kind, inspect.isfunction):
            if not name.startswith("_"):
                yield f"{place}.{name}"
    yield from ("local_tokenizer.count_tokens", "local_tokenizer.compute_tokens")  # it needs more packages to import


def _rows() -> Iterator[tuple[str, str, str]]:
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip().replace("\0", "|") for cell in line.replace(r"\|", "\0").split("|")]
        if len(cells) == 5 and cells[1].startswith("`"):
            yield cells[1], cells[2], cells[3]


ROWS = tuple(_rows())


@pytest.mark.parametrize("method", tuple(_methods()))
def test_named(method: str) -> None:
    """Every method of google-genai's has a row."""
    assert [theirs for theirs, _, _ in ROWS if f"`{method}(" in theirs] != []


def _names(code: str) -> Iterator[str]:
    """Give what a cell calls: ``images.generate``, not what is passed."""
    for found in re.finditer(r"(?<![\w.])([A-Za-z_]+(?:\.[a-z_]+)*)\(", " ".join(re.findall("`([^`]*)`", code))):
        if found[1].partition(".")[0] not in RUNNERS:
            yield found[1]


def _is_there(name: str) -> bool:
    if name in genai_fn.testing.__all__:
        return True
    try:
        reduce(getattr, name.split("."), genai_fn)
    except AttributeError:
        return False
    return name.partition(".")[0] in genai_fn.__all__


@pytest.mark.parametrize(("theirs", "ours", "remark"), ROWS, ids=[row[0].strip("`") for row in ROWS])
def test_is_there(theirs: str, ours: str, remark: str) -> None:
    """What stands on the right is there to be called, or is said to be not yet, which is said only while it holds."""
    names = set(_names(ours))
    if not remark.startswith("not yet"):
        assert {name for name in names if not _is_there(name)} == set()
    elif "tokens." not in ours:  # these are there, but for what they do here
        assert not names or not all(map(_is_there, names))


def test_parameters_keep_their_names() -> None:
    """Where a row lists the parameters of ours, they are the builder's own, in its order."""
    for _, ours, _ in ROWS:
        for name, given in re.findall(r"`([a-z_]+(?:\.[a-z_]+)*)\(([a-z_, ]+)\)`", ours):
            if _is_there(name):
                own = list(inspect.signature(reduce(getattr, name.split("."), genai_fn)).parameters)
                assert (name, given.split(", ")) == (name, own[: len(given.split(", "))])
