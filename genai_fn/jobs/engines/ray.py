"""Embeds a column on Ray Data: an actor class for ``map_batches``, and a function that calls it."""

from typing import Any

from genai_fn.jobs.engines.column_embedder import ColumnEmbedder
from genai_fn.jobs.engines.column_embedding import ColumnEmbedding
from genai_fn.jobs.engines.load_engine import load_engine

__all__ = ["RayEmbedder", "embed_dataset"]


class RayEmbedder:
    """
    An actor class for ``Dataset.map_batches`` with ``batch_format="pyarrow"``.

    Each actor makes an interpreter, and adds the vectors and the reasons to the tables that it receives; it keeps all
    columns.

    Args:
        embedding: The column of texts, the new columns, and how to embed.

    >>> import pyarrow as pa
    >>> from genai_fn import Offline
    >>> embedding = ColumnEmbedding(model="gemini-embedding-001", config={"output_dimensionality": 2},
    ...                             make_interpreter=Offline)
    >>> RayEmbedder(embedding)(pa.table({"id": [1, 2], "text": ["a text", None]})).column("error").to_pylist()
    [None, 'UnusableText: the text is null']
    """

    def __init__(self, embedding: ColumnEmbedding) -> None:
        self._embedder = ColumnEmbedder(embedding)

    def __call__(self, table: Any) -> Any:
        """
        Return a table of Arrow with the two new columns.

        Raises:
            SourceError: If the column of texts is not there, or a new column is there already.

            GenaiError: If a failure ends the whole query, or a vector has another number of dimensions.
        """
        embedding = self._embedder.embedding
        embedding.check_columns(table.column_names)
        vectors, reasons = self._embedder.embed_column(table.column(embedding.text_column).to_pylist())
        return table.append_column(embedding.vector_column, vectors).append_column(embedding.error_column, reasons)


def embed_dataset(
    dataset: Any, embedding: ColumnEmbedding, *, workers: int, rows: int = 1024, num_cpus: float = 0.25
) -> Any:
    """
    Return a Ray dataset with the vectors of a column. Nothing is sent before it is read or written.

    Args:
        dataset: A ``ray.data.Dataset``.

        embedding: The column of texts, the new columns, and how to embed.

        workers: Number of actors.

        rows: The most rows that an actor receives at once.

        num_cpus: CPUs that Ray reserves for an actor, which mostly waits for the network. If the actors reserve all
            CPUs, none is left for the tasks that read the rows.

    Raises:
        InvalidRequest: If a number is less than 1.

        MissingExtra: If ray or pyarrow is not installed: the extra ``ray``.
    """
    data: Any = load_engine("ray.data", workers=workers, rows=rows)
    return dataset.map_batches(
        RayEmbedder,
        fn_constructor_args=(embedding,),
        compute=data.ActorPoolStrategy(size=workers),
        batch_size=rows,
        batch_format="pyarrow",
        num_cpus=num_cpus,
    )
