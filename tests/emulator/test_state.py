"""What the emulator remembers, as a value."""

import pytest

from genai_fn.emulator import State


def test_never_changes() -> None:
    """What is put or dropped is so in another state."""
    empty = State()
    one = empty.putting("files/a", 1)
    assert (empty.under("files"), one.under("files"), one.dropping("files/a")) == ((), (1,), empty)
    assert one.dropping("files/b") == one


def test_under() -> None:
    """A collection is what is one step below it, in the order in which it was made, whatever was changed since."""
    state = State().putting("a/2", 2).putting("a/1", 1).putting("a/1/b/3", 3).putting("ab/4", 4).putting("a/2", 22)
    assert (state.under("a"), state.under("a/1/b"), state.under("b")) == ((22, 1), (3,), ())


@pytest.mark.parametrize(
    ("collection", "name"),
    [
        ("files", "files/file1"),
        ("batches", "batches/batch1"),
        ("cachedContents", "cachedContents/cachedcontent1"),
        ("fileSearchStores/s/documents", "fileSearchStores/s/documents/document1"),
        ("projects/p/locations/l/tuningJobs", "projects/p/locations/l/tuningJobs/1"),
    ],
)
def test_names(collection: str, name: str) -> None:
    """Names are of letters and digits; those in projects of digits alone."""
    assert State().named(collection)[1] == name


def test_names_are_new() -> None:
    """No name is given out twice, nor one that somebody has chosen."""
    state = State().putting("files/file2", 0)
    state, first = state.named("files")
    state, second = state.named("files")
    assert (first, second) == ("files/file1", "files/file3")
