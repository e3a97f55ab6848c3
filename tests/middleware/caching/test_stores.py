"""`MemoryStore` against a simple model, and its limits."""

import pickle
import threading
from typing import Any

import pytest
from hypothesis import given, strategies as st

from genai_fn import InvalidRequest
from genai_fn.middleware import MemoryStore

KEYS = st.sampled_from("abcdef")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.integers(0, 400), st.sampled_from([None, 1.0, 5.0])),
        st.tuples(st.just("get"), KEYS),
        st.tuples(st.just("delete"), KEYS),
        st.tuples(st.just("wait"), st.sampled_from([0.5, 1.0, 5.0])),
    ),
    max_size=60,
)
ENTRY = 301
"""The size of an entry with a key of one character and an empty value."""


class ModelStore:
    """A list of entries, the least recently used first."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.now = 0.0
        self.entries: list[tuple[str, bytes, float]] = []

    def get(self, key: str) -> bytes | None:
        found = [each for each in self.entries if each[0] == key]
        self.delete(key)
        alive = [each for each in found if self.now < each[2]]
        self.entries += alive
        return alive[0][1] if alive else None

    def put(self, key: str, value: bytes, ttl: float | None) -> None:
        self.delete(key)
        if ENTRY + len(value) <= self.max_bytes:
            self.entries.append((key, value, float("inf") if ttl is None else self.now + ttl))
        while sum(ENTRY + len(each[1]) for each in self.entries) > self.max_bytes:
            del self.entries[0]

    def delete(self, key: str) -> None:
        self.entries = [each for each in self.entries if each[0] != key]


@given(steps=STEPS, max_bytes=st.integers(1, 2000))
def test_agrees_with_a_model(steps: list[Any], max_bytes: int) -> None:
    """It returns what was put last, until it expires or is the least recently used of too many bytes."""
    model = ModelStore(max_bytes)
    store = MemoryStore(max_bytes, clock=lambda: model.now)
    for number, (name, *args) in enumerate(steps):
        if name == "wait":
            model.now += args[0]
        elif name == "put":
            key, size, ttl = args
            value = str(number).encode() + bytes(size)
            store.put(key, value, ttl)
            model.put(key, value, ttl)
        else:
            assert getattr(store, name)(*args) == getattr(model, name)(*args)
        assert store.size <= max_bytes
        assert len(store) == len(model.entries)


def test_threads() -> None:
    """Threads that put, get and delete at the same time leave the size of what is there."""
    store = MemoryStore(10_000)

    def work(number: int) -> None:
        for step in range(500):
            key = str((number * step) % 17)
            store.put(key, key.encode() * 10, None)
            assert store.get(key) in (None, key.encode() * 10)
            if step % 7 == 0:
                store.delete(key)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert store.size == sum(300 + len(key) + len(key) * 10 for key in map(str, range(17)) if store.get(key))


def test_invalid() -> None:
    """The limit is a whole number of at least 1."""
    for wrong in (0, -1, 1.5, "1"):
        with pytest.raises(InvalidRequest, match="max_bytes"):
            MemoryStore(wrong)  # type: ignore[arg-type]  # that is the point


def test_pickled() -> None:
    """A pickled store is an empty one with the same limit."""
    store = MemoryStore(1000)
    store.put("a", b"answer", None)
    copied = pickle.loads(pickle.dumps(store))  # our own bytes
    assert (repr(copied), len(copied)) == (repr(store), 0)
