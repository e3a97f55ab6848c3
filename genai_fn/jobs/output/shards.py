"""Writes shards: Parquet files with a row for each text that has a vector, and reads vectors from them."""

import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from genai_fn.jobs.arrow import load_package
from genai_fn.jobs.output.disk import NewFile
from genai_fn.jobs.rows import DIGEST_SIZE
from genai_fn.values import Value

__all__ = ["RESERVED_COLUMNS", "ShardRow", "iter_hashes", "iter_vectors", "read_shard_vectors", "write_shard"]

RESERVED_COLUMNS = ("row", "file", "file_row", "text_hash", "text", "vector")
"""The columns of every shard; ``file`` is null if the source is no file, and ``text`` is there if it is kept."""
GROUP_ROWS = 1024
"""Rows of a row group, of which one at a time is in memory: 12 MiB of 3,072 floats."""


class ShardRow(Value):
    """
    A row that has a vector: that of its `origin`, the first row with the same text, which may be the row itself.

    `kept` is its number in the table of kept columns.
    """

    row: int
    file: str
    file_row: int
    digest: bytes
    origin: int
    kept: int
    text: str | None = None


def write_shard(  # noqa: PLR0917  # what a shard consists of
    file: NewFile,
    rows: Sequence[ShardRow],
    kept: Any,
    dimensions: int,
    read_vectors: Callable[[Sequence[int]], list[bytes]],
    metadata: Mapping[str, str],
    *,
    keep_text: bool,
) -> None:
    """Write a shard, a row group at a time; `kept` is a table of the kept columns, or None."""
    schema = _build_table((), kept, dimensions, (), keep_text=keep_text).schema.with_metadata(dict(metadata))
    parquet = load_package("pyarrow.parquet")
    compressed = {name: "NONE" if name == _VECTOR_LEAF else "SNAPPY" for name in _list_leaves(schema)}
    with parquet.ParquetWriter(
        file,
        schema,
        compression=compressed,
        use_dictionary=[name for name in compressed if name not in (_VECTOR_LEAF, "row", "text_hash", "text")],
        write_statistics=["row", "file", "file_row"],
    ) as writer:
        for start in range(0, len(rows), GROUP_ROWS):
            part = rows[start : start + GROUP_ROWS]
            vectors = read_vectors([each.origin for each in part])
            table = _build_table(part, kept, dimensions, vectors, keep_text=keep_text)
            writer.write_table(table, row_group_size=GROUP_ROWS)


_VECTOR_LEAF = "vector.list.element"


def _list_leaves(schema: Any) -> list[str]:
    """List the paths of the columns of a Parquet file with a schema."""
    parquet, arrow = load_package("pyarrow.parquet"), load_package("pyarrow")
    sink = arrow.BufferOutputStream()
    with parquet.ParquetWriter(sink, schema):
        pass
    leaves = parquet.ParquetFile(arrow.BufferReader(sink.getvalue())).schema
    return [leaves.column(index).path for index in range(len(leaves))]


def _build_table(
    rows: Sequence[ShardRow], kept: Any, dimensions: int, vectors: Sequence[bytes], *, keep_text: bool
) -> Any:
    """Build the table of some rows and their vectors; that of no rows has the schema of all."""
    arrow = load_package("pyarrow")
    columns: list[tuple[Any, Sequence[Any]]] = [
        (arrow.field("row", arrow.int64(), nullable=False), [each.row for each in rows]),
        (arrow.field("file", arrow.string()), [each.file or None for each in rows]),
        (arrow.field("file_row", arrow.int64(), nullable=False), [each.file_row for each in rows]),
        (arrow.field("text_hash", arrow.binary(DIGEST_SIZE), nullable=False), [each.digest for each in rows]),
    ]
    if keep_text:
        columns.append((arrow.field("text", arrow.string(), nullable=False), [each.text for each in rows]))
    fields: list[Any] = [field for field, _ in columns]
    arrays: list[Any] = [arrow.array(values, field.type) for field, values in columns]
    if kept is not None:
        taken = kept.take(arrow.array([each.kept for each in rows], arrow.int64()))
        fields += taken.schema
        arrays += taken.itercolumns()
    vector = arrow.list_(arrow.field("element", arrow.float32(), nullable=False), dimensions)
    numbers = [None, arrow.py_buffer(b"".join(vectors))]
    floats = arrow.Array.from_buffers(arrow.float32(), len(rows) * dimensions, numbers)
    fields.append(arrow.field("vector", vector, nullable=False))  # with nulls, writing takes half as much time again
    arrays.append(arrow.FixedSizeListArray.from_arrays(floats, type=vector))
    return arrow.Table.from_arrays(arrays, schema=arrow.schema(fields))


def iter_hashes(path: Path) -> Iterator[tuple[list[int], list[bytes]]]:
    """Read the row numbers and the hashes of a shard, a row group at a time."""
    with load_package("pyarrow.parquet").ParquetFile(path) as shard:
        for group in range(shard.num_row_groups):
            table = shard.read_row_group(group, columns=["row", "text_hash"])
            yield table.column("row").to_pylist(), table.column("text_hash").to_pylist()


def iter_vectors(path: Path) -> Iterator[Any]:
    """Read the vectors of a shard as arrays of all their floats, a row group at a time."""
    with load_package("pyarrow.parquet").ParquetFile(path) as shard:
        for group in range(shard.num_row_groups):
            yield _read_group(shard, group)


def _read_group(shard: Any, group: int) -> Any:
    vectors = shard.read_row_group(group, columns=["vector"]).column("vector").combine_chunks()
    return vectors.flatten()


def read_shard_vectors(path: Path, rows: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """Read the vectors of some rows, in ascending order of the rows: each row, and its vector as bytes."""
    with load_package("pyarrow.parquet").ParquetFile(path) as shard:
        numbers: list[int] = shard.read(columns=["row"]).column("row").to_pylist()
        places = sorted((bisect.bisect_left(numbers, row), row) for row in set(rows))
        group, size, floats = -1, 0, memoryview(b"")
        for place, row in places:
            if place // GROUP_ROWS != group:
                group = place // GROUP_ROWS
                floats = memoryview(_read_group(shard, group).to_numpy()).cast("B")
                size = len(floats) // shard.metadata.row_group(group).num_rows
            start = place % GROUP_ROWS * size
            yield row, bytes(floats[start : start + size])
