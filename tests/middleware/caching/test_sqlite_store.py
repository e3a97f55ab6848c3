"""`SQLiteStore`: limits, several processes, a killed process, and damaged files."""

import pickle
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from genai_fn import InvalidRequest
from genai_fn.middleware import SQLiteStore

ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.sqlite"


class Clock:
    """Seconds that a test sets."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_survives(path: Path) -> None:
    """Another store finds what one has stored in the same file, and no longer what was deleted or replaced."""
    with SQLiteStore(path) as store:
        for key in "abc":
            store.put(key, key.encode(), None)
        store.delete("b")
        store.put("c", b"new", 60)
    with SQLiteStore(path) as other:
        assert [other.get(key) for key in "abcd"] == [b"a", None, b"new", None]


def test_expires(path: Path) -> None:
    """An answer expires after its time to live, and when the clock is set back to before it was stored."""
    clock = Clock()
    with SQLiteStore(path, clock=clock) as store:
        store.put("a", b"answer", 10)
        store.put("b", b"answer", None)
        clock.now += 9.99
        assert store.get("a") == b"answer"
        clock.now += 0.01
        assert (store.get("a"), store.get("b")) == (None, b"answer")
        clock.now -= 100
        assert (store.get("a"), store.get("b")) == (None, None)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abcd"), st.integers(0, 50), st.sampled_from([None, 1.0, 5.0])),
        st.tuples(st.just("get"), st.sampled_from("abcd")),
        st.tuples(st.just("delete"), st.sampled_from("abcd")),
        st.tuples(st.just("wait"), st.sampled_from([0.5, 1.0, 5.0])),
    ),
    max_size=30,
)


class ModelStore:
    """A list of entries, the one that was stored first first."""

    def __init__(self, max_bytes: int, clock: Clock) -> None:
        self.max_bytes = max_bytes
        self.clock = clock
        self.entries: list[tuple[str, bytes, float]] = []

    def get(self, key: str) -> bytes | None:
        return next((each[1] for each in self.entries if each[0] == key and self.clock.now < each[2]), None)

    def put(self, key: str, value: bytes, ttl: float | None) -> None:
        self.delete(key)
        if 1 + len(value) > self.max_bytes:
            return
        self.entries.append((key, value, float("inf") if ttl is None else self.clock.now + ttl))
        self.entries = [each for each in self.entries if self.clock.now < each[2]]
        while sum(1 + len(each[1]) for each in self.entries) > self.max_bytes:
            del self.entries[0]

    def delete(self, key: str) -> None:
        self.entries = [each for each in self.entries if each[0] != key]


@settings(max_examples=50)
@given(steps=STEPS, max_bytes=st.integers(1, 120))
def test_agrees_with_a_model(steps: list[Any], max_bytes: int) -> None:
    """It returns what was put last, until it expires or is the oldest of too many bytes."""
    clock = Clock()
    model = ModelStore(max_bytes, clock)
    with tempfile.TemporaryDirectory() as folder, SQLiteStore(f"{folder}/a.sqlite", max_bytes, clock=clock) as store:
        for number, (name, *args) in enumerate(steps):
            if name == "wait":
                clock.now += args[0]
            elif name == "put":
                key, size, ttl = args
                value = str(number).encode() + bytes(size)
                store.put(key, value, ttl)
                model.put(key, value, ttl)
            else:
                assert getattr(store, name)(*args) == getattr(model, name)(*args)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_permissions(path: Path) -> None:
    """The owner alone may read a new file, and the files beside it."""
    with SQLiteStore(path) as store:
        store.put("a", b"answer", None)
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert len(modes) == 3


def test_threads(path: Path) -> None:
    """Threads may share a store, and open as many connections as are in use at the same time."""
    with SQLiteStore(path) as store:

        def work(number: int) -> None:
            for step in range(20):
                store.put(f"{number}-{step}", b"answer", None)
                assert store.get(f"{number}-{step}") == b"answer"

        run_in_threads([lambda number=number: work(number) for number in range(6)])  # type: ignore[misc]  # default
        assert sum(store.get(f"{number}-{step}") == b"answer" for number in range(6) for step in range(20)) == 120


def run_in_threads(bodies: list[Callable[[], None]]) -> None:
    errors: list[BaseException] = []

    def run(body: Callable[[], None]) -> None:
        try:
            body()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(each,)) for each in bodies]
    for each in threads:
        each.start()
    for each in threads:
        each.join(120)
    assert errors == []


# Processes

WRITER = """
import sys
from genai_fn.middleware import SQLiteStore
path, name, count = sys.argv[1:]
with SQLiteStore(path) as store:
    for step in range(int(count)):
        store.put(f"{name}-{step % 50}", f"{name}-{step % 50} ".encode() * 500, None)
        print(step, flush=True)
"""


def start_writer(path: Path, name: str, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "error", "-c", WRITER, str(path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def list_stored(store: SQLiteStore, name: str) -> list[int]:
    """List the steps of a writer that are stored, each of which is whole."""
    found = {step: store.get(f"{name}-{step}") for step in range(50)}
    stored = {step: value for step, value in found.items() if value is not None}
    assert stored == {step: f"{name}-{step} ".encode() * 500 for step in stored}
    return list(stored)


def test_processes(path: Path) -> None:
    """Processes that write at the same time lose nothing."""
    writers = {name: start_writer(path, name, 40) for name in "abc"}
    for each in writers.values():
        _, errors = each.communicate(timeout=120)
        assert (each.returncode, errors) == (0, "")
    with SQLiteStore(path) as store:
        assert [len(list_stored(store, name)) for name in writers] == [40, 40, 40]


@pytest.mark.parametrize("steps", [1, 5, 60])
def test_killed(path: Path, steps: int) -> None:
    """After the process that writes is killed, the store has what was written before, and works."""
    writer = start_writer(path, "a", 1_000_000)
    assert writer.stdout is not None
    for _ in range(steps):
        writer.stdout.readline()
    writer.kill()
    writer.communicate(timeout=120)
    with SQLiteStore(path) as store:
        assert len(list_stored(store, "a")) >= min(steps, 50)
        store.put("b", b"answer", None)
        assert store.get("b") == b"answer"


# Damaged files


@pytest.mark.parametrize("content", [b"no database, but notes\n" * 500, b"SQLite format 3\0" + b"\xff" * 8192])
def test_damaged_file(path: Path, content: bytes) -> None:
    """A file that is no database counts as an empty store; the first answer replaces it, and it is renamed."""
    path.write_bytes(content)
    with SQLiteStore(path) as store:
        assert store.get("a") is None
        store.delete("a")
        store.put("a", b"answer", None)
        assert store.get("a") == b"answer"
    assert Path(f"{path}.damaged").read_bytes() == content


def test_damaged_file_of_two_stores(path: Path) -> None:
    """Of two stores with a damaged file one sets it aside; the other does not do so with the new file of the first."""
    with SQLiteStore(path) as store:
        store.put("old", b"answer" * 2000, None)
    with SQLiteStore(path) as first, SQLiteStore(path) as second:
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xa5" * (path.stat().st_size - 4096))
        first.put("a", b"answer", None)
        damaged = Path(f"{path}.damaged").read_bytes()
        second.put("b", b"another", None)
        assert [each.get(key) for each in (first, second) for key in "ab"] == [b"answer", b"another"] * 2
    assert Path(f"{path}.damaged").read_bytes() == damaged


@pytest.fixture(scope="module")
def intact_file() -> Iterator[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        with SQLiteStore(f"{folder}/a.sqlite") as store:
            for key in "abcdef":
                store.put(key, f"answer {key} ".encode() * 300, 60)
        yield Path(f"{folder}/a.sqlite").read_bytes()


@settings(max_examples=60)
@given(
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=40)), max_size=8),
    kept=st.floats(0, 1),
)
def test_flipped_bytes(intact_file: bytes, changes: list[tuple[float, bytes]], kept: float) -> None:
    """Whatever happens to the bytes of the file, an answer is the one that was stored, or none, and no call crashes."""
    content = bytearray(intact_file)
    for place, data in changes:
        start = int(place * len(content))
        content[start : start + len(data)] = data[: len(content) - start]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a.sqlite")
        file.write_bytes(content[: int(kept * len(content))] if kept < 0.5 else content)
        try:
            store = SQLiteStore(file)
        except InvalidRequest:  # such as a file of a newer version of SQLite
            return
        with store:
            for key in "abcdef":
                assert store.get(key) in (None, f"answer {key} ".encode() * 300)
            try:
                store.put("a", b"new", None)
            except sqlite3.Error:  # a request goes on without its store
                return
            assert store.get("a") in (None, b"new", f"answer {'a'} ".encode() * 300)


def test_invalid(tmp_path: Path) -> None:
    """A path that cannot be opened, such as a folder, and a limit that is no number are refused at once."""
    for wrong in (tmp_path / "none" / "a.sqlite", tmp_path, "null\0character"):
        with pytest.raises(InvalidRequest, match="path"):
            SQLiteStore(wrong)
    with pytest.raises(InvalidRequest, match="max_bytes"):
        SQLiteStore(tmp_path / "a.sqlite", 0)


def test_pickled(path: Path) -> None:
    """A pickled store opens the same file."""
    with SQLiteStore(path) as store:
        store.put("a", b"answer", None)
        with pickle.loads(pickle.dumps(store)) as copied:  # our own bytes
            assert (repr(copied), copied.get("a")) == (repr(store), b"answer")
