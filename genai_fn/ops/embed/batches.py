"""Batches of texts for `embed_many`: how much one request takes, by backend and model, and cutting texts into those."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Generic, TypeAlias, TypeVar

from genai_fn import codec
from genai_fn.backend import Backend, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.schema.contents import SeparateContentsLike
from genai_fn.schema.convert import as_value
from genai_fn.values import Value

__all__ = ["AsyncBatches", "Batch", "BatchCutter", "BatchLimits", "get_batch_limits", "iterate_batches"]

T = TypeVar("T")

Batch: TypeAlias = tuple[int, tuple[Any, ...]]
"""The index of the first text, and the texts."""


# Limits


class BatchLimits(Value):
    """
    How much is sent in one request: numbers of texts, of tokens and of bytes of all texts together.

    >>> from genai_fn import Vertex
    >>> get_batch_limits(Vertex("project", "us-central1"), "text-embedding-005")
    BatchLimits(texts=250, tokens=20000, size=1400000)
    """

    texts: int
    tokens: float = float("inf")
    size: float = float("inf")


_GEMINI_LIMITS = BatchLimits(texts=100, size=19_000_000)
"""
"BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch"; requests up to 20 MB
(https://ai.google.dev/gemini-api/docs/files). No number of tokens is documented for a whole request.
"""

_VERTEX_PREDICT_LIMITS = BatchLimits(texts=250, tokens=20_000, size=1_400_000)
"""
250 texts and 20,000 tokens (https://cloud.google.com/vertex-ai/generative-ai/docs/embeddings/get-text-embeddings);
requests up to 1.5 MB (https://cloud.google.com/vertex-ai/docs/predictions/get-online-predictions).
"""

_VERTEX_SINGLE_LIMITS = BatchLimits(texts=1)
"""
"gemini-embedding-001 supports one instance per request" (the page on text embeddings), and online requests to the other
Gemini models take one input (its neighbour on batch inference). google-genai refuses several for ``maas`` models.
"""

_VERTEX_SINGLE_WORDS = ("gemini", "maas", "embedding-large")
"""Words in the names of models that embed one text at a time."""


def get_batch_limits(backend: Backend | None, model: str) -> BatchLimits:
    """Return the documented limits of one request; without a backend, those of the Gemini Developer API."""
    if not isinstance(backend, Vertex):
        return _GEMINI_LIMITS
    name = model.rpartition("/")[2]
    return _VERTEX_SINGLE_LIMITS if any(word in name for word in _VERTEX_SINGLE_WORDS) else _VERTEX_PREDICT_LIMITS


# Batches


class BatchCutter:
    """
    Collects texts, and cuts them into batches within limits. A text that exceeds them by itself is a batch of its own.

    The size of a text is its UTF-8; its number of tokens is estimated as a third of that, which is more than most texts
    have: four characters of English, or one to two of Chinese, are a token. A batch has one more token for each text.

    Args:
        limits: The limits of each batch.

        count_tokens: Returns the number of tokens of a text, instead of the estimate.
    """

    def __init__(self, limits: BatchLimits, count_tokens: Callable[[Any], int] | None = None) -> None:
        self._limits = limits
        self._count_tokens = count_tokens
        self._texts: list[Any] = []
        self._start = 0
        self._counted_tokens = 0
        self._size = 0

    @property
    def room(self) -> int:
        """The number of texts that the current batch still takes, unless it reaches another limit before."""
        return self._limits.texts - len(self._texts)

    def add(self, text: Any) -> Batch | None:
        """Add a text; returns a batch if the text completes one, or does not fit into the one before."""
        tokens = 0 if self._count_tokens is None else _count(self._count_tokens, text)
        size = _measure_size(text)
        full = None if self._fits(1, size, tokens) else self.take()
        self._texts.append(text)
        self._size += size
        self._counted_tokens += tokens
        return self._take_full() or full

    def add_all(self, texts: tuple[Any, ...]) -> Iterable[Batch]:
        """Add up to `room` texts; returns all batches that are complete. It is faster than adding each."""
        size = None if self._count_tokens is not None else _measure_texts(texts)
        if size is None or not self._fits(len(texts), size, 0):
            return tuple(batch for batch in map(self.add, texts) if batch is not None)
        self._texts += texts
        self._size += size
        full = self._take_full()
        return () if full is None else (full,)

    def _fits(self, count: int, size: int, counted_tokens: int) -> bool:
        limits, texts, size = self._limits, len(self._texts) + count, self._size + size
        tokens = (
            size // _BYTES_OF_TOKEN + texts if self._count_tokens is None else self._counted_tokens + counted_tokens
        )
        return texts <= limits.texts and size <= limits.size and tokens <= limits.tokens

    def _take_full(self) -> Batch | None:
        return self.take() if len(self._texts) >= self._limits.texts else None

    def take(self) -> Batch | None:
        """Return the texts that are in no batch yet; None if there are none."""
        if not self._texts:
            return None
        batch = self._start, tuple(self._texts)
        self._start += len(self._texts)
        self._texts.clear()
        self._counted_tokens = self._size = 0
        return batch


_BYTES_OF_TOKEN = 3
_MAX_TEXTS_AHEAD = 16
_MAX_LENGTH_AHEAD = 100_000


def _measure_texts(texts: tuple[Any, ...]) -> int | None:
    """Return the bytes of all texts together; None if one is not a text, or they are too long to be joined at once."""
    try:
        if sum(map(len, texts)) > _MAX_LENGTH_AHEAD:
            return None
        joined = "".join(texts)
    except TypeError:
        return None
    return len(joined) if joined.isascii() else len(joined.encode("utf-8", "surrogatepass"))


def _measure_size(text: Any) -> int:
    """Return the bytes of a text, or of the JSON of another content; 0 for anything else, whose request fails."""
    if isinstance(text, str):
        return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    try:
        return len(codec.encode(as_value(SeparateContentsLike, [text], "texts")))
    except InvalidRequest:
        return 0


def _count(count_tokens: Callable[[Any], Any], text: Any) -> int:
    count = count_tokens(text)
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise InvalidRequest("count_tokens", count, "a function that returns a number of tokens, at least 0")
    return count


def iterate_batches(texts: Iterable[Any], cutter: BatchCutter) -> Iterator[Batch]:
    """Yield the batches of texts; each as soon as it is known to be full. At most 16 texts are read ahead."""
    source = iter(texts)
    is_exhausted = False
    while not is_exhausted:  # an iterator that has ended is not read again: one that reads a queue would wait for ever
        count = min(cutter.room, _MAX_TEXTS_AHEAD)
        chunk = tuple(islice(source, count))
        is_exhausted = len(chunk) < count
        yield from cutter.add_all(chunk)
    last = cutter.take()
    if last is not None:
        yield last


class AsyncBatches(Generic[T]):
    """
    What `build` returns for the batches of an async iterable of texts, each as soon as it is known to be full.

    It is a class, because an unfinished async generator depends on the garbage collector.
    """

    def __init__(self, texts: AsyncIterable[Any], cutter: BatchCutter, build: Callable[[Batch], T]) -> None:
        self._source = aiter(texts)
        self._cutter = cutter
        self._build = build
        self._is_exhausted = False

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        while not self._is_exhausted:
            try:
                text = await anext(self._source)
            except StopAsyncIteration:
                self._is_exhausted = True
                break
            batch = self._cutter.add(text)
            if batch is not None:
                return self._build(batch)
        last = self._cutter.take()
        if last is None:
            raise StopAsyncIteration
        return self._build(last)
