"""The token caches of an interpreter: one for each of its backends, made at the first request that needs a token."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from genai_fn.backend import Backend, Credential

if TYPE_CHECKING:
    from genai_fn.interpreters.auth.token_cache import CredentialFuture, TokenCache  # loaded at the first token

__all__ = ["TokenCaches"]


class TokenCaches:
    """
    The OAuth credentials of the interpreter's own backend, and of those that requests set. It is thread-safe.

    It takes no lock, as a signal handler may close it at any point.

    Args:
        backend: The interpreter's own backend.

        build: Builds the token cache of a Vertex backend.
    """

    def __init__(self, backend: Backend, build: Callable[[Any], "TokenCache"]) -> None:
        self._backend = backend
        self._build = build
        self._caches: dict[Backend | None, TokenCache] = {}
        self._is_closed = False

    def get_credential(self, refused: Credential | None = None, backend: Backend | None = None) -> "CredentialFuture":
        """Return a future of the credential of a backend, or of the own one, as `TokenCache.get_credential` does."""
        cache = self._caches.get(backend)
        if cache is None:
            cache = self._caches.setdefault(backend, self._build(backend or self._backend))
            self._drop_excess()
            if self._is_closed:  # by another thread, meanwhile
                cache.close()
        return cache.get_credential(refused)

    def _drop_excess(self) -> None:
        """Forget the oldest caches but the own one, if requests have set very many backends."""
        for backend in tuple(self._caches)[:-_MAX_CACHES]:
            if backend is not None:
                self._caches.pop(backend, None)

    def close(self) -> None:
        """Close all of them: callers that wait fail with `Closed`, and further ones do, too."""
        self._is_closed = True
        for cache in tuple(self._caches.values()):
            cache.close()


_MAX_CACHES = 256
