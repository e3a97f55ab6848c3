"""What one worker does: it makes an interpreter, and embeds batches of texts."""

from collections.abc import Iterable
from typing import Any

from returns.result import Failure, Result

from genai_fn.errors import EmbeddingFailed, GenaiError
from genai_fn.jobs.arrow import load_package
from genai_fn.jobs.engines.column_embedding import ColumnEmbedding
from genai_fn.jobs.errors import DimensionMismatch, UnusableText
from genai_fn.jobs.rows import check_text
from genai_fn.ops.embed.arrays import ContentEmbeddingArray
from genai_fn.ops.embed.many import is_last_result

__all__ = ["ColumnEmbedder"]


class ColumnEmbedder:
    """
    Embeds batches of a column with an interpreter of its own.

    The interpreter is never closed: it lives as long as the worker's process, which an engine ends without notice.

    Args:
        embedding: The model, its config, the columns and the limits.
    """

    def __init__(self, embedding: ColumnEmbedding) -> None:
        self.embedding = embedding
        self._run = embedding.make_interpreter()

    def embed_column(self, values: Iterable[object]) -> tuple[Any, Any]:
        """
        Embed texts, which are strings, bytes in UTF-8, or None.

        Returns:
            Two Arrow arrays, with one item for each value: the vectors, which are fixed-size lists of float32, and the
            reasons why a vector is null, which are strings.

        Raises:
            GenaiError: If a failure ends the whole query.

            DimensionMismatch: If a vector has another number of dimensions than the config.
        """
        texts = [check_text(value, self.embedding.max_text_bytes) for value in values]
        outcomes = self._embed_texts(tuple(dict.fromkeys(text for text in texts if isinstance(text, str))))
        return self._build_arrays([text if isinstance(text, UnusableText) else outcomes[text] for text in texts])

    def _embed_texts(self, texts: tuple[str, ...]) -> dict[str, bytes | GenaiError]:
        """Return the vector of each text, as bytes, or its error."""
        outcomes: dict[str, bytes | GenaiError] = {}
        with self._run.stream(self.embedding.build_stream(texts)) as results:
            for text, result in zip(texts, results, strict=True):
                outcomes[text] = self._check_result(result)
        return outcomes

    def _check_result(self, result: Result[ContentEmbeddingArray, GenaiError]) -> bytes | GenaiError:
        if isinstance(result, Failure):
            failure = result.failure()
            if not isinstance(failure, EmbeddingFailed) or is_last_result(result, self.embedding.stop_on_failure):
                raise failure
            return failure.error
        data = result.unwrap().data
        if len(data) != 4 * self.embedding.dimensions:
            raise DimensionMismatch(self.embedding.dimensions, len(data) // 4)
        return data

    def _build_arrays(self, outcomes: list[bytes | GenaiError]) -> tuple[Any, Any]:
        arrow, dimensions = load_package("pyarrow"), self.embedding.dimensions
        nothing = bytes(4 * dimensions)
        data = b"".join(each if isinstance(each, bytes) else nothing for each in outcomes)
        vectors = arrow.FixedSizeListArray.from_arrays(
            arrow.Array.from_buffers(arrow.float32(), len(outcomes) * dimensions, [None, arrow.py_buffer(data)]),
            dimensions,
            mask=arrow.array([not isinstance(each, bytes) for each in outcomes], arrow.bool_()),
        )
        reasons = [None if isinstance(each, bytes) else f"{type(each).__name__}: {each}" for each in outcomes]
        return vectors, arrow.array(reasons, arrow.string())
