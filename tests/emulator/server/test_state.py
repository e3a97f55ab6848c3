"""The emulator's state is an immutable value."""

import pytest

from genai_fn.emulator import EmulatorState


def test_never_changes() -> None:
    """Adding or removing a resource returns another state."""
    empty = EmulatorState()
    one = empty.with_resource("files/a", 1)
    assert (empty.list_resources("files"), one.list_resources("files"), one.without_resource("files/a")) == (
        (),
        (1,),
        empty,
    )
    assert one.without_resource("files/b") == one


def test_list_resources() -> None:
    """A collection contains its direct children in order of creation; replacing one does not change the order."""
    state = (
        EmulatorState()
        .with_resource("a/2", 2)
        .with_resource("a/1", 1)
        .with_resource("a/1/b/3", 3)
        .with_resource("ab/4", 4)
        .with_resource("a/2", 22)
    )
    assert (state.list_resources("a"), state.list_resources("a/1/b"), state.list_resources("b")) == ((22, 1), (3,), ())


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
    """Names consist of letters and digits; in projects they consist of digits only."""
    assert EmulatorState().assign_name(collection)[1] == name


def test_names_are_new() -> None:
    """No name is assigned twice, nor if a caller has chosen it."""
    state = EmulatorState().with_resource("files/file2", 0)
    state, first = state.assign_name("files")
    state, second = state.assign_name("files")
    assert (first, second) == ("files/file1", "files/file3")
