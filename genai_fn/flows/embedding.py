"""Vectors for any number of texts: in batches, several at once, one result for each text."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from returns.result import Failure, Result, Success

from genai_fn.errors import ClientError, GenaiError, InvalidRequest
from genai_fn.flows.gathering import gather
from genai_fn.ops.embed import embed
from genai_fn.request import Flow, Steps, Stream, flow, spawning, stream
from genai_fn.schema import ContentEmbedding, EmbedContentConfig
from genai_fn.schema._convert import as_struct
from genai_fn.schema.content import ContentLike
from genai_fn.steps import Reading, attempt, emit

__all__ = ["embed_many", "embedded", "embedded_batch"]


def embed_many(
    model: str,
    texts: Iterable[ContentLike] | AsyncIterable[ContentLike],
    config: EmbedContentConfig | Mapping[str, Any] | None = None,
    *,
    batch_size: int = 100,
    concurrency: int = 8,
) -> Stream[ContentEmbedding]:
    """
    Stream one vector for each text, in order, with no more than the batches under way in memory.

    A batch that the server refuses is split until the bad text fails alone.

    Args:
        texts: Any iterable of what ``embed`` takes in a list; in async worlds, it may be an async one.

        batch_size: How many go in one request; the Gemini Developer API takes 100.

        concurrency: How many requests are under way at once.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:  # pyright: ignore[reportUnnecessaryIsInstance]  # the caller's word
        raise InvalidRequest("batch_size", batch_size, "a whole number of at least 1")
    kept = tuple(texts) if isinstance(texts, list | tuple) else texts
    return Stream(embedded, None, (model, kept, as_struct(EmbedContentConfig, config), batch_size, concurrency))


@spawning
@stream
def embedded(model: str, texts: Any, config: EmbedContentConfig, batch_size: int, concurrency: int) -> Steps[None]:
    """Gather batches, and emit what is in them."""
    is_async = isinstance(texts, AsyncIterable)
    batches: Any = (_batches_async if is_async else _batches)(model, texts, config, batch_size)
    reading: Reading[tuple[Result[ContentEmbedding, GenaiError], ...]] = Reading(gather(batches, concurrency=concurrency))
    while (batch := (yield from reading.next())) is not None:
        for vector in batch.unwrap():  # a batch is a success of results, whatever they are
            yield from emit(vector)


def _batches(model: str, texts: Iterable[Any], config: EmbedContentConfig, size: int) -> Iterator[Flow[Any]]:
    source = iter(texts)
    while batch := tuple(islice(source, size)):
        yield embedded_batch(model, batch, config)


async def _batches_async(
    model: str, texts: AsyncIterable[Any], config: EmbedContentConfig, size: int
) -> AsyncIterator[Flow[Any]]:
    batch: list[Any] = []
    async for text in texts:
        batch.append(text)
        if len(batch) == size:
            yield embedded_batch(model, tuple(batch), config)
            batch = []
    if batch:
        yield embedded_batch(model, tuple(batch), config)


@flow
def embedded_batch(
    model: str, texts: tuple[Any, ...], config: EmbedContentConfig
) -> Steps[Result[tuple[Result[ContentEmbedding, GenaiError], ...], GenaiError]]:
    """Embed some texts: a result for each, halving what is refused."""
    result = yield from attempt(embed(model, list(texts), config))
    if not isinstance(result, Failure):
        return Success(tuple(map(Success, result.unwrap().embeddings)))
    error = result.failure()
    if len(texts) == 1 or not (isinstance(error, ClientError) and error.code == 400):  # noqa: PLR2004  # the server's word for a bad text
        return Success((result,) * len(texts))
    halves: list[Result[ContentEmbedding, GenaiError]] = []
    for half in (texts[: len(texts) // 2], texts[len(texts) // 2 :]):
        answered = yield from attempt(embedded_batch(model, half, config))
        halves += answered.unwrap()
    return Success(tuple(halves))
