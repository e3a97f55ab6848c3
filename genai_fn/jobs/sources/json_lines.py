"""Rows of JSONL files: a JSON object on each line. Any other line is a row without a text."""

from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import IO, Any, cast

import msgspec

from genai_fn.codec import decode
from genai_fn.jobs.errors import UnusableText
from genai_fn.jobs.rows import RowBatch
from genai_fn.jobs.sources.columns import BATCH_ROWS, RowColumns, build_batch, check_columns
from genai_fn.jobs.sources.files import SourceFile

__all__ = ["check_json_file", "iter_json_rows"]


def check_json_file(file: SourceFile, columns: RowColumns) -> None:
    """Raise `SourceError` if the JSON object on the first line has no field of a column: the name must be wrong."""
    with file.path.open("rb") as lines:
        first = next(_iter_lines(lines), None)
    if isinstance(first, Mapping):
        check_columns(columns, tuple(first), str(file.path))


def iter_json_rows(file: SourceFile, columns: RowColumns) -> Iterator[RowBatch]:
    """Read a file. Lines without any characters but spaces are no rows, and are not counted."""
    with file.path.open("rb") as lines:
        parsed = _iter_lines(lines)
        first_row = 0
        while rows := list(islice(parsed, BATCH_ROWS)):
            yield build_batch(columns, rows, file.name, first_row)
            first_row += len(rows)


def _iter_lines(lines: IO[bytes]) -> Iterator[Mapping[str, Any] | UnusableText]:
    """Parse the lines of a file. A byte order mark is left out."""
    if lines.read(len(BOM_UTF8)) != BOM_UTF8:
        lines.seek(0)
    return (_parse_line(line) for line in lines if line.strip())


def _parse_line(line: bytes) -> Mapping[str, Any] | UnusableText:
    try:
        row = decode(line)
    except msgspec.DecodeError as error:
        return UnusableText(f"the line is not JSON: {error}")
    except UnicodeDecodeError as error:
        return UnusableText(f"the line is not UTF-8: {error.reason} at byte {error.start}")
    return cast("Mapping[str, Any]", row) if isinstance(row, dict) else UnusableText("the line is not a JSON object")
