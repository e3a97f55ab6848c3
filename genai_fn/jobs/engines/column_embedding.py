"""`ColumnEmbedding`: what the workers of a cluster do, as a value that travels to them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import force_setattr

from genai_fn.errors import InvalidRequest
from genai_fn.interpreters.http import Http
from genai_fn.interpreters.protocols import Interpreter
from genai_fn.jobs.errors import SourceError
from genai_fn.jobs.sources.columns import check_column_name
from genai_fn.ops.embed.arrays import ContentEmbeddingArray
from genai_fn.ops.embed.many import StopOnFailure, embed_many
from genai_fn.options import check_at_least_one
from genai_fn.request import Stream
from genai_fn.schema.convert import as_struct
from genai_fn.schema.embeddings import EmbedContentConfig
from genai_fn.values import Value
from genai_fn.wire.resource_names import check_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.generation import EmbedContentConfigLike

__all__ = ["ColumnEmbedding", "split_limit"]


class ColumnEmbedding(Value, kw_only=True):
    """
    The embedding of a column of texts, for the workers of Ray Data or Daft.

    It adds two columns to those of the table: the vectors, a fixed-size list of float32 (null if there is none), and
    why a text has none (null if it has one): the text is null, empty, longer than `max_text_bytes` or not UTF-8, or its
    request has failed, after all retries. Texts that are equal are sent once in a batch of the engine.

    Args:
        model: As in ``embed``.

        config: As in ``embed``, with ``output_dimensionality``: the type of the column contains it.

        make_interpreter: Function that returns an interpreter. Each worker calls it once, so connections, keys and
            middleware need not travel; the function does. By default it is ``Http``, which reads the environment.

        text_column: Name of the column with the texts.

        vector_column: Name of the new column of vectors.

        error_column: Name of the new column of reasons.

        max_text_bytes: The most bytes that a text may have in UTF-8.

        concurrency: Number of requests that a worker runs at once.

        stop_on_failure: Which failures end the whole query, with an exception: as in ``embed_many``.

        batch_size, max_batch_tokens, max_batch_bytes: The most in one request, as in ``embed_many``.

    Raises:
        InvalidRequest: If a parameter has the wrong type or value, two columns have one name, or the config has no
            ``output_dimensionality``.

    >>> ColumnEmbedding(model="gemini-embedding-001", config={"output_dimensionality": 256}).dimensions
    256
    """

    model: str
    config: "EmbedContentConfigLike"
    make_interpreter: Callable[[], Interpreter] = Http
    text_column: str = "text"
    vector_column: str = "vector"
    error_column: str = "error"
    max_text_bytes: int = 1 << 20
    concurrency: int = 8
    stop_on_failure: StopOnFailure = "fatal"
    batch_size: int | None = None
    max_batch_tokens: int | None = None
    max_batch_bytes: int | None = None

    def __post_init__(self) -> None:
        force_setattr(self, "model", check_model_name(self.model))
        force_setattr(self, "config", as_struct(EmbedContentConfig, self.config))
        check_at_least_one("config.output_dimensionality", self.embed_config.output_dimensionality)
        is_interpreter = hasattr(self.make_interpreter, "stream") and not isinstance(self.make_interpreter, type)
        if is_interpreter or not callable(self.make_interpreter):
            raise InvalidRequest("make_interpreter", self.make_interpreter, "a function that returns an interpreter")
        columns = {each: getattr(self, each) for each in ("text_column", "vector_column", "error_column")}
        for path, name in columns.items():
            check_column_name(path, name)
            if list(columns.values()).count(name) > 1:
                raise InvalidRequest(path, name, "a name that no other column has")
        check_at_least_one("max_text_bytes", self.max_text_bytes)
        self.build_stream(())

    @property
    def embed_config(self) -> EmbedContentConfig:
        """The config, converted."""
        return as_struct(EmbedContentConfig, self.config)

    @property
    def dimensions(self) -> int:
        """How many numbers each vector has."""
        return self.embed_config.output_dimensionality or 0

    def check_columns(self, names: Sequence[str]) -> None:
        """Raise `SourceError` if the column of texts is not there, or a new column is there already."""
        if self.text_column not in names:
            raise SourceError(
                "the table", None, f"no column {self.text_column!r}; there are {', '.join(names) or 'none'}"
            )
        for each in (self.vector_column, self.error_column):
            if each in names:
                raise SourceError("the table", None, f"it has a column {each!r} already")

    def build_stream(self, texts: tuple[str, ...]) -> Stream[ContentEmbeddingArray]:
        """Build the stream that embeds texts."""
        return embed_many(
            self.model,
            texts,
            self.config,
            batch_size=self.batch_size,
            max_batch_tokens=self.max_batch_tokens,
            max_batch_bytes=self.max_batch_bytes,
            concurrency=self.concurrency,
            stop_on_failure=self.stop_on_failure,
            output="numpy",
        )


def split_limit(limit: int, workers: int) -> int:
    """
    Return the share of one worker in a limit for all, rounded down.

    Args:
        limit: The limit, such as requests a minute.

        workers: The most workers that run at once.

    Raises:
        InvalidRequest: If a number is less than 1, or there are more workers than the limit has units.

    >>> split_limit(3000, workers=8)
    375
    """
    check_at_least_one("limit", limit)
    check_at_least_one("workers", workers)
    if workers > limit:
        raise InvalidRequest("workers", workers, f"at most {limit}, so that each has a share of the limit")
    return limit // workers
