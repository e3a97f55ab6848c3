"""Embeds any number of texts: in batches, several at once, with one result for each text."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, overload

from returns.result import Failure, Result, Success

from genai_fn.commands import StreamReader, attempt, emit
from genai_fn.errors import ClientError, GenaiError, InvalidRequest, Unsupported
from genai_fn.ops.embed import EmbeddingOutput, check_output, embed
from genai_fn.ops.embed.arrays import ContentEmbeddingArray
from genai_fn.options import check_at_least_one
from genai_fn.request import Flow, FlowGenerator, FlowTraits, Request, Stream, flow, start_generator, stream
from genai_fn.schema.content import ContentLike
from genai_fn.schema.contents import SeparateContentsLike
from genai_fn.schema.convert import as_struct, as_value
from genai_fn.schema.embeddings import ContentEmbedding, EmbedContentConfig
from genai_fn.streams import gather, is_iterable_of_values
from genai_fn.wire.resource_names import check_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.generation import EmbedContentConfigLike

__all__ = ["embed_batch", "embed_many", "stream_embeddings"]

_AnyEmbedding: TypeAlias = ContentEmbedding | ContentEmbeddingArray
EmbeddingResults: TypeAlias = tuple[Result[_AnyEmbedding, GenaiError], ...]


@overload
def embed_many(
    model: str,
    texts: Iterable[ContentLike] | AsyncIterable[ContentLike],
    config: "EmbedContentConfigLike | None" = None,
    *,
    batch_size: int = 100,
    concurrency: int = 8,
    output: Literal["tuples"] = "tuples",
) -> Stream[ContentEmbedding]: ...
@overload
def embed_many(
    model: str,
    texts: Iterable[ContentLike] | AsyncIterable[ContentLike],
    config: "EmbedContentConfigLike | None" = None,
    *,
    batch_size: int = 100,
    concurrency: int = 8,
    output: Literal["numpy"],
) -> Stream[ContentEmbeddingArray]: ...
@overload
def embed_many(
    model: str,
    texts: Iterable[ContentLike] | AsyncIterable[ContentLike],
    config: "EmbedContentConfigLike | None" = None,
    *,
    batch_size: int = 100,
    concurrency: int = 8,
    output: EmbeddingOutput,
) -> Stream[ContentEmbedding] | Stream[ContentEmbeddingArray]: ...
def embed_many(
    model: str,
    texts: Iterable[ContentLike] | AsyncIterable[ContentLike],
    config: "EmbedContentConfigLike | None" = None,
    *,
    batch_size: int = 100,
    concurrency: int = 8,
    output: EmbeddingOutput = "tuples",
) -> Stream[ContentEmbedding] | Stream[ContentEmbeddingArray]:
    """
    Embed any number of texts and stream one vector for each, in order.

    Only the batches that are being embedded are in memory. A batch that the server rejects because of its content is
    split in half until only the offending text fails. Any other error is the result of every text in the batch.

    Args:
        model: As in ``embed``.

        texts: An iterable of what ``embed`` takes in a list; with an async interpreter, it may be an async iterable.

        config: As in ``embed``.

        batch_size: Number of texts in one request: up to 100 on the Gemini Developer API, up to 250 on Vertex AI, where
            some models take only one.

        concurrency: Number of requests that run at once.

        output: As in ``embed``. With ``"numpy"``, the ``values`` of each vector are a read-only array of shape
            ``(dimensions,)`` and dtype float32.

    Raises:
        InvalidRequest: If the model name is empty or invalid, ``texts`` is not an iterable, a text in a list or tuple
            cannot be converted, a field of ``config`` is unknown or has the wrong type, a number is less than 1, or
            ``output`` is another text.

        MissingExtra: If ``output`` is ``"numpy"``, and numpy is not installed.

    Fails with:
        AsyncOnly: If ``texts`` is an async iterable, and the interpreter is sync.

        ClientError: For a text that the server rejects (400 or 413).

        CountMismatch: For each text of a batch whose response has more or fewer vectors than texts.

        DecodeError: If ``output`` is ``"numpy"``, for each text of a batch whose vectors differ in length.
    """
    check_at_least_one("batch_size", batch_size)
    check_at_least_one("concurrency", concurrency)
    if not is_iterable_of_values(texts) or isinstance(texts, Mapping):
        raise InvalidRequest("texts", texts, "an iterable of texts, sync or async")
    validated = _validate_texts(texts) if isinstance(texts, list | tuple) else texts
    parsed_config = as_struct(EmbedContentConfig, config)
    arguments = (check_model_name(model), validated, parsed_config, batch_size, concurrency, check_output(output))
    return Stream(stream_embeddings, None, arguments)


def _validate_texts(texts: Sequence[ContentLike]) -> tuple[Any, ...]:
    """Check the items of a list or tuple; texts are not converted, to save memory."""
    if all(isinstance(text, str) for text in texts):
        return tuple(texts)
    converted: tuple[Any, ...] = as_value(SeparateContentsLike, texts, "texts")
    return converted


@stream(traits=FlowTraits(spawns=True))
def stream_embeddings(  # noqa: PLR0917  # what `embed_many` takes, in its order, from which a repr is written
    model: str,
    texts: Any,
    config: EmbedContentConfig,
    batch_size: int,
    concurrency: int,
    output: EmbeddingOutput = "tuples",
) -> FlowGenerator[None]:
    """Run the batches concurrently and emit the result of each text."""
    is_sync = isinstance(texts, Iterable)
    batches: Any = (_iter_batches if is_sync else _AsyncBatches)(model, texts, config, batch_size, output)
    reader: StreamReader[EmbeddingResults] = StreamReader(gather(batches, concurrency=concurrency))
    while (batch := (yield from reader.read_next())) is not None:
        if isinstance(batch, Failure):  # of the whole stream: it was closed, or this interpreter cannot read it
            yield from emit(batch)
            return
        for vector in batch.unwrap():
            yield from emit(vector)


def _iter_batches(
    model: str, texts: Iterable[Any], config: EmbedContentConfig, size: int, output: EmbeddingOutput
) -> Iterator[Flow[EmbeddingResults]]:
    source = iter(texts)
    while batch := tuple(islice(source, size)):
        yield embed_batch(model, batch, config, output)


class _AsyncBatches:
    """Batches of an async iterable; a class, because an unfinished async generator depends on the garbage collector."""

    def __init__(
        self, model: str, texts: AsyncIterable[Any], config: EmbedContentConfig, size: int, output: EmbeddingOutput
    ) -> None:
        self._source = aiter(texts)
        self._model = model
        self._config = config
        self._size = size
        self._output: EmbeddingOutput = output

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
        return embed_batch(self._model, tuple(batch), self._config, self._output)


@flow
def embed_batch(
    model: str, texts: tuple[Any, ...], config: EmbedContentConfig, output: EmbeddingOutput = "tuples"
) -> FlowGenerator[Result[EmbeddingResults, GenaiError]]:
    """Embed some texts and return a result for each; a batch that is rejected is split in half and tried again."""
    result: Result[Any, GenaiError]
    try:
        result = yield from attempt(_build_request(model, texts, config, output))
    except InvalidRequest as mistake:  # items of an iterator are validated only here; others may be valid
        result = Failure(mistake)
    if not isinstance(result, Failure):
        return Success(tuple(map(Success, result.unwrap().embeddings)))
    if len(texts) == 1 or not _is_content_error(result.failure()):
        return Success(cast("EmbeddingResults", (result,) * len(texts)))
    halves: list[Result[_AnyEmbedding, GenaiError]] = []
    for half in (texts[: len(texts) // 2], texts[len(texts) // 2 :]):
        half_result = yield from start_generator(embed_batch(model, half, config, output))
        halves += half_result.unwrap()
    return Success(tuple(halves))


def _build_request(
    model: str, texts: tuple[Any, ...], config: EmbedContentConfig, output: EmbeddingOutput
) -> Request[Any]:
    return embed(model, list(texts), config, output=output)


def _is_content_error(error: GenaiError) -> bool:
    """Check whether an error is caused by the content, and not by the credentials: an invalid key is a 400, too."""
    if isinstance(error, InvalidRequest | Unsupported):
        return True
    if not isinstance(error, ClientError):
        return False
    is_of_key = any("API_KEY" in str(detail) for detail in error.details)
    return error.code == 413 or (error.code == 400 and error.status in ("INVALID_ARGUMENT", "") and not is_of_key)
