"""Finds out what a source is, and opens it."""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from genai_fn.errors import InvalidRequest
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
    convert_batches,
    iter_arrow_rows,
    read_file_schema,
)
from genai_fn.jobs.sources.columns import RowColumns
from genai_fn.jobs.sources.files import (
    FileFormat,
    SourceFile,
    build_fingerprint,
    convert_file_errors,
    list_files,
    matches_pattern,
)
from genai_fn.jobs.sources.json_lines import check_json_file, iter_json_rows
from genai_fn.jobs.sources.text_files import read_text_file
from genai_fn.jobs.sources.values import iter_value_rows

__all__ = ["RowSource", "check_apart", "check_source", "open_source"]


class RowSource(NamedTuple):
    """An opened source: its fingerprint, its number of rows if that is known, and its rows, which are read once."""

    fingerprint: SourceFingerprint
    rows: int | None
    batches: Generator[RowBatch]


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
    batches = iter_value_rows(source, columns)
    rows = len(source) if isinstance(source, tuple) else None  # pyright: ignore[reportUnknownArgumentType]  # of any items
    return RowSource(SourceFingerprint(kind="iterable"), rows, batches)


def _open_arrow(source: Any, columns: RowColumns) -> RowSource:
    is_exported = hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__")
    table = source if is_exported else source.to_arrow()  # a frame of an older Polars
    reader = build_reader(table)
    check_schema(columns, reader.schema, _TABLE)
    rows = getattr(table, "num_rows", None)
    batches = convert_batches(reader, columns, "", _TABLE)
    return RowSource(SourceFingerprint(kind="table"), rows if isinstance(rows, int) else None, batches)


_TABLE = "the table"


def _open_files(files: tuple[SourceFile, ...], columns: RowColumns) -> RowSource:
    kept_types: dict[str, Any] = {}
    counts: list[int | None] = []
    for each in files:
        schema, count = _check_file(each, columns)
        counts.append(count)
        if schema is not None:
            _check_kept_types(columns, schema, each, kept_types)
    rows = None if None in counts else sum(filter(None, counts))
    return RowSource(build_fingerprint(files), rows, _iter_files(files, columns))


def _check_file(file: SourceFile, columns: RowColumns) -> FileSchema:
    """Check that a file has the columns, and return its schema, or that of texts."""
    if file.format == "text":
        if columns.kept:
            raise SourceError(str(file.path), None, "a text file has no columns to keep")
        return FileSchema(None, 1)
    if file.format == "jsonl":
        with convert_file_errors(file.path):
            check_json_file(file, columns)
        return FileSchema(build_text_schema(columns))
    found = read_file_schema(file, columns)
    check_schema(columns, found.schema, str(file.path))
    return found


def _check_kept_types(columns: RowColumns, schema: Any, file: SourceFile, types: dict[str, Any]) -> None:
    """Raise `SourceError` if a kept column has another type than in the files before."""
    for name, _ in columns.kept:
        here = schema.field(name).type
        before = types.setdefault(name, here)
        if here != before:
            raise SourceError(str(file.path), None, f"the column {name!r} has the type {here}, and before {before}")


def _iter_files(files: tuple[SourceFile, ...], columns: RowColumns) -> Generator[RowBatch]:
    for each in files:
        with convert_file_errors(each.path):
            yield from _READERS[each.format](each, columns)


_READERS: dict[FileFormat, Callable[[SourceFile, RowColumns], Iterator[RowBatch]]] = {
    "parquet": iter_arrow_rows,
    "arrow": iter_arrow_rows,
    "csv": iter_arrow_rows,
    "tsv": iter_arrow_rows,
    "jsonl": iter_json_rows,
    "text": read_text_file,
}
