"""Files that are one text each, as rows whose number in their file is 0."""

from codecs import BOM_UTF8
from collections.abc import Iterator

from genai_fn.jobs.errors import UnusableText
from genai_fn.jobs.rows import RowBatch, check_text
from genai_fn.jobs.sources.columns import RowColumns
from genai_fn.jobs.sources.files import SourceFile

__all__ = ["read_text_file"]


def read_text_file(file: SourceFile, columns: RowColumns) -> Iterator[RowBatch]:
    """Read a file, or a byte more than the longest text has. A byte order mark is left out."""
    with file.path.open("rb") as content:
        data = content.read(columns.max_text_bytes + len(BOM_UTF8) + 1)
    data = data.removeprefix(BOM_UTF8)
    is_cut = len(data) > columns.max_text_bytes
    reason = f"the text has more than max_text_bytes={columns.max_text_bytes} bytes"
    yield RowBatch(file.name, 0, (UnusableText(reason) if is_cut else check_text(data, columns.max_text_bytes),))
