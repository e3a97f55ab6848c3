"""Finds out what a source is, and opens it."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from genai_fn.errors import InvalidRequest
from genai_fn.jobs.arrow import load_package
from genai_fn.jobs.errors import SourceError
from genai_fn.jobs.output.dead_letters import DEAD_LETTERS_NAME
from genai_fn.jobs.output.manifest import MANIFEST_NAME
from genai_fn.jobs.output.settings import SourceFingerprint
from genai_fn.jobs.rows import RowBatch
from genai_fn.jobs.sources.arrow_rows import (
    FileSchema,
    build_reader,
    build_text_schema,
    check_schema,
    convert_batch,
    describe_damage,
    iter_arrow_rows,
    read_file_schema,
)
from genai_fn.jobs.sources.columns import BATCH_ROWS, RowColumns
from genai_fn.jobs.sources.files import FileFormat, SourceFile, build_fingerprint, list_files, matches_pattern
from genai_fn.jobs.sources.json_lines import check_json_file, iter_json_rows
from genai_fn.jobs.sources.text_files import read_text_file
from genai_fn.jobs.sources.values import iter_value_rows

__all__ = ["RowSource", "check_apart", "check_source", "open_source"]

_ReadRows: TypeAlias = Callable[[], Iterator[RowBatch]]


class RowSource:
    """An opened source: its fingerprint, its number of rows if that is known, and its rows, which are read once."""

    def __init__(self, fingerprint: SourceFingerprint, rows: int | None, read: _ReadRows) -> None:
        self.fingerprint = fingerprint
        self.rows = rows
        self.iter_batches = read


def check_source(source: Any) -> Any:
    """
    Return a source as a value: a path as text, and a list as a tuple.

    Raises:
        InvalidRequest: If it is none.
    """
    if isinstance(source, str | os.PathLike):
        path: Any = os.fspath(source)  # pyright: ignore[reportUnknownVariableType]  # bytes are possible
        if not isinstance(path, str) or not path or "\0" in path:
            raise InvalidRequest("source", path, "a path that is not empty")
        return path
    if _is_arrow(source):
        return source
    if isinstance(source, bytes | bytearray | Mapping) or not isinstance(source, Iterable):
        raise InvalidRequest("source", source, "a path, a table or frame, or an iterable of texts or mappings")
    return tuple(source) if isinstance(source, list) else source  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]  # of any items


def _is_arrow(source: Any) -> bool:
    return any(hasattr(source, name) for name in ("__arrow_c_stream__", "__arrow_c_array__", "to_arrow"))


def check_apart(source: Any, output: Path) -> None:
    """Raise `SourceError` if the source is a folder with the output in it, or a pattern of files in the output."""
    if not isinstance(source, str):
        return
    if output.resolve().is_relative_to(Path(source).resolve()):
        raise SourceError(source, None, f"the output {output} is in this folder, so its files would become rows")
    if any(matches_pattern(output / each, source) for each in _OUTPUT_FILES):
        raise SourceError(source, None, f"the output {output} has files of this pattern, which would become rows")


_OUTPUT_FILES = ("shard-00000.parquet", DEAD_LETTERS_NAME, MANIFEST_NAME)


def open_source(source: Any, columns: RowColumns, file_format: FileFormat | None) -> RowSource:
    """
    Open a source, and check that its columns are there, in all of its files.

    Raises:
        SourceError: If a file cannot be read, or has no such column, or a kept column has different types.
    """
    if isinstance(source, str):
        return _open_files(list_files(source, file_format), columns)
    if _is_arrow(source):
        return _open_arrow(source, columns)
    rows = len(source) if isinstance(source, tuple) else None  # pyright: ignore[reportUnknownArgumentType]  # of any items
    return RowSource(SourceFingerprint(kind="iterable"), rows, partial(iter_value_rows, source, columns))


def _open_arrow(source: Any, columns: RowColumns) -> RowSource:
    is_exported = hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__")
    table = source if is_exported else source.to_arrow()  # a frame of an older Polars
    reader = build_reader(table)
    check_schema(columns, FileSchema(reader.schema, None), _TABLE)
    rows = getattr(table, "num_rows", None)
    fingerprint = SourceFingerprint(kind="table")
    return RowSource(fingerprint, rows if isinstance(rows, int) else None, partial(_iter_reader, reader, columns))


_TABLE = "the table"


def _iter_reader(reader: Any, columns: RowColumns) -> Iterator[RowBatch]:
    row = 0
    try:
        for whole in reader:
            for start in range(0, whole.num_rows, BATCH_ROWS):
                batch = whole.slice(start, BATCH_ROWS)
                yield convert_batch(batch, columns, "", row)
                row += batch.num_rows
    except load_package("pyarrow").ArrowException as error:  # of a reader that reads a file or calls a function
        raise describe_damage(_TABLE, row, error) from None


def _open_files(files: tuple[SourceFile, ...], columns: RowColumns) -> RowSource:
    kept_types: dict[str, Any] = {}
    counts: list[int | None] = []
    for each in files:
        schema = _check_file(each, columns)
        counts.append(schema.rows)
        if schema.schema is not None:
            _check_kept_types(columns, schema, each, kept_types)
    rows = None if None in counts else sum(filter(None, counts))
    return RowSource(build_fingerprint(files), rows, partial(_iter_files, files, columns))


def _check_file(file: SourceFile, columns: RowColumns) -> FileSchema:
    """Check that a file has the columns, and return its schema, or that of texts."""
    if file.format == "text":
        if columns.kept:
            raise SourceError(str(file.path), None, "a text file has no columns to keep")
        return FileSchema(None, 1)
    try:
        if file.format == "jsonl":
            check_json_file(file, columns)
            return FileSchema(build_text_schema(columns), None)
    except OSError as error:
        raise SourceError(str(file.path), None, error.strerror or str(error)) from None
    schema = read_file_schema(file, columns)
    check_schema(columns, schema, str(file.path))
    return schema


def _check_kept_types(columns: RowColumns, found: FileSchema, file: SourceFile, types: dict[str, Any]) -> None:
    """Raise `SourceError` if a kept column has another type than in the files before."""
    for name, _ in columns.kept:
        here = found.schema.field(name).type
        before = types.setdefault(name, here)
        if here != before:
            raise SourceError(str(file.path), None, f"the column {name!r} has the type {here}, and before {before}")


def _iter_files(files: tuple[SourceFile, ...], columns: RowColumns) -> Iterator[RowBatch]:
    for each in files:
        try:
            yield from _READERS[each.format](each, columns)
        except OSError as error:
            raise SourceError(str(each.path), None, error.strerror or str(error)) from None


_READERS: dict[FileFormat, Callable[[SourceFile, RowColumns], Iterator[RowBatch]]] = {
    "parquet": iter_arrow_rows,
    "arrow": iter_arrow_rows,
    "csv": iter_arrow_rows,
    "tsv": iter_arrow_rows,
    "jsonl": iter_json_rows,
    "text": read_text_file,
}
