"""Embeds any number of texts: in batches, several at once, with one result for each text."""

from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, overload

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.commands import StreamReader, attempt, get_backend
from genai_fn.effects import Emit
from genai_fn.engine.retry import is_fatal_error
from genai_fn.errors import (
    APIError,
    CountMismatch,
    EmbeddingFailed,
    GenaiError,
    InvalidRequest,
    QuotaExceeded,
    Unsupported,
)
from genai_fn.ops.embed import EmbeddingOutput, check_output, embed
from genai_fn.ops.embed.arrays import ContentEmbeddingArray
from genai_fn.ops.embed.batches import AsyncBatches, Batch, BatchCutter, get_batch_limits, iterate_batches
from genai_fn.options import check_at_least_one
from genai_fn.request import Flow, FlowGenerator, FlowTraits, Request, Stream, flow, start_generator, stream
from genai_fn.schema.content import ContentLike
from genai_fn.schema.contents import SeparateContentsLike
from genai_fn.schema.convert import as_struct, as_value
from genai_fn.schema.embeddings import ContentEmbedding, EmbedContentConfig
from genai_fn.schema.foreign_values import is_table, list_column
from genai_fn.streams import gather, is_iterable_of_values
from genai_fn.values import Value
from genai_fn.wire.resource_names import check_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.generation import EmbedContentConfigLike

__all__ = [
    "EmbeddingBatch",
    "StopOnFailure",
    "embed_batch",
    "embed_many",
    "is_content_error",
    "is_last_result",
    "stream_embeddings",
]

_AnyEmbedding: TypeAlias = ContentEmbedding | ContentEmbeddingArray
_EmbeddingResult: TypeAlias = Result[_AnyEmbedding, GenaiError]
EmbeddingResults: TypeAlias = tuple[_EmbeddingResult, ...]
StopOnFailure: TypeAlias = Literal["fatal"] | bool


@overload
def embed_many(
    model: str,
    texts: Iterable[ContentLike] | AsyncIterable[ContentLike],
    config: "EmbedContentConfigLike | None" = None,
    *,
    batch_size: int | None = None,
    max_batch_tokens: int | None = None,
    max_batch_bytes: int | None = None,
    count_tokens: Callable[[Any], int] | None = None,
    concurrency: int = 8,
    stop_on_failure: StopOnFailure = "fatal",
    output: Literal["tuples"] = "tuples",
) -> Stream[ContentEmbedding]: ...
@overload
def embed_many(
    model: str,
    texts: Iterable[ContentLike] | AsyncIterable[ContentLike],
    config: "EmbedContentConfigLike | None" = None,
    *,
    batch_size: int | None = None,
    max_batch_tokens: int | None = None,
    max_batch_bytes: int | None = None,
    count_tokens: Callable[[Any], int] | None = None,
    concurrency: int = 8,
    stop_on_failure: StopOnFailure = "fatal",
    output: Literal["numpy"],
) -> Stream[ContentEmbeddingArray]: ...
@overload
def embed_many(
    model: str,
    texts: Iterable[ContentLike] | AsyncIterable[ContentLike],
    config: "EmbedContentConfigLike | None" = None,
    *,
    batch_size: int | None = None,
    max_batch_tokens: int | None = None,
    max_batch_bytes: int | None = None,
    count_tokens: Callable[[Any], int] | None = None,
    concurrency: int = 8,
    stop_on_failure: StopOnFailure = "fatal",
    output: EmbeddingOutput,
) -> Stream[ContentEmbedding] | Stream[ContentEmbeddingArray]: ...
def embed_many(
    model: str,
    texts: Iterable[ContentLike] | AsyncIterable[ContentLike],
    config: "EmbedContentConfigLike | None" = None,
    *,
    batch_size: int | None = None,
    max_batch_tokens: int | None = None,
    max_batch_bytes: int | None = None,
    count_tokens: Callable[[Any], int] | None = None,
    concurrency: int = 8,
    stop_on_failure: StopOnFailure = "fatal",
    output: EmbeddingOutput = "tuples",
) -> Stream[ContentEmbedding] | Stream[ContentEmbeddingArray]:
    """
    Embed any number of texts and stream one vector for each, in order. Only the running batches are in memory.

    A batch that the server rejects because of its content is split in half until only the offending text fails. An
    error that remains after the retries, such as 503, fails all texts of its batch, and the stream goes on.

    Args:
        model: As in ``embed``.

        texts: What ``embed`` takes in a list: an iterable, a column of pandas, polars or numpy, or an async iterable.

        config: As in ``embed``.

        batch_size: The most texts in a request. By default it is what is documented: 100 on the Gemini Developer API,
            250 on Vertex AI, and 1 there for Gemini and ``maas`` models. More than 1 uses ``:batchEmbedContents``.

        max_batch_tokens: The most tokens in a request. By default 20,000 for models on Vertex AI that take 250 texts.

        max_batch_bytes: The most bytes of texts, as UTF-8, in a request. By default a little less than documented.

        count_tokens: A function that counts the tokens of a text; by default they are estimated by its bytes.

        concurrency: Number of requests that run at once.

        stop_on_failure: Which failures end the stream, as its last item: ``"fatal"``, those that all texts would meet
            (a wrong key, a model that does not exist, a spent quota for a day); True, any; False, none.

        output: As in ``embed``. With ``"numpy"``, the ``values`` of each vector are an array of float32.

    Raises:
        InvalidRequest: If an argument is invalid; the items of ``texts`` are checked if it is a list, tuple or column.

        MissingExtra: If ``output`` is ``"numpy"``, and numpy is not installed.

    Fails with:
        EmbeddingFailed: For a text without a vector: its ``index``, the ``text``, and why, in ``error``.

        AsyncOnly: If ``texts`` is an async iterable, and the interpreter is sync.

    >>> embed_many("gemini-embedding-001", ["a text", "another"])
    embed_many("gemini-embedding-001", ("a text", "another"))
    """
    limits = {"batch_size": batch_size, "max_batch_tokens": max_batch_tokens, "max_batch_bytes": max_batch_bytes}
    _check_options(limits, count_tokens, concurrency, stop_on_failure)
    source = (check_model_name(model), _check_texts(texts), as_struct(EmbedContentConfig, config))
    options = (*limits.values(), count_tokens, concurrency, stop_on_failure, check_output(output))
    return Stream(stream_embeddings, None, (*source, *options))


def _check_options(limits: Mapping[str, int | None], count_tokens: Any, concurrency: int, stop_on_failure: Any) -> None:
    for name, number in limits.items():
        if number is not None:
            check_at_least_one(name, number)
    check_at_least_one("concurrency", concurrency)
    if count_tokens is not None and not callable(count_tokens):
        raise InvalidRequest("count_tokens", count_tokens, "a function from a text to its number of tokens")
    if not isinstance(stop_on_failure, bool) and stop_on_failure != "fatal":
        raise InvalidRequest("stop_on_failure", stop_on_failure, '"fatal", True or False')


def _check_texts(texts: Any) -> Any:
    """Check the items of a list, tuple or column, and convert those that are not texts, as they might change."""
    if is_table(texts):
        raise InvalidRequest("texts", type(texts), 'a column of it, such as table["text"]')
    if not is_iterable_of_values(texts) or isinstance(texts, Mapping):
        raise InvalidRequest("texts", texts, "an iterable of texts, sync or async")
    column = list_column(texts)
    if column is None and not isinstance(texts, list | tuple):
        return texts
    given: tuple[Any, ...] = tuple(cast("Any", texts) if column is None else column)
    if all(isinstance(text, str) for text in given):
        return given
    converted: tuple[Any, ...] = as_value(SeparateContentsLike, given, "texts")
    return tuple(text if isinstance(text, str) else content for text, content in zip(given, converted, strict=True))


@stream(traits=FlowTraits(spawns=True))
def stream_embeddings(  # noqa: PLR0917  # what `embed_many` takes, in its order, from which a repr is written
    model: str,
    texts: Any,
    config: EmbedContentConfig,
    batch_size: int | None,
    max_batch_tokens: int | None,
    max_batch_bytes: int | None,
    count_tokens: Callable[[Any], int] | None,
    concurrency: int,
    stop_on_failure: StopOnFailure,
    output: EmbeddingOutput,
) -> FlowGenerator[None]:
    """Run the batches concurrently and emit the result of each text."""
    limits = get_batch_limits((yield from get_backend()), model)
    given = {"texts": batch_size, "tokens": max_batch_tokens, "size": max_batch_bytes}
    limits = replace(limits, **{name: number for name, number in given.items() if number is not None})
    cutter = BatchCutter(limits, count_tokens)
    build = EmbeddingBatch(model, config, output, stop_on_failure).build_flow
    actions: Any
    if isinstance(texts, Iterable):
        actions = map(build, iterate_batches(cast("Any", texts), cutter))
    else:
        actions = AsyncBatches(texts, cutter, build)
    reader: StreamReader[EmbeddingResults] = StreamReader(gather(actions, concurrency=concurrency))
    while (batch := (yield from reader.read_next())) is not None:
        if isinstance(batch, Failure):  # of the whole stream: it was closed, or this interpreter cannot read it
            yield Emit(batch)
            return
        results = batch.unwrap()
        for result in results:
            yield Emit(result)
        if is_last_result(results[-1], stop_on_failure):
            return


class EmbeddingBatch(Value):
    """The texts of one request, the index of the first one, and what is the same for all batches of a stream."""

    model: str
    config: EmbedContentConfig = EmbedContentConfig()
    output: EmbeddingOutput = "tuples"
    stop_on_failure: StopOnFailure = "fatal"
    start: int = 0
    texts: tuple[Any, ...] = ()

    def build_flow(self, batch: Batch) -> Flow[EmbeddingResults]:
        """Return the flow that embeds other texts in the same way."""
        start, texts = batch
        return embed_batch(replace(self, start=start, texts=texts))

    def split(self) -> "tuple[EmbeddingBatch, EmbeddingBatch]":
        """Return the two halves of the batch."""
        middle = len(self.texts) // 2
        return (
            replace(self, texts=self.texts[:middle]),
            replace(self, texts=self.texts[middle:], start=self.start + middle),
        )


@flow
def embed_batch(batch: EmbeddingBatch) -> FlowGenerator[Result[EmbeddingResults, GenaiError]]:
    """
    Embed some texts and return a result for each; a batch that is rejected is split in half and tried again.

    No result follows a failure that ends the stream.
    """
    result: Result[Any, GenaiError]
    try:
        result = yield from attempt(_build_request(batch))
    except InvalidRequest as mistake:  # items of an iterator are validated only here; others may be valid
        result = Failure(mistake)
    if not isinstance(result, Failure):
        embeddings = result.unwrap().embeddings
        if len(embeddings) == len(batch.texts):
            return Success(tuple(map(Success, embeddings)))
        result = Failure(CountMismatch(len(batch.texts), len(embeddings)))  # of a fake or a middleware
    if len(batch.texts) == 1 or not is_content_error(result.failure()):
        return Success(_build_failures(batch, result.failure()))
    results: list[_EmbeddingResult] = []
    for half in batch.split():
        half_result = yield from start_generator(embed_batch(half))
        results += half_result.unwrap()
        if is_last_result(results[-1], batch.stop_on_failure):
            break
    return Success(tuple(results))


def _build_request(batch: EmbeddingBatch) -> Request[Any]:
    return embed(batch.model, list(batch.texts), batch.config, output=batch.output)


def _build_failures(batch: EmbeddingBatch, error: GenaiError) -> EmbeddingResults:
    """Return the failures of the texts of a batch, or only the first one if the stream ends with it."""
    failures = (Failure(EmbeddingFailed(index, text, error)) for index, text in enumerate(batch.texts, batch.start))
    first: Failure[Any] = next(failures)
    return (first,) if is_last_result(first, batch.stop_on_failure) else (first, *failures)


def is_last_result(result: Result[Any, GenaiError], stop_on_failure: StopOnFailure) -> bool:
    """Whether the stream ends with a result."""
    if stop_on_failure is False or not isinstance(result, Failure):
        return False
    return stop_on_failure is True or is_fatal_error(result.failure())


def is_content_error(error: GenaiError) -> bool:
    """Check whether smaller batches may be embedded: one of several contents is refused, or they are too large."""
    if isinstance(error, APIError):
        is_refused = error.code == 413 or (error.code == 400 and error.status in ("INVALID_ARGUMENT", ""))
    else:
        is_refused = isinstance(error, InvalidRequest | QuotaExceeded | Unsupported)
    return is_refused and not is_fatal_error(error)
