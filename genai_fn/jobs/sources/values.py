"""Rows of an iterable of texts or of mappings."""

from collections.abc import Generator, Iterable, Mapping
from itertools import islice
from typing import Any, cast

from genai_fn.jobs.errors import SourceError
from genai_fn.jobs.rows import RowBatch, check_text
from genai_fn.jobs.sources.columns import BATCH_ROWS, RowColumns, build_batch, check_columns

__all__ = ["iter_value_rows"]

NAME = "the iterable"


def iter_value_rows(values: Iterable[Any], columns: RowColumns) -> Generator[RowBatch]:
    """
    Read an iterable, whose exceptions pass. An item of another type is a row without a text.

    Raises:
        SourceError: If the first item is a mapping without a field of a column, a text is among mappings, or a text has
            columns to keep.
    """
    source = iter(values)
    first_row = 0
    while items := list(islice(source, BATCH_ROWS)):
        if isinstance(items[0], Mapping):
            rows = [_check_mapping(each, first_row + index) for index, each in enumerate(items)]
            if first_row == 0:
                check_columns(columns, tuple(rows[0]), NAME)
            yield build_batch(columns, rows, "", first_row)
        else:
            if columns.kept:
                raise SourceError(NAME, first_row, "a mapping was expected, as there are columns to keep")
            yield RowBatch("", first_row, [check_text(each, columns.max_text_bytes) for each in items])
        first_row += len(items)


def _check_mapping(item: Any, row: int) -> Mapping[str, Any]:
    if not isinstance(item, Mapping):
        raise SourceError(NAME, row, f"a mapping was expected, as before, and not {type(item).__name__}")
    return cast("Mapping[str, Any]", item)
