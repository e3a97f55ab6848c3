"""
OAuth tokens for Vertex: one refresh at a time, shared by all who ask, in a thread that belongs to the interpreter.

Whoever asks may leave at any time; the refresh goes on and serves the others. A token is renewed before it ends, while
the old one still serves. A failure is told to those who waited for it, and forgotten.
"""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import RLock, Thread
from typing import TypeAlias

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
    The credential of a Vertex backend, fresh whenever it is asked for; safe to share between threads.

    Args:
        backend: One that holds no key and is no gateway.

        environ: Where the application default credentials, the project and the quota project are looked up.

        fetch: How requests for tokens are sent.

        clock: Seconds since 1970.
    """

    def __init__(
        self,
        backend: Vertex,
        *,
        environ: Mapping[str, str],
        fetch: FetchFunction,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._backend = backend
        self._environ = environ
        self._fetch = fetch
        self._clock = clock
        self._source: TokenSource | None = None
        self._project: str | None = backend.project or environ.get("GOOGLE_CLOUD_PROJECT") or None
        self._cached: _CachedCredential | None = None
        self._is_closed = False
        self._refreshes: dict[int, _RefreshState] = {}

    def get_credential(self) -> CredentialFuture:
        """
        Get a credential, or why there is none, as a promise.

        It is done at once while a token is good. Else it is the caller's own: cancelling it takes nothing from others.
        """
        turn = self._get_refresh_state()
        with turn.lock:
            answer = self._get_done_future()
            starts = not self._is_closed and not turn.is_running and (answer is None or self._is_refresh_due(turn))
            if answer is None:
                answer = CredentialFuture()
                turn.waiters.append(answer)
            if starts:
                self._start_refresh(turn)
        return answer

    def close(self) -> None:
        """Begin no refresh any more, and send away those who wait; a refresh that is under way ends by itself."""
        turn = self._get_refresh_state()
        with turn.lock:
            self._is_closed = True
            waiting, turn.waiters = turn.waiters, []
        _resolve_futures(waiting, EffectFailed(Closed()))

    def _get_refresh_state(self) -> "_RefreshState":
        pid = os.getpid()  # after a fork nobody works on the parent's refresh, and its lock may be held for ever
        return self._refreshes.get(pid) or self._refreshes.setdefault(pid, _RefreshState())

    def _get_done_future(self) -> CredentialFuture | None:
        if self._is_closed:
            return _build_done_future(EffectFailed(Closed()))
        held = self._cached
        return held.future if held is not None and self._clock() < held.expires_at - _MIN_LIFETIME else None

    def _is_refresh_due(self, turn: "_RefreshState") -> bool:
        now = self._clock()
        return self._cached is not None and now >= self._cached.expires_at - _REFRESH_MARGIN and now >= turn.not_before

    def _start_refresh(self, turn: "_RefreshState") -> None:
        try:
            start_thread(Thread(target=self._run_refresh, args=(turn,), name="genai_fn token", daemon=True))
            turn.is_running = True  # not before: if this is interrupted, the next to ask starts another
        except RuntimeError as error:  # no more threads, or Python is about to end
            self._finish_refresh(turn, EffectFailed(AuthError(f"no token: {error}")))

    def _run_refresh(self, turn: "_RefreshState") -> None:
        try:
            outcome: _CachedCredential | EffectFailed = self._obtain_credential()
        except BaseException as error:  # noqa: BLE001  # the thread is ours alone, and those who wait must hear of it
            outcome = EffectFailed(AuthError(f"no token: {type(error).__name__}"))
        self._finish_refresh(turn, outcome)

    def _obtain_credential(self) -> "_CachedCredential | EffectFailed":
        now = self._clock()
        source = self._source or find_token_source(
            _reveal_secret(self._backend.credentials), self._environ, self._fetch
        )
        if isinstance(source, EffectFailed):
            return source
        self._source = source
        grant = source.get_token(now, _REFRESH_MARGIN)
        if isinstance(grant, EffectFailed):
            return grant
        project = self._project or self._find_project(source)
        if isinstance(project, EffectFailed):
            return project
        self._project = project
        return _build_cached_credential(self._backend, grant, project, now)

    def _find_project(self, source: TokenSource) -> str | EffectFailed:
        found = source.find_project()
        if found is None and not isinstance(source, MetadataTokenSource):
            found = MetadataTokenSource(self._environ, self._fetch).find_project()
        return EffectFailed(AuthError(_NO_PROJECT_MESSAGE)) if found is None else found

    def _finish_refresh(self, turn: "_RefreshState", outcome: "_CachedCredential | EffectFailed") -> None:
        with turn.lock:
            waiting, turn.waiters = turn.waiters, []
            turn.is_running = False
            turn.not_before = self._clock() + _MIN_REFRESH_INTERVAL
            if isinstance(outcome, _CachedCredential):
                self._cached = outcome
        _resolve_futures(waiting, outcome if isinstance(outcome, EffectFailed) else outcome.future.result())


_REFRESH_MARGIN = 225.0  # seconds before its end that a token is renewed, as google-auth does
_MIN_LIFETIME = 10.0  # seconds that a token must be good for, to be good still where it arrives
_MIN_REFRESH_INTERVAL = 5.0  # seconds between two refreshes for which nobody waits
_LIFETIME_WITHOUT_EXPIRY = 600.0  # seconds that a token without an end is kept, as its owner may have replaced it
_NO_PROJECT_MESSAGE = (
    "no project: Vertex(project=…) and GOOGLE_CLOUD_PROJECT are not set, and neither the credentials nor a metadata"
    " server know one"
)


@dataclass(eq=False)
class _RefreshState:
    """One process's share: the refresh that is under way, and who waits for it."""

    lock: RLock = field(default_factory=RLock)  # a signal handler may close what its thread is just asking
    waiters: list[CredentialFuture] = field(default_factory=list[CredentialFuture])
    is_running: bool = False
    not_before: float = 0.0


@dataclass(frozen=True)
class _CachedCredential:
    """A credential that serves until its token ends; the answer is done, so all may share it."""

    future: CredentialFuture
    expires_at: float


def _build_cached_credential(backend: Vertex, grant: AccessToken, project: str, now: float) -> _CachedCredential:
    credential = build_bearer_credential(
        backend, grant.token.reveal(), project=project, quota_project=grant.quota_project
    )
    return _CachedCredential(
        _build_done_future(credential), now + _LIFETIME_WITHOUT_EXPIRY if grant.expires_at is None else grant.expires_at
    )


def _reveal_secret(credentials: object) -> object:
    return credentials.reveal() if isinstance(credentials, Secret) else credentials


def _build_done_future(result: Credential | EffectFailed) -> CredentialFuture:
    answer = CredentialFuture()
    answer.set_result(result)
    return answer


def _resolve_futures(waiting: list[CredentialFuture], result: Credential | EffectFailed) -> None:
    for answer in waiting:
        with suppress(Exception):  # of a callback, which is its owner's affair
            answer.set_result(result)
