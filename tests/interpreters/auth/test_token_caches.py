"""The token caches of an interpreter: one for each backend, bounded, and closed together."""

import threading
from typing import Any

from genai_fn.backend import Gemini, Vertex
from genai_fn.effects import EffectFailed
from genai_fn.errors import Closed
from genai_fn.interpreters.auth.token_caches import TokenCaches
from tests.support.credentials import (
    FakeCredentials,
    SlowCredentials,
    await_credential,
    get_error,
    get_token,
    join_refreshes,
    make_cache,
)


def make_caches(built: list[Any]) -> TokenCaches:
    """Make caches whose backends have a token with the name of their project."""

    def build(backend: Any) -> Any:
        built.append(backend)
        return make_cache(FakeCredentials(backend.project))

    return TokenCaches(Vertex("own"), build)


def test_one_for_each_backend() -> None:
    """Equal backends share a cache, others have their own; None is the interpreter's backend."""
    built: list[Any] = []
    caches = make_caches(built)
    backends = [None, Vertex("b"), Vertex("c"), Vertex("b"), None]
    futures = [caches.get_credential(None, backend) for backend in backends]
    for future in futures:
        await_credential(future)
    assert ["own", "b", "c", "b", "own"] == [get_token(future) for future in futures]
    assert built == [Vertex("own"), Vertex("b"), Vertex("c")]


def test_many_threads_build_one() -> None:
    """Threads that need the token of a backend at the same time share one cache."""
    caches = make_caches([])
    tokens: list[str] = []

    def get() -> None:
        tokens.append(get_token(caches.get_credential(None, Vertex("b"))))

    threads = [threading.Thread(target=get) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert tokens == ["b"] * 16
    assert len(caches._caches) == 1  # the state under test


def test_bounded() -> None:
    """Very many backends of requests do not fill the memory; the interpreter's own cache stays."""
    built: list[Any] = []
    caches = make_caches(built)
    for number in range(400):
        caches.get_credential(None, Vertex(f"p{number}") if number else None)
    assert len(caches._caches) <= 257  # the state under test
    caches.get_credential()
    assert len(built) == 400
    join_refreshes()


def test_close() -> None:
    """Closing fails waiting callers of all backends, and further ones, also for a new backend."""
    credentials = SlowCredentials("one")
    caches = TokenCaches(Gemini("k"), lambda backend: make_cache(credentials))
    waiting = caches.get_credential(None, Vertex("b"))
    caches.close()
    for future in (waiting, caches.get_credential(None, Vertex("b")), caches.get_credential(None, Vertex("c"))):
        assert isinstance(future.result(60), EffectFailed)
        assert isinstance(get_error(future), Closed)
    credentials.gate.set()
    join_refreshes()
