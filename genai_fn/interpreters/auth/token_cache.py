"""
A cache for OAuth tokens for Vertex AI: at most one refresh at a time, in a thread, shared by all callers.

Callers may cancel their wait at any time without cancelling the refresh. A token is refreshed before it expires, while
callers still receive the old one. A failure reaches the callers that waited for it and is not cached.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from threading import RLock, Thread
from typing import TypeAlias
from weakref import WeakSet

from genai_fn.backend import Credential, Secret, Vertex, build_bearer_credential
from genai_fn.effects import EffectFailed
from genai_fn.errors import AuthError, Closed
from genai_fn.interpreters.auth.application_default import find_token_source
from genai_fn.interpreters.auth.metadata_server import MetadataTokenSource
from genai_fn.interpreters.auth.token_source import AccessToken, FetchFunction, TokenSource
from genai_fn.interpreters.executors.threads import Promise, start_thread

__all__ = ["FetchFunction", "TokenCache"]

CredentialFuture: TypeAlias = Promise[Credential | EffectFailed]


class TokenCache:
    """
    The credential of a Vertex backend, refreshed when needed. It is thread-safe.

    Args:
        backend: A backend that authenticates with OAuth: it has no API key and no gateway.

        environ: Environment variables for the application default credentials, the project and the quota project.

        fetch: Sends the requests for tokens.

        clock: Returns seconds since 1970.

        close_connections: Closes the connections of `fetch`, and ends its requests.
    """

    def __init__(
        self,
        backend: Vertex,
        *,
        environ: Mapping[str, str],
        fetch: FetchFunction,
        clock: Callable[[], float] = time.time,
        close_connections: Callable[[], object] | None = None,
    ) -> None:
        self._backend = backend
        self._environ = environ
        self._fetch = fetch
        self._clock = clock
        self._close_connections = close_connections
        self._source: TokenSource | None = None
        self._project = backend.project
        self._cached: _CachedCredential | None = None
        self._was_refused = False
        self._is_closed = False
        self._refreshes: dict[int, _RefreshState] = {}

    def get_credential(self, refused: Credential | None = None) -> CredentialFuture:
        """
        Return a future of the credential, or of the failure.

        It is already done while the cached token is valid. Otherwise it belongs to the caller, who may cancel it
        without affecting other callers. A credential that the server has `refused` is refreshed, unless another caller
        has replaced it.
        """
        refresh = self._get_refresh_state()
        with refresh.lock:
            if refused is not None and self._cached is not None and self._cached.future.result() == refused:
                self._cached, self._was_refused = None, True
            future = self._get_done_future()
            can_start = not self._is_closed and not refresh.is_running
            needs_start = can_start and (future is None or self._is_refresh_due(refresh))
            if future is None:
                future = CredentialFuture()
                refresh.waiters.add(future)
            if needs_start:
                self._start_refresh(refresh)
        return future

    def close(self) -> None:
        """Start no further refresh, fail all waiting callers with `Closed`, and close the connections."""
        refresh = self._get_refresh_state()
        with refresh.lock:
            self._is_closed = True
            waiters, refresh.waiters = refresh.waiters, WeakSet()
        _resolve_futures(waiters, EffectFailed(Closed()))
        if self._close_connections is not None:
            self._close_connections()

    def _get_refresh_state(self) -> "_RefreshState":
        pid = os.getpid()  # after a fork the parent's refresh has no thread, and its lock may be held for ever
        return self._refreshes.get(pid) or self._refreshes.setdefault(pid, _RefreshState())

    def _get_done_future(self) -> CredentialFuture | None:
        if self._is_closed:
            return CredentialFuture.resolve(EffectFailed(Closed()))
        cached = self._cached
        return cached.future if cached is not None and self._clock() < cached.expires_at - _MIN_LIFETIME else None

    def _is_refresh_due(self, refresh: "_RefreshState") -> bool:
        now = self._clock()
        return (
            self._cached is not None and now >= self._cached.expires_at - _REFRESH_MARGIN and now >= refresh.not_before
        )

    def _start_refresh(self, refresh: "_RefreshState") -> None:
        try:
            start_thread(Thread(target=self._run_refresh, args=(refresh,), name="genai_fn token", daemon=True))
            refresh.is_running = True  # after the start: if an interrupt prevents that, the next caller starts another
        except RuntimeError as error:  # the limit of threads, or the interpreter is shutting down
            self._finish_refresh(refresh, EffectFailed(AuthError(f"no token: {error}")))

    def _run_refresh(self, refresh: "_RefreshState") -> None:
        try:
            outcome: _CachedCredential | EffectFailed = self._obtain_credential()
        except BaseException as error:  # noqa: BLE001  # the thread is ours, and waiting callers need a result
            outcome = EffectFailed(AuthError(f"no token: {type(error).__name__}"))
        self._finish_refresh(refresh, outcome)

    def _obtain_credential(self) -> "_CachedCredential | EffectFailed":
        now = self._clock()
        given = self._backend.credentials
        credentials = given.reveal() if isinstance(given, Secret) else given
        source = self._source or find_token_source(credentials, self._environ, self._fetch)
        if isinstance(source, EffectFailed):
            return source
        self._source = source
        was_refused, self._was_refused = self._was_refused, False
        token = source.get_token(now, inf if was_refused else _REFRESH_MARGIN)
        if isinstance(token, EffectFailed):
            return token
        project = self._project or self._find_project(source)
        if isinstance(project, EffectFailed):
            return project
        self._project = project
        return _build_cached_credential(self._backend, token, project, now)

    def _find_project(self, source: TokenSource) -> str | EffectFailed:
        project = source.find_project()
        if project is None and not isinstance(source, MetadataTokenSource):
            project = MetadataTokenSource(self._environ, self._fetch).find_project()
        return EffectFailed(AuthError(_NO_PROJECT_MESSAGE)) if project is None else project

    def _finish_refresh(self, refresh: "_RefreshState", outcome: "_CachedCredential | EffectFailed") -> None:
        with refresh.lock:
            waiters, refresh.waiters = refresh.waiters, WeakSet()
            refresh.is_running = False
            refresh.not_before = self._clock() + _MIN_REFRESH_INTERVAL
            if isinstance(outcome, _CachedCredential):
                self._cached = outcome
        _resolve_futures(waiters, outcome if isinstance(outcome, EffectFailed) else outcome.future.result())


_REFRESH_MARGIN = 225.0  # seconds before its expiry that a token is refreshed, as in google-auth
_MIN_LIFETIME = 10.0  # seconds that a token must still be valid, so that it is when the request arrives
_MIN_REFRESH_INTERVAL = 5.0  # seconds between two refreshes without a waiting caller
_LIFETIME_WITHOUT_EXPIRY = 600.0  # seconds to cache a token without an expiry, as its owner may replace it
_NO_PROJECT_MESSAGE = (
    "no project: Vertex(project=…) is not set, and neither the credentials nor a metadata server has one"
)


@dataclass(eq=False)
class _RefreshState:
    """The refresh of one process, and the callers that wait for it."""

    lock: RLock = field(default_factory=RLock)  # a signal handler may close the cache while its thread holds the lock
    waiters: WeakSet[CredentialFuture] = field(default_factory=WeakSet[CredentialFuture])
    """The futures of the callers; weakly, as those that no longer wait have dropped theirs."""
    is_running: bool = False
    not_before: float = 0.0


@dataclass(frozen=True)
class _CachedCredential:
    """A credential, and when its token expires; all callers share the future, which is done."""

    future: CredentialFuture
    expires_at: float


def _build_cached_credential(backend: Vertex, token: AccessToken, project: str, now: float) -> _CachedCredential:
    credential = build_bearer_credential(
        backend, token.token.reveal(), project=project, quota_project=token.quota_project
    )
    expires_at = now + _LIFETIME_WITHOUT_EXPIRY if token.expires_at is None else token.expires_at
    return _CachedCredential(CredentialFuture.resolve(credential), expires_at)


def _resolve_futures(futures: Iterable[CredentialFuture], result: Credential | EffectFailed) -> None:
    for future in futures:
        with suppress(Exception):  # of one caller's callback: the others still need their result
            future.set_result(result)
