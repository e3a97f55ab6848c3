"""``docs/coming-from-google-genai.md`` lists every method of google-genai, and only names that exist here."""

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
    local_tokenizer,
    models,
    operations,
    tokens,
    tunings,
)

import genai_fn
import genai_fn.testing
from tests.support.check_each import check_each

PAGE = Path(__file__).parents[2] / "docs" / "coming-from-google-genai.md"
RUNNERS = ("run", "session", "response", "tokenizer")
"""Variables in the right column; they are not names of genai_fn."""

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
    "local_tokenizer": local_tokenizer.LocalTokenizer,
}
"""The expression by which the page refers to an object of each public class of google-genai."""


def _list_methods() -> Iterator[str]:
    for place, kind in PLACES.items():
        for name, _ in inspect.getmembers(kind, inspect.isfunction):
            if not name.startswith("_"):
                yield f"{place}.{name}"


def _read_rows() -> Iterator[tuple[str, str, str]]:
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip().replace("\0", "|") for cell in line.replace(r"\|", "\0").split("|")]
        if len(cells) == 5 and cells[1].startswith("`"):
            yield cells[1], cells[2], cells[3]


ROWS = tuple(_read_rows())


@pytest.mark.parametrize("method", tuple(_list_methods()))
def test_every_method_has_a_row(method: str) -> None:
    """Every public method of google-genai has a row."""
    assert [theirs for theirs, _, _ in ROWS if f"`{method}(" in theirs] != []


def _find_called_names(code: str) -> Iterator[str]:
    """Yield the names that a cell calls, such as ``images.generate``, without their arguments."""
    for found in re.finditer(r"(?<![\w.])([A-Za-z_]+(?:\.[a-z_]+)*)\(", " ".join(re.findall("`([^`]*)`", code))):
        if found[1].partition(".")[0] not in RUNNERS:
            yield found[1]


def _is_public(name: str) -> bool:
    if name in genai_fn.testing.__all__:
        return True
    try:
        reduce(getattr, name.split("."), genai_fn)
    except AttributeError:
        return False
    return name.partition(".")[0] in genai_fn.__all__


@check_each([row[1] for row in ROWS])
def test_names_exist(ours: str) -> None:
    """Every name in the right column exists."""
    assert [name for name in set(_find_called_names(ours)) if not _is_public(name)] == []


def test_parameters_keep_their_names() -> None:
    """Parameters in the right column are those of the builder, in its order."""
    for _, ours, _ in ROWS:
        for name, given in re.findall(r"`([a-z_]+(?:\.[a-z_]+)*)\(([a-z_, ]+)\)`", ours):
            if _is_public(name):
                own = list(inspect.signature(reduce(getattr, name.split("."), genai_fn)).parameters)
                assert (name, given.split(", ")) == (name, own[: len(given.split(", "))])
