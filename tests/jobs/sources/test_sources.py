"""Sources: each format gives the same rows; what cannot be read is an error with its place, or a dead letter."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from genai_fn import InvalidRequest
from genai_fn.jobs import SourceError
from genai_fn.jobs.errors import UnusableText
from genai_fn.jobs.sources.columns import RowColumns
from genai_fn.jobs.sources.files import FileFormat
from genai_fn.jobs.sources.source_kinds import open_source
from tests.support.embedding_jobs import EmbeddingFake, compute_vector, make_job, read_letters, read_rows

PLAIN = RowColumns(text="text", kept=(), max_text_bytes=100)
KEEPING = RowColumns(text="text", kept=(("key", "id"), ("price", "price")), max_text_bytes=100)
Write = Callable[[pa.Table, Path], None]


def read_all(
    source: Any, columns: RowColumns = PLAIN, file_format: FileFormat | None = None
) -> list[tuple[str, int, Any]]:
    """Read a source: the file, the number and the text of each row, or why it has none."""
    rows: list[tuple[str, int, Any]] = []
    for batch in open_source(source, columns, file_format).batches:
        texts = [each.reason if isinstance(each, UnusableText) else each for each in batch.texts]
        rows += [(batch.file, batch.first_row + index, text) for index, text in enumerate(texts)]
    return rows


def read_kept(source: Any) -> list[dict[str, Any]]:
    """Read the kept columns of a source."""
    return [row for batch in open_source(source, KEEPING, None).batches for row in batch.kept.to_pylist()]


def write_jsonl(table: pa.Table, path: Path) -> None:
    path.write_text("".join(json.dumps(each) + "\n" for each in table.to_pylist()), encoding="utf-8")


def write_ipc(table: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)


def write_ipc_stream(table: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)


def write_parquet(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, row_group_size=9)


def write_tsv(table: pa.Table, path: Path) -> None:
    pc.write_csv(table, path, pc.WriteOptions(delimiter="\t"))


WRITERS: dict[str, Write] = {
    "t.parquet": write_parquet,
    "t.arrow": write_ipc,
    "t.arrows": write_ipc_stream,
    "t.jsonl": write_jsonl,
    "t.csv": pc.write_csv,
    "t.tsv": write_tsv,
}
each_format = pytest.mark.parametrize("name", WRITERS)
TABLE = pa.table(
    {
        "key": [f"k{number}" for number in range(25)],
        "text": [f'text {number}, "quoted"\nline' for number in range(25)],
        "price": list(range(25)),
    }
)
TEXTS: list[str] = TABLE.column("text").to_pylist()


@each_format
def test_files(tmp_path: Path, name: str) -> None:
    """Each format has the same rows, numbered from 0 in their file."""
    WRITERS[name](TABLE, tmp_path / name)
    assert read_all(str(tmp_path / name)) == [(name, row, text) for row, text in enumerate(TEXTS)]


@settings(max_examples=25)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20), max_size=40))
@each_format
def test_any_texts(tmp_path_factory: pytest.TempPathFactory, name: str, texts: list[str]) -> None:
    """Any text comes out as it went in; a blank one is none."""
    path = tmp_path_factory.mktemp("source") / name
    WRITERS[name](pa.table({"text": pa.array(texts, pa.string())}), path)
    expected = [text if text.strip() else "the text is empty" for text in texts]
    assert [text for _, _, text in read_all(str(path))] == expected


@each_format
def test_kept_columns(tmp_path: Path, name: str) -> None:
    """Kept columns have their type in Arrow's formats, and are texts in others."""
    WRITERS[name](TABLE, tmp_path / name)
    prices = [row["price"] for row in read_kept(str(tmp_path / name))]
    assert prices == (list(range(25)) if name.endswith(("parquet", "arrow", "arrows")) else list(map(str, range(25))))


@each_format
def test_missing_column(tmp_path: Path, name: str) -> None:
    """A column that is not there is an error that names the file and the columns that are, before anything is read."""
    WRITERS[name](TABLE, tmp_path / name)
    for column, kept in (("body", ()), ("text", (("body", "body"),))):
        columns = RowColumns(text=column, kept=kept, max_text_bytes=9)
        with pytest.raises(SourceError, match=r"no column 'body'; there are 'key', 'text', 'price'") as caught:
            open_source(str(tmp_path / name), columns, None)
        assert caught.value.file == str(tmp_path / name)


@pytest.mark.parametrize("name", [each for each in WRITERS if each.endswith(("parquet", "arrow", "arrows"))])
def test_wrong_type(tmp_path: Path, name: str) -> None:
    """A column of numbers is no column of texts."""
    WRITERS[name](TABLE, tmp_path / name)
    with pytest.raises(SourceError, match="'price' has the type int64"):
        open_source(str(tmp_path / name), RowColumns(text="price", kept=(), max_text_bytes=9), None)


@each_format
def test_cut_file(tmp_path: Path, name: str) -> None:
    """Of a file that is cut, the error names it, or the rows before the cut are read; nothing else is raised."""
    whole = tmp_path / name
    WRITERS[name](TABLE, whole)
    content = whole.read_bytes()
    for size in range(0, len(content), 41):
        whole.write_bytes(content[:size])
        try:
            rows = read_all(str(whole))
        except SourceError as error:
            assert error.file == str(whole)
        else:
            assert len(rows) <= 25


def test_cut_parquet_ends_the_job(tmp_path: Path) -> None:
    """A damaged page of Parquet is an error with the row; the rows before it are stored, and nothing is lost."""
    path = tmp_path / "t.parquet"
    table = pa.table({"text": [f"text {number}" for number in range(3000)]})
    pq.write_table(table, path, row_group_size=1500, use_dictionary=False, compression="gzip")
    content = bytearray(path.read_bytes())
    offset = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    content[offset + 30 : offset + 900] = bytes(870)
    path.write_bytes(content)
    fake = EmbeddingFake()
    job = make_job(path, tmp_path / "out", shard_size=500, batch_size=100)
    error = fake.run(job).failure()
    assert isinstance(error, SourceError)
    assert (error.file, error.row) == (str(path), 1024)
    assert len(read_rows(tmp_path / "out")) in (500, 1000)  # the second shard may still lack a batch, which is stored
    pq.write_table(table, path, row_group_size=1500, use_dictionary=False, compression="gzip")
    assert path.stat().st_size == len(content)
    assert fake.run(job).unwrap().embedded == 3000
    assert fake.sent.counts.total() == 3000
    assert set(fake.sent.counts.values()) == {1}


def test_text_files(tmp_path: Path) -> None:
    """A text file is one text; those of a folder are sorted by name; hidden and other files are left out."""
    (tmp_path / "b").mkdir()
    (tmp_path / ".git").mkdir()
    for name in ("b/one.txt", "a.md", "c.txt", ".hidden.txt", "_private.txt", "image.png", ".git/x.txt"):
        (tmp_path / name).write_text(f"in {name}", encoding="utf-8")
    (tmp_path / "d.txt").write_bytes(b"\xef\xbb\xbfmarked")
    assert read_all(str(tmp_path)) == [
        ("a.md", 0, "in a.md"),
        ("b/one.txt", 0, "in b/one.txt"),
        ("c.txt", 0, "in c.txt"),
        ("d.txt", 0, "marked"),
    ]
    for wildcards in ("**", "**/**"):  # glob lists a file once for each way to match it
        assert read_all(str(tmp_path / wildcards / "[!_]*.txt")) == [
            ("b/one.txt", 0, "in b/one.txt"),
            ("c.txt", 0, "in c.txt"),
            ("d.txt", 0, "marked"),
        ]


def test_mixed_folder(tmp_path: Path) -> None:
    """A folder may have files of several formats, and a format may be given for other names."""
    for name, write in WRITERS.items():
        write(TABLE, tmp_path / name.replace("t.", f"{name[2:]}."))
    assert len(read_all(str(tmp_path))) == 25 * len(WRITERS)
    (tmp_path / "page.rst").write_text("a page", encoding="utf-8")
    assert read_all(str(tmp_path / "page.rst"), file_format="text") == [("page.rst", 0, "a page")]
    with pytest.raises(InvalidRequest, match="source_format"):
        open_source(str(tmp_path / "page.rst"), PLAIN, None)


def test_no_files(tmp_path: Path) -> None:
    """A path without files is an error."""
    for path in (tmp_path, tmp_path / "none.csv", tmp_path / "*.csv"):
        with pytest.raises(SourceError):
            open_source(str(path), PLAIN, None)


def test_missing_folder(tmp_path: Path) -> None:
    """A path that does not exist is named as missing, also if its name shows no format, as that of a folder."""
    with pytest.raises(SourceError, match="there is no such file or folder"):
        open_source(str(tmp_path / "texts"), PLAIN, None)


def test_kept_columns_of_text_files(tmp_path: Path) -> None:
    """Text files have no columns to keep, and iterables of texts neither."""
    (tmp_path / "a.txt").write_text("a", encoding="utf-8")
    with pytest.raises(SourceError, match="no columns to keep"):
        open_source(str(tmp_path), KEEPING, None)
    with pytest.raises(SourceError, match="mapping"):
        read_all(("a", "b"), KEEPING)


def test_different_types(tmp_path: Path) -> None:
    """A kept column must have one type in all files, as the shards have one schema."""
    write_parquet(TABLE, tmp_path / "a.parquet")
    write_jsonl(TABLE, tmp_path / "b.jsonl")
    with pytest.raises(SourceError, match="'price' has the type string, and before int64"):
        open_source(str(tmp_path), KEEPING, None)


# In memory


class PolarsFrame:
    """A frame of an older Polars, which exports a table by a method."""

    def to_arrow(self) -> pa.Table:
        return TABLE


class ExportedFrame:
    """A frame that exports the Arrow stream, as those of Polars and pandas do."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return TABLE.__arrow_c_stream__(requested_schema)


def _categorize(column: pa.ChunkedArray) -> pa.Array:
    """Return the categorical column that Polars exports: a dictionary whose values are a view."""
    encoded = column.combine_chunks().dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices, encoded.dictionary.cast(pa.string_view()))


@pytest.mark.parametrize(
    "make",
    (
        lambda: TABLE,
        TABLE.to_reader,
        lambda: TABLE.combine_chunks().to_batches()[0],
        PolarsFrame,
        ExportedFrame,
        lambda: TABLE.set_column(1, "text", TABLE.column("text").dictionary_encode()),
        lambda: TABLE.set_column(1, "text", TABLE.column("text").cast(pa.large_string())),
        lambda: TABLE.set_column(1, "text", TABLE.column("text").cast(pa.string_view())),
        lambda: TABLE.set_column(1, "text", TABLE.column("text").cast(pa.binary())),
        lambda: TABLE.set_column(1, "text", TABLE.column("text").cast(pa.binary_view())),
        lambda: TABLE.set_column(1, "text", _categorize(TABLE.column("text"))),
        lambda: tuple(TABLE.to_pylist()),
        lambda: iter(TABLE.to_pylist()),
        lambda: tuple(TEXTS),
        lambda: iter(TEXTS),
    ),
    ids=range(15),
)
def test_values(make: Callable[[], Any]) -> None:
    """Tables, frames and iterables give the same rows."""
    assert read_all(make()) == [("", row, text) for row, text in enumerate(TEXTS)]


@pytest.mark.parametrize(
    "column",
    (
        pa.array(["x", "y"], pa.string_view()),
        _categorize(pa.chunked_array([["x", "y"]])),
        pa.array([b"x", b"y"], pa.binary_view()),
        pa.array([[1], [2]], pa.list_view(pa.int64())),
        pa.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((2, 3))),
    ),
    ids=lambda column: str(column.type),
)
def test_kept_types(tmp_path: Path, column: pa.Array) -> None:
    """A kept column may have any type that a shard can have, such as the views that Polars exports."""
    table = pa.table({"text": ["a", ""], "key": column})
    EmbeddingFake().run(make_job(table, tmp_path, columns=["key"])).unwrap()
    assert pq.read_table(tmp_path / "shard-00000.parquet").column("key").to_pylist() == column[:1].to_pylist()


@pytest.mark.parametrize(
    "column",
    (
        pa.array([pa.MonthDayNano([1, 2, 3])]),
        pa.array([{}], pa.struct([])),
        pa.RunEndEncodedArray.from_arrays([1], [5]),
    ),
    ids=lambda column: str(column.type),
)
def test_types_that_cannot_be_kept(tmp_path: Path, column: pa.Array) -> None:
    """A kept column of a type that a shard cannot have is an error before any text is sent."""
    fake = EmbeddingFake()
    error = fake.run(make_job(pa.table({"text": ["a"], "key": column}), tmp_path, columns=["key"])).failure()
    assert isinstance(error, SourceError)
    assert error.reason == f"the column 'key' has the type {column.type}, which cannot be kept"
    assert fake.sent.batches == []


def test_columns_of_one_name(tmp_path: Path) -> None:
    """If several columns have the name of the one to read, the error contains that name."""
    (tmp_path / "t.csv").write_text("text,key,key,price\na,b,c,1\n", encoding="utf-8")
    with pytest.raises(SourceError, match="more than one column 'key'"):
        read_kept(str(tmp_path / "t.csv"))
    with pytest.raises(SourceError, match="more than one column 'text'"):
        read_all(pa.Table.from_arrays([pa.array(["a"])] * 2, names=["text", "text"]))


def test_reader_that_fails() -> None:
    """A table that is read from elsewhere and fails is an error with the row."""

    def yield_batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"text": ["a", "b"]})
        raise pa.ArrowInvalid("damaged")

    reader = pa.RecordBatchReader.from_batches(pa.schema({"text": pa.string()}), yield_batches())
    with pytest.raises(SourceError, match=r"cannot be read: .*damaged") as caught:
        read_all(reader)
    assert (caught.value.file, caught.value.row) == ("the table", 2)


@pytest.mark.parametrize(
    ("scalar", "shown"),
    (
        (pa.scalar(b"\xff", pa.binary()).cast(pa.string(), safe=False), "\ufffd"),
        (pa.scalar(1, pa.timestamp("ns")), "1970-01-01 00:00:00.000000001"),
        (pa.scalar(253_402_300_800_000, pa.timestamp("s")), "value out of range: 253402300800000"),
        (pa.scalar(0, pa.timestamp("s", tz="No/Where")), "timestamp[s, tz=No/Where]"),
    ),
)
def test_ids_without_a_python_value(tmp_path: Path, scalar: pa.Scalar, shown: str) -> None:
    """An identifier that Python has no value for is a text in a dead letter."""
    column = pa.repeat(scalar, 1)
    job = make_job(pa.table({"text": [""], "key": column}), tmp_path, id_column="key")
    EmbeddingFake().run(job).unwrap()
    assert shown in read_letters(tmp_path)[0]["id"]


def test_kept_paths(tmp_path: Path) -> None:
    """A kept value that is no text is kept as one, also if UTF-8 does not have all of its characters."""
    rows = [{"text": "a", "key": Path("\udcff")}]
    EmbeddingFake().run(make_job(rows, tmp_path, columns=["key"])).unwrap()
    assert read_rows(tmp_path)[0]["key"] == "?"


def test_totals() -> None:
    """The number of rows is known of tables, tuples and Parquet files, and not of iterators."""
    assert [open_source(each, PLAIN, None).rows for each in (TABLE, tuple(TEXTS), iter(TEXTS))] == [25, 25, None]


def test_items_of_other_types() -> None:
    """An item that is no text is a row without one; a mapping must not be followed by anything else."""
    assert [text for *_, text in read_all(("a", None, 5, "\ud800", b"bytes", ""))] == [
        "a",
        "the text is null",
        "the text is of type int",
        "the text is not UTF-8: surrogates not allowed at character 0",
        "bytes",
        "the text is empty",
    ]
    with pytest.raises(SourceError, match="not str") as caught:
        read_all(({"text": "a"}, "b"))
    assert caught.value.row == 1


def test_lazy() -> None:
    """An iterable is read in batches: an endless one is not read to its end."""

    def yield_texts() -> Iterator[str]:
        while True:
            yield "a"

    batches = open_source(yield_texts(), PLAIN, None).batches
    assert len(next(batches).texts) == 1024


# Rows without a text


BAD_LINES = (
    b'{"text": "good"}\n'
    b'{"text": null}\n'
    b'{"text": ""}\n'
    b'{"text": " \\n"}\n'
    b"\n"
    b'{"text": 5}\n'
    b'{"other": "x"}\n'
    b"[1]\n"
    b"{not json\n"
    b'{"text": "\xff"}\n'
    b'{"text": "' + b"x" * 101 + b'"}\n'
    b'{"text": "last"}'
)


def test_bad_lines(tmp_path: Path) -> None:
    """A line without a text, or that is no JSON, is a dead letter with file, row and reason; others are embedded."""
    (tmp_path / "t.jsonl").write_bytes(BAD_LINES)
    summary = EmbeddingFake().run(make_job(tmp_path / "t.jsonl", tmp_path / "out", max_text_bytes=100)).unwrap()
    assert [(each["row"], each["vector"]) for each in read_rows(tmp_path / "out")] == [
        (0, compute_vector("good")),
        (10, compute_vector("last")),
    ]
    letters = read_letters(tmp_path / "out")
    assert {(each["file"], each["error"]["type"]) for each in letters} == {("t.jsonl", "UnusableText")}
    assert [(each["file_row"], each["error"]["reason"].partition(":")[0]) for each in letters] == [
        (1, "the text is null"),
        (2, "the text is empty"),
        (3, "the text is empty"),
        (4, "the text is of type int"),
        (5, "the row has no field 'text'"),
        (6, "the line is not a JSON object"),
        (7, "the line is not JSON"),
        (8, "the line is not UTF-8"),
        (9, "the text has 101 bytes, more than max_text_bytes=100"),
    ]
    assert (summary.rows, summary.failed) == (11, 9)


def test_byte_order_mark(tmp_path: Path) -> None:
    """The byte order mark of a JSONL file is no part of its first line."""
    (tmp_path / "t.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "a"}\n{"text": "b"}\n')
    assert [text for *_, text in read_all(str(tmp_path / "t.jsonl"))] == ["a", "b"]
    with pytest.raises(SourceError, match="no column 'key', 'price'"):
        read_kept(str(tmp_path / "t.jsonl"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse or change such names")
def test_file_name_that_is_not_utf8(tmp_path: Path) -> None:
    """A file whose name is not UTF-8 is read, and its name is shown with a replacement."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / os.fsdecode(b"a\xff.txt")).write_text("a", encoding="utf-8")
    EmbeddingFake().run(make_job(tmp_path / "in", tmp_path / "out")).unwrap()
    assert [each["file"] for each in read_rows(tmp_path / "out")] == ["a\ufffd.txt"]


@pytest.mark.parametrize("name", ("t.parquet", "t.arrow", "t.csv"))
def test_bad_bytes(tmp_path: Path, name: str) -> None:
    """Bytes that are not UTF-8, and a text of 10 MB, fail alone."""
    texts = [b"good", b"\xff\xfe", b"x" * 10_000_000, b"last"]
    if name == "t.csv":
        (tmp_path / name).write_bytes(b"text\n" + b"\n".join(texts) + b"\n")
    else:
        offsets = pa.array(texts, pa.binary())
        column = pa.Array.from_buffers(pa.string(), len(offsets), offsets.buffers())  # the type promises UTF-8
        WRITERS[name](pa.table({"text": column}), tmp_path / name)
    EmbeddingFake().run(make_job(tmp_path / name, tmp_path / "out")).unwrap()
    assert [each["row"] for each in read_rows(tmp_path / "out")] == [0, 3]
    assert [(each["file_row"], each["error"]["reason"]) for each in read_letters(tmp_path / "out")] == [
        (1, "the text is not UTF-8: invalid start byte at byte 0"),
        (2, "the text has 10000000 bytes, more than max_text_bytes=1048576"),
    ]


def test_nulls() -> None:
    """Nulls of Arrow are rows without a text, also in a column of nothing else."""
    expected = ["a", "the text is null"]
    assert [text for *_, text in read_all(pa.table({"text": ["a", None]}))] == expected
    assert [text for *_, text in read_all(pa.table({"text": pa.array([None], pa.null())}))] == expected[1:]


def test_large_text_file(tmp_path: Path) -> None:
    """Of a text file that is too long, no more is read than is needed to know."""
    (tmp_path / "a.txt").write_bytes(b"x" * 101)
    assert read_all(str(tmp_path))[0][2] == "the text has more than max_text_bytes=100 bytes"


def test_wrong_csv(tmp_path: Path) -> None:
    """A line of CSV with too many fields is an error of the file."""
    (tmp_path / "t.csv").write_text("text,key\na,b\nc,d,e\n", encoding="utf-8")
    with pytest.raises(SourceError, match="Expected 2 columns, got 3"):
        read_all(str(tmp_path / "t.csv"))


def test_file_that_vanishes(tmp_path: Path) -> None:
    """A file that is removed before it is read is an error that names it."""
    for name in ("a.txt", "b.jsonl"):
        path = tmp_path / name
        path.write_text('{"text": "a"}', encoding="utf-8")
        source = open_source(str(path), PLAIN, None)
        path.unlink()
        with pytest.raises(SourceError, match="No such file"):
            list(source.batches)
