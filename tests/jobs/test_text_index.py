"""The index of texts: which row has a text first."""

from pathlib import Path

from genai_fn.jobs.text_index import IndexEntry, TextIndex


def test_first_row_stays(tmp_path: Path) -> None:
    """A text that is added again keeps its first row; its error is set later."""
    index = TextIndex(tmp_path / "texts.sqlite")
    index.add([(b"a", 1, None), (b"b", 2, None)])
    index.add([(b"a", 3, None)])
    index.set_errors([("{}", b"b"), ("{}", b"unknown")])
    assert index.find((b"a", b"b", b"c")) == {b"a": IndexEntry(1, None), b"b": IndexEntry(2, "{}")}
    index.close()
    assert list(tmp_path.iterdir()) == []


def test_many(tmp_path: Path) -> None:
    """Any number of texts is found at once."""
    index = TextIndex(tmp_path / "texts.sqlite")
    digests = [number.to_bytes(16, "big") for number in range(3000)]
    index.add((digest, row, None) for row, digest in enumerate(digests))
    assert [each.row for each in index.find(digests).values()] == sorted(range(3000))
    index.close()


def test_vectors(tmp_path: Path) -> None:
    """The vectors that are kept are found by the hashes of their texts."""
    index = TextIndex(tmp_path / "texts.sqlite")
    index.add_vectors([(b"a", b"1"), (b"b", b"2")])
    index.add_vectors([(b"a", b"1")])
    assert list(index.iter_vectors((b"b", b"c", b"a"))) == [(b"b", b"2"), (b"a", b"1")]
    index.close()


def test_left_by_a_crash(tmp_path: Path) -> None:
    """An index that a run has left is not used: it may be incomplete."""
    path = tmp_path / "texts.sqlite"
    path.write_bytes(b"half a database")
    index = TextIndex(path)
    assert index.find((b"a",)) == {}
    index.close()
