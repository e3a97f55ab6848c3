"""Vectors for any number of texts: in batches, several at once, one result for each text."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias, cast

from returns.result import Failure, Result, Success

from genai_fn.commands import StreamReader, attempt, emit
from genai_fn.errors import ClientError, GenaiError, InvalidRequest, Unsupported
from genai_fn.ops.embed import embed
from genai_fn.options import check_at_least_one
from genai_fn.request import Flow, FlowGenerator, FlowTraits, Stream, flow, start_generator, stream
from genai_fn.schema import ContentEmbedding, EmbedContentConfig
from genai_fn.schema.content import ContentLike, SeparateContentsLike
from genai_fn.schema.convert import as_struct, as_value
from genai_fn.streams import gather, is_iterable_of_values
from genai_fn.wire.resource_names import check_model_name

__all__ = ["embed_batch", "embed_many", "stream_embeddings"]

EmbeddingResults: TypeAlias = tuple[Result[ContentEmbedding, GenaiError], ...]


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

    A batch that is refused is split until the bad text fails alone; an answer of too few vectors is ``CountMismatch``
    for each of its texts.

    Args:
        texts: Any iterable of what ``embed`` takes in a list; in async worlds, it may be an async one.

        batch_size: How many go in one request: up to 100 for the Gemini Developer API, 250 for Vertex AI, and there but
            one for some models.

        concurrency: How many requests are under way at once.
    """
    check_at_least_one("batch_size", batch_size)
    check_at_least_one("concurrency", concurrency)
    if not is_iterable_of_values(texts) or isinstance(texts, Mapping):
        raise InvalidRequest("texts", texts, "an iterable of texts, maybe an async one")
    kept = _validate_texts(texts) if isinstance(texts, list | tuple) else texts
    settled = as_struct(EmbedContentConfig, config)
    return Stream(stream_embeddings, None, (check_model_name(model), kept, settled, batch_size, concurrency))


def _validate_texts(texts: Sequence[ContentLike]) -> tuple[Any, ...]:
    """Look through what is all there; a text stays as it is, and small."""
    if all(isinstance(text, str) for text in texts):
        return tuple(texts)
    settled: tuple[Any, ...] = as_value(SeparateContentsLike, texts, "texts")
    return settled


@stream(traits=FlowTraits(spawns=True))
def stream_embeddings(
    model: str, texts: Any, config: EmbedContentConfig, batch_size: int, concurrency: int
) -> FlowGenerator[None]:
    """Gather batches, and emit what is in them."""
    is_sync = isinstance(texts, Iterable)
    batches: Any = (_iter_batches if is_sync else _AsyncBatches)(model, texts, config, batch_size)
    reading: StreamReader[EmbeddingResults] = StreamReader(gather(batches, concurrency=concurrency))
    while (batch := (yield from reading.read_next())) is not None:
        if isinstance(batch, Failure):  # no batch's own: the stream was closed, or cannot be read in this world
            yield from emit(batch)
            return
        for vector in batch.unwrap():
            yield from emit(vector)


def _iter_batches(
    model: str, texts: Iterable[Any], config: EmbedContentConfig, size: int
) -> Iterator[Flow[EmbeddingResults]]:
    source = iter(texts)
    while batch := tuple(islice(source, size)):
        yield embed_batch(model, batch, config)


class _AsyncBatches:
    """The same of an async iterable; a class, as async generators cannot be left without a trace."""

    def __init__(self, model: str, texts: AsyncIterable[Any], config: EmbedContentConfig, size: int) -> None:
        self._source = aiter(texts)
        self._model = model
        self._config = config
        self._size = size

    def __aiter__(self) -> AsyncIterator[Flow[EmbeddingResults]]:
        return self

    async def __anext__(self) -> Flow[EmbeddingResults]:
        batch: list[Any] = []
        while len(batch) < self._size:
            try:
                batch.append(await anext(self._source))
            except StopAsyncIteration:
                break
        if not batch:
            raise StopAsyncIteration
        return embed_batch(self._model, tuple(batch), self._config)


@flow
def embed_batch(
    model: str, texts: tuple[Any, ...], config: EmbedContentConfig
) -> FlowGenerator[Result[EmbeddingResults, GenaiError]]:
    """Embed some texts: a result for each, halving what is refused."""
    result: Result[Any, GenaiError]
    try:
        result = yield from attempt(embed(model, list(texts), config))
    except InvalidRequest as mistake:  # of an iterable nobody looked through: the other texts are none the worse
        result = Failure(mistake)
    if not isinstance(result, Failure):
        return Success(tuple(map(Success, result.unwrap().embeddings)))
    if len(texts) == 1 or not _is_content_error(result.failure()):
        return Success(cast("EmbeddingResults", (result,) * len(texts)))
    halves: list[Result[ContentEmbedding, GenaiError]] = []
    for half in (texts[: len(texts) // 2], texts[len(texts) // 2 :]):
        answered = yield from start_generator(embed_batch(model, half, config))
        halves += answered.unwrap()
    return Success(tuple(halves))


def _is_content_error(error: GenaiError) -> bool:
    """Tell a refusal of what was sent from one of who sent it: a bad key is a 400, too."""
    if isinstance(error, InvalidRequest | Unsupported):
        return True
    if not isinstance(error, ClientError):
        return False
    is_of_key = any("API_KEY" in str(detail) for detail in error.details)
    return error.code == 413 or (error.code == 400 and error.status in ("INVALID_ARGUMENT", "") and not is_of_key)
