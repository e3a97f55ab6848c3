"""Embeds a column of a Daft frame, by a batch UDF."""

from typing import Any

from genai_fn.jobs.arrow import load_package
from genai_fn.jobs.engines.column_embedder import ColumnEmbedder
from genai_fn.jobs.engines.column_embedding import ColumnEmbedding
from genai_fn.jobs.engines.load_engine import load_engine

__all__ = ["DaftEmbedder", "embed_frame"]


def embed_frame(frame: Any, embedding: ColumnEmbedding, *, workers: int, rows: int = 1024) -> Any:
    """
    Return a Daft frame with the vectors of a column. Nothing is sent before it is collected or written.

    Each worker is a process of its own, with an interpreter.

    Args:
        frame: A ``daft.DataFrame``.

        embedding: The column of texts, the new columns, and how to embed.

        workers: Number of processes.

        rows: The most rows that a worker receives at once.

    Raises:
        InvalidRequest: If a number is less than 1.

        SourceError: If the column of texts is not there, or a new column is there already.

        MissingExtra: If daft or pyarrow is not installed: the extra ``daft``.
    """
    daft: Any = load_engine("daft", workers=workers, rows=rows)
    embedding.check_columns(frame.column_names)
    kind = daft.DataType
    fields = {
        embedding.vector_column: kind.fixed_size_list(kind.float32(), embedding.dimensions),
        embedding.error_column: kind.string(),
    }
    decorate: Any = daft.method.batch(return_dtype=kind.struct(fields), unnest=True, batch_size=rows)
    body = {"embed_series": decorate(DaftEmbedder.embed_series)}
    worker = type(DaftEmbedder.__name__, (DaftEmbedder,), body)
    embedder: Any = daft.cls(worker, use_process=True, max_concurrency=workers)(embedding)
    return frame.select(*frame.column_names, embedder.embed_series(frame[embedding.text_column]))


class DaftEmbedder:
    """A class whose instances run in the workers."""

    def __init__(self, embedding: ColumnEmbedding) -> None:
        self._embedder = ColumnEmbedder(embedding)

    def embed_series(self, texts: Any) -> Any:
        """Return the vectors and the reasons of a series of texts, as an Arrow array of structs."""
        embedding = self._embedder.embedding
        columns = self._embedder.embed_column(texts.to_pylist())
        names = [embedding.vector_column, embedding.error_column]
        return load_package("pyarrow").StructArray.from_arrays(columns, names=names)
