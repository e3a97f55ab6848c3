"""Batches of texts: the limits by backend and model, and texts cut within them."""

from collections.abc import AsyncIterator, Callable
from math import inf
from typing import Any

import anyio
import pytest
from hypothesis import given, strategies as st

from genai_fn import Gemini, InvalidRequest, Vertex
from genai_fn.backend import Backend
from genai_fn.ops.embed.batches import (
    AsyncBatches,
    Batch,
    BatchCutter,
    BatchLimits,
    get_batch_limits,
    iterate_batches,
)
from genai_fn.schema import Blob, Content, Part

VERTEX = Vertex("p", "us-central1")


@pytest.mark.parametrize(
    ("backend", "model", "texts", "tokens"),
    (
        (Gemini("k"), "gemini-embedding-001", 100, inf),
        (Gemini("k"), "models/gemini-embedding-2", 100, inf),
        (None, "text-embedding-005", 100, inf),
        (VERTEX, "gemini-embedding-001", 1, inf),
        (VERTEX, "publishers/google/models/gemini-embedding-2", 1, inf),
        (VERTEX, "publishers/intfloat/models/multilingual-e5-large-instruct-maas", 1, inf),
        (VERTEX, "text-embedding-large-exp-03-07", 1, inf),
        (VERTEX, "text-embedding-005", 250, 20_000),
        (VERTEX, "text-multilingual-embedding-002", 250, 20_000),
        (VERTEX, "projects/gemini/locations/l/endpoints/5", 250, 20_000),
    ),
)
def test_limits(backend: Backend | None, model: str, texts: int, tokens: float) -> None:
    """The limits are those that the backend documents for the model."""
    limits = get_batch_limits(backend, model)
    assert (limits.texts, limits.tokens) == (texts, tokens)


def cut(texts: Any, limits: BatchLimits, count_tokens: Callable[[Any], int] | None = None) -> list[Batch]:
    return list(iterate_batches(texts, BatchCutter(limits, count_tokens)))


@pytest.mark.parametrize(
    ("limits", "batches"),
    (
        (BatchLimits(2), [(0, ("a", "bb")), (2, ("ccc", "dddddd")), (4, ("e",))]),
        (BatchLimits(9), [(0, ("a", "bb", "ccc", "dddddd", "e"))]),
        (BatchLimits(9, size=6), [(0, ("a", "bb", "ccc")), (3, ("dddddd",)), (4, ("e",))]),
        (BatchLimits(9, size=5), [(0, ("a", "bb")), (2, ("ccc",)), (3, ("dddddd",)), (4, ("e",))]),
        (BatchLimits(9, tokens=4), [(0, ("a", "bb")), (2, ("ccc",)), (3, ("dddddd", "e"))]),
        (BatchLimits(2, tokens=4), [(0, ("a", "bb")), (2, ("ccc",)), (3, ("dddddd", "e"))]),
        (BatchLimits(9, tokens=1), [(0, ("a",)), (1, ("bb",)), (2, ("ccc",)), (3, ("dddddd",)), (4, ("e",))]),
    ),
)
def test_cut(limits: BatchLimits, batches: list[Batch]) -> None:
    """A batch ends before the text that exceeds a limit; a text that exceeds one by itself is alone."""
    assert cut(["a", "bb", "ccc", "dddddd", "e"], limits) == batches


def test_no_texts() -> None:
    """Without texts there is no batch."""
    assert cut([], BatchLimits(5)) == []


@pytest.mark.parametrize(
    ("text", "size"),
    (
        ("abc", 3),
        ("für", 4),
        ("東京", 6),
        ("\ud800", 3),
        ({"text": "für"}, 40),
        (Content(parts=(Part(inline_data=Blob(data=bytes(3_000), mime_type="image/png")),)), 4_000),
    ),
)
def test_sizes(text: Any, size: int) -> None:
    """The size of a text is its UTF-8, that of another content its JSON, with the data in base64."""
    assert len(cut([text, "x"], BatchLimits(9, size=size))) == 2
    assert len(cut([text, "x"], BatchLimits(9, size=size + 200))) == 1


def test_misfits() -> None:
    """What is not a text has no size; its request reports it."""
    assert cut([5, None, object], BatchLimits(9, size=1)) == [(0, (5, None, object))]


def test_given_count() -> None:
    """A given function counts the tokens of each text once."""
    counted: list[str] = []

    def count_words(text: str) -> int:
        counted.append(text)
        return len(text.split())

    assert cut(["a b", "c", "d"], BatchLimits(9, tokens=3), count_words) == [(0, ("a b", "c")), (2, ("d",))]
    assert counted == ["a b", "c", "d"]


@pytest.mark.parametrize("count", (-1, 1.5, True, None, "5"))
def test_bad_count(count: Any) -> None:
    """A count that is none is a mistake, which names the function."""
    with pytest.raises(InvalidRequest, match="count_tokens"):
        cut(["a"], BatchLimits(9), lambda text: count)


class AsyncTexts:
    """An async iterable of texts."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = iter(texts)

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        for text in self._texts:
            return text
        raise StopAsyncIteration


@given(
    texts=st.lists(st.text(max_size=20), max_size=40),
    limits=st.builds(BatchLimits, st.integers(1, 10), st.integers(1, 20) | st.just(inf), st.integers(1, 60)),
)
def test_any_texts(texts: list[str], limits: BatchLimits) -> None:
    """For any texts and limits: each text is in one batch, in order, within the limits unless it is alone."""
    batches = cut(texts, limits)
    assert [text for _, batch in batches for text in batch] == texts
    assert [start for start, _ in batches] == [sum(len(batch) for _, batch in batches[:n]) for n in range(len(batches))]
    for _, batch in batches:
        sizes = [len(text.encode()) for text in batch]
        assert 1 <= len(batch) <= limits.texts
        assert len(batch) == 1 or (sum(sizes) <= limits.size and sum(sizes) // 3 + len(batch) <= limits.tokens)

    async def cut_async() -> list[Batch]:
        return [each async for each in AsyncBatches(AsyncTexts(texts), BatchCutter(limits), tuple)]

    assert anyio.run(cut_async) == batches


class _Once:
    """Texts from a queue, as a program reads them: read again after their end, it would wait for ever."""

    def __init__(self, count: int) -> None:
        self._texts = [*"abcdefghijklmnopqrstuvwxyz"[:count], None]

    def __iter__(self) -> "_Once":
        return self

    def __aiter__(self) -> "_Once":
        return self

    def __next__(self) -> str:
        text = self._texts.pop(0)  # IndexError if it is read after its end
        if text is None:
            raise StopIteration
        return text

    async def __anext__(self) -> str:
        try:
            return next(self)
        except StopIteration:
            raise StopAsyncIteration from None


@pytest.mark.parametrize("count", (0, 1, 4, 8, 9, 16, 17, 20))
def test_texts_are_not_read_after_their_end(count: int) -> None:
    """An iterator that has ended is not read again, sync or async."""

    async def collect() -> list[Batch]:
        return [batch async for batch in AsyncBatches(_Once(count), BatchCutter(limits), tuple)]

    for limits in (BatchLimits(4), BatchLimits(100)):
        assert cut(_Once(count), limits) == anyio.run(collect) == cut("abcdefghijklmnopqrstuvwxyz"[:count], limits)
