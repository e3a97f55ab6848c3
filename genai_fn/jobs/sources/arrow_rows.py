"""Rows of record batches: Parquet, Arrow IPC and CSV files, tables, and frames that export Arrow."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from genai_fn.jobs.arrow import load_package
from genai_fn.jobs.errors import SourceError
from genai_fn.jobs.rows import RowBatch, check_text
from genai_fn.jobs.sources.columns import BATCH_ROWS, RowColumns, check_columns
from genai_fn.jobs.sources.files import SourceFile

__all__ = [
    "FileSchema",
    "build_reader",
    "build_text_schema",
    "check_schema",
    "convert_batches",
    "iter_arrow_rows",
    "read_file_schema",
]


class FileSchema(NamedTuple):
    """The Arrow schema of a file or table, and its number of rows, if that is known without reading them."""

    schema: Any
    rows: int | None = None


def read_file_schema(file: SourceFile, columns: RowColumns) -> FileSchema:
    """
    Read the schema of a file without its rows.

    Raises:
        SourceError: If the file is damaged.
    """
    arrow = load_package("pyarrow")
    try:
        if file.format == "parquet":
            with load_package("pyarrow.parquet").ParquetFile(file.path) as parquet:
                return FileSchema(parquet.schema_arrow, parquet.metadata.num_rows)
        with _open_reader(file, columns) as reader:
            return FileSchema(reader.schema)
    except (arrow.ArrowException, OSError) as error:
        raise _describe_damage(str(file.path), None, error) from None


def build_text_schema(columns: RowColumns) -> Any:
    """Return the schema of rows that have none: all columns are texts."""
    arrow = load_package("pyarrow")
    return arrow.schema([(name, arrow.string()) for name in columns.names])


def check_schema(columns: RowColumns, schema: Any, file: str) -> None:
    """Raise `SourceError` if a column is not there, or that of the texts has another type."""
    types = load_package("pyarrow").types
    check_columns(columns, schema.names, file)
    _check_kept_columns(columns, schema, file)
    text_type = schema.field(columns.text).type
    value_type = text_type.value_type if types.is_dictionary(text_type) else text_type
    texts = (types.is_string, types.is_large_string, types.is_string_view)
    data = (types.is_binary, types.is_large_binary, types.is_binary_view)
    if not any(check(value_type) for check in (*texts, *data, types.is_null)):
        raise SourceError(file, None, f"the column {columns.text!r} has the type {text_type}, and not string")


def _check_kept_columns(columns: RowColumns, schema: Any, file: str) -> None:
    """Raise `SourceError` if a kept column has a type that a shard cannot have, before any text is sent."""
    arrow = load_package("pyarrow")
    for name, _ in columns.kept:
        kept_type = schema.field(name).type
        stored = kept_type.storage_type if isinstance(kept_type, arrow.BaseExtensionType) else kept_type
        try:
            column = _convert_column(arrow.nulls(0, stored))
            rows = arrow.table({name: column}).take(arrow.array([], arrow.int64()))
            load_package("pyarrow.parquet").write_table(rows, arrow.BufferOutputStream())
        except arrow.ArrowException:
            reason = f"the column {name!r} has the type {kept_type}, which cannot be kept"
            raise SourceError(file, None, reason) from None


def iter_arrow_rows(file: SourceFile, columns: RowColumns) -> Iterator[RowBatch]:
    """
    Read the rows of a file.

    Raises:
        SourceError: If the file is damaged: with the number of the row from which on it cannot be read.
    """
    return convert_batches(_iter_record_batches(file, columns), columns, file.name, str(file.path))


def convert_batches(batches: Iterable[Any], columns: RowColumns, name: str, source: str) -> Generator[RowBatch]:
    """
    Convert record batches of any size to batches of rows of the file `name`.

    Raises:
        SourceError: If `source`, as the error names it, cannot be read from a row on.
    """
    arrow = load_package("pyarrow")
    row = 0
    try:
        for batch in batches:
            for start in range(0, batch.num_rows, BATCH_ROWS):
                part = batch.slice(start, BATCH_ROWS)
                yield _convert_batch(part, columns, name, row)
                row += part.num_rows
    except (arrow.ArrowException, OSError) as error:
        raise _describe_damage(source, row, error) from None


def _iter_record_batches(file: SourceFile, columns: RowColumns) -> Iterator[Any]:
    if file.format == "parquet":
        parquet_module = load_package("pyarrow.parquet")
        with parquet_module.ParquetFile(file.path, pre_buffer=False, buffer_size=_BUFFER_SIZE) as parquet:
            yield from parquet.iter_batches(BATCH_ROWS, columns=list(columns.names), use_threads=False)
        return
    with _open_reader(file, columns) as reader:
        if hasattr(reader, "num_record_batches"):  # of Arrow's file format, which is no iterator
            yield from map(reader.get_batch, range(reader.num_record_batches))
        else:
            yield from reader


_BUFFER_SIZE = 1 << 20
"""Bytes that are read at once of a column, instead of all that a row group has of it."""


def _open_reader(file: SourceFile, columns: RowColumns) -> Any:
    """Open a file of a format other than Parquet, as a context manager that returns a reader of record batches."""
    return _open_ipc(file) if file.format == "arrow" else _open_csv(file, columns)


@contextmanager
def _open_ipc(file: SourceFile) -> Generator[Any]:
    """Open a file in Arrow's file format, or in its stream format, which differ in their first bytes."""
    arrow = load_package("pyarrow")
    with file.path.open("rb") as content:
        is_file_format = content.read(len(_IPC_MARK)) == _IPC_MARK
    open_reader = arrow.ipc.open_file if is_file_format else arrow.ipc.open_stream
    with arrow.OSFile(str(file.path)) as content, open_reader(content) as reader:
        yield reader


_IPC_MARK = b"ARROW1"


def _open_csv(file: SourceFile, columns: RowColumns) -> Any:
    """Open a CSV file. Kept columns are texts, so that all files and blocks agree; the texts are checked for UTF-8."""
    arrow, csv = load_package("pyarrow"), load_package("pyarrow.csv")
    kept = {name: arrow.string() for name, _ in columns.kept}
    return csv.open_csv(
        file.path,
        read_options=csv.ReadOptions(use_threads=False, block_size=_CSV_BLOCK_SIZE),
        parse_options=csv.ParseOptions(delimiter="\t" if file.format == "tsv" else ",", newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types={**kept, columns.text: arrow.binary()}, strings_can_be_null=False, check_utf8=True
        ),
    )


_CSV_BLOCK_SIZE = 1 << 24
"""Bytes of a block, which a row must not exceed."""


def build_reader(table: Any) -> Any:
    """Return a reader of the record batches of a table, a frame, or anything else that exports Arrow."""
    arrow = load_package("pyarrow")
    if not hasattr(table, "__arrow_c_stream__"):
        table = arrow.Table.from_batches([arrow.record_batch(table)])
    return arrow.RecordBatchReader.from_stream(table)


def _convert_batch(batch: Any, columns: RowColumns, file: str, first_row: int) -> RowBatch:
    """Convert a record batch to a batch of rows."""
    arrow = load_package("pyarrow")
    text = _convert_column(batch.column(columns.text))
    if not arrow.types.is_binary(text.type):
        text = text.cast(arrow.large_binary())  # so that text that is not UTF-8 is found row by row
    texts = [check_text(each, columns.max_text_bytes) for each in text.to_pylist()]
    if not columns.kept:
        return RowBatch(file, first_row, texts)
    arrays = [_convert_column(batch.column(name)) for name, _ in columns.kept]
    kept = arrow.RecordBatch.from_arrays(arrays, names=[name for _, name in columns.kept])
    return RowBatch(file, first_row, texts, kept)


def _convert_column(column: Any) -> Any:
    """Return a column without a dictionary, as those of batches differ, and without views, which have no ``take``."""
    arrow = load_package("pyarrow")
    if arrow.types.is_dictionary(column.type):
        values = _convert_column(column.dictionary)
        return arrow.DictionaryArray.from_arrays(column.indices, values).dictionary_decode()
    if arrow.types.is_string_view(column.type):
        return column.cast(arrow.large_string())
    return column.cast(arrow.large_binary()) if arrow.types.is_binary_view(column.type) else column


def _describe_damage(file: str, row: int | None, error: Exception) -> SourceError:
    """Build the error for a file or table that cannot be read from a row on."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return SourceError(file, row, f"cannot be read: {reason}")
