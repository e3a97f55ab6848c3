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

from genai_fn.backend import Credential, Secret, Vertex, bearer
from genai_fn.effects import Lost
from genai_fn.errors import AuthError, Closed
from genai_fn.interpret.adc import find
from genai_fn.interpret.grant import Fetch, Grant, Source
from genai_fn.interpret.metadata import MetadataServer
from genai_fn.interpret.threads import Promise, start_thread

__all__ = ["Fetch", "Tokens"]

Answer: TypeAlias = Promise[Credential | Lost]


class Tokens:
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
        fetch: Fetch,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._backend = backend
        self._environ = environ
        self._fetch = fetch
        self._clock = clock
        self._source: Source | None = None
        self._project: str | None = backend.project or environ.get("GOOGLE_CLOUD_PROJECT") or None
        self._held: _Held | None = None
        self._closed = False
        self._turns: dict[int, _Turn] = {}

    def ask(self) -> Answer:
        """
        Get a credential, or why there is none, as a promise.

        It is done at once while a token is good. Else it is the caller's own: cancelling it takes nothing from others.
        """
        turn = self._turn()
        with turn.lock:
            answer = self._at_once()
            starts = not self._closed and not turn.running and (answer is None or self._due(turn))
            if answer is None:
                answer = Answer()
                turn.waiting.append(answer)
            if starts:
                self._start(turn)
        return answer

    def close(self) -> None:
        """Begin no refresh any more, and send away those who wait; a refresh that is under way ends by itself."""
        turn = self._turn()
        with turn.lock:
            self._closed = True
            waiting, turn.waiting = turn.waiting, []
        _tell(waiting, Lost(Closed()))

    def _turn(self) -> "_Turn":
        pid = os.getpid()  # after a fork nobody works on the parent's refresh, and its lock may be held for ever
        return self._turns.get(pid) or self._turns.setdefault(pid, _Turn())

    def _at_once(self) -> Answer | None:
        if self._closed:
            return _done(Lost(Closed()))
        held = self._held
        return held.answer if held is not None and self._clock() < held.ends - _ON_THE_WAY else None

    def _due(self, turn: "_Turn") -> bool:
        now = self._clock()
        return self._held is not None and now >= self._held.ends - _REFRESH_BEFORE and now >= turn.not_before

    def _start(self, turn: "_Turn") -> None:
        try:
            start_thread(Thread(target=self._refresh, args=(turn,), name="genai_fn token", daemon=True))
            turn.running = True  # not before: if this is interrupted, the next to ask starts another
        except RuntimeError as error:  # no more threads, or Python is about to end
            self._settle(turn, Lost(AuthError(f"no token: {error}")))

    def _refresh(self, turn: "_Turn") -> None:
        try:
            outcome: _Held | Lost = self._obtained()
        except BaseException as error:  # noqa: BLE001  # the thread is ours alone, and those who wait must hear of it
            outcome = Lost(AuthError(f"no token: {type(error).__name__}"))
        self._settle(turn, outcome)

    def _obtained(self) -> "_Held | Lost":
        now = self._clock()
        source = self._source or find(_revealed(self._backend.credentials), self._environ, self._fetch)
        if isinstance(source, Lost):
            return source
        self._source = source
        grant = source.grant(now, _REFRESH_BEFORE)
        if isinstance(grant, Lost):
            return grant
        project = self._project or self._found_project(source)
        if isinstance(project, Lost):
            return project
        self._project = project
        return _held(self._backend, grant, project, now)

    def _found_project(self, source: Source) -> str | Lost:
        found = source.project()
        if found is None and not isinstance(source, MetadataServer):
            found = MetadataServer(self._environ, self._fetch).project()
        return Lost(AuthError(_NO_PROJECT)) if found is None else found

    def _settle(self, turn: "_Turn", outcome: "_Held | Lost") -> None:
        with turn.lock:
            waiting, turn.waiting = turn.waiting, []
            turn.running = False
            turn.not_before = self._clock() + _BREATH
            if isinstance(outcome, _Held):
                self._held = outcome
        _tell(waiting, outcome if isinstance(outcome, Lost) else outcome.answer.result())


_REFRESH_BEFORE = 225.0  # seconds before its end that a token is renewed, as google-auth does
_ON_THE_WAY = 10.0  # seconds that a token must be good for, to be good still where it arrives
_BREATH = 5.0  # seconds between two refreshes for which nobody waits
_LOOK_AGAIN = 600.0  # seconds that a token without an end is kept, as its owner may have replaced it
_NO_PROJECT = (
    "no project: Vertex(project=…) and GOOGLE_CLOUD_PROJECT are not set, and neither the credentials nor a metadata"
    " server know one"
)


@dataclass(eq=False)
class _Turn:
    """One process's share: the refresh that is under way, and who waits for it."""

    lock: RLock = field(default_factory=RLock)  # a signal handler may close what its thread is just asking
    waiting: list[Answer] = field(default_factory=list[Answer])
    running: bool = False
    not_before: float = 0.0


@dataclass(frozen=True)
class _Held:
    """A credential that serves until its token ends; the answer is done, so all may share it."""

    answer: Answer
    ends: float


def _held(backend: Vertex, grant: Grant, project: str, now: float) -> _Held:
    credential = bearer(backend, grant.token.reveal(), project=project, quota_project=grant.quota_project)
    return _Held(_done(credential), now + _LOOK_AGAIN if grant.ends is None else grant.ends)


def _revealed(credentials: object) -> object:
    return credentials.reveal() if isinstance(credentials, Secret) else credentials


def _done(result: Credential | Lost) -> Answer:
    answer = Answer()
    answer.set_result(result)
    return answer


def _tell(waiting: list[Answer], result: Credential | Lost) -> None:
    for answer in waiting:
        with suppress(Exception):  # of a callback, which is its owner's affair
            answer.set_result(result)
