"""The columns that a job reads, and rows without a schema as columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from genai_fn.codec import encode
from genai_fn.errors import InvalidRequest
from genai_fn.jobs.arrow import load_package
from genai_fn.jobs.errors import SourceError, UnusableText
from genai_fn.jobs.rows import RowBatch, check_text
from genai_fn.values import Value

__all__ = ["RowColumns", "build_batch", "check_column_name", "check_columns"]

BATCH_ROWS = 1024
"""Rows that are read at once."""


class RowColumns(Value, kw_only=True):
    """
    The names of the columns to read, and the most bytes of a text.

    `kept` contains the name of each kept column in the source, and that in the output.
    """

    text: str
    kept: tuple[tuple[str, str], ...]
    max_text_bytes: int

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the source, each once."""
        return tuple(dict.fromkeys((self.text, *(name for name, _ in self.kept))))


def check_column_name(path: str, name: object) -> None:
    """Raise `InvalidRequest` unless a value can be the name of a column."""
    if not isinstance(name, str) or not name:
        raise InvalidRequest(path, name, "the name of a column")


def check_columns(columns: RowColumns, found: Sequence[str], file: str) -> None:
    """Raise `SourceError` if a column is not there, with those that are, or if there are several of its name."""
    missing = [name for name in columns.names if name not in found]
    if missing:
        shown = ", ".join(map(repr, found[:_SHOWN])) + (", …" if len(found) > _SHOWN else "")
        raise SourceError(file, None, f"no column {', '.join(map(repr, missing))}; there are {shown or 'none'}")
    repeated = [name for name in columns.names if found.count(name) > 1]
    if repeated:
        raise SourceError(file, None, f"more than one column {', '.join(map(repr, repeated))}")


_SHOWN = 20


def build_batch(
    columns: RowColumns, rows: Sequence[Mapping[str, Any] | UnusableText], file: str, first_row: int
) -> RowBatch:
    """Build a batch of rows without a schema. Kept values other than texts and null are encoded as JSON."""
    texts = [
        row if isinstance(row, UnusableText) else _read_text(row, columns.text, columns.max_text_bytes) for row in rows
    ]
    return RowBatch(file, first_row, texts, _build_kept(columns, rows) if columns.kept else None)


def _read_text(row: Mapping[str, Any], column: str, max_bytes: int) -> str | UnusableText:
    return check_text(row[column], max_bytes) if column in row else UnusableText(f"the row has no field {column!r}")


def _build_kept(columns: RowColumns, rows: Sequence[Mapping[str, Any] | UnusableText]) -> Any:
    arrow = load_package("pyarrow")
    arrays = [
        arrow.array(
            [None if isinstance(row, UnusableText) else _format_value(row.get(name)) for row in rows], arrow.string()
        )
        for name, _ in columns.kept
    ]
    return arrow.RecordBatch.from_arrays(arrays, names=[name for _, name in columns.kept])


def _format_value(value: Any) -> str | None:
    if value is None:
        return None
    try:
        text = value if isinstance(value, str) else encode(value).decode()
    except (TypeError, ValueError):
        text = str(value)
    return text.encode(errors="replace").decode()
