"""Writes down what an exchange is asked and what it answers, as it goes by."""

import threading
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.effects import Effects
from genai_fn.errors import GenaiError
from genai_fn.exchange import Exchange
from genai_fn.request import Request
from genai_fn.testing.notes import Note, answered
from genai_fn.testing.scrubbing import Secrets
from genai_fn.testing.tape import Tape

__all__ = ["Heard", "Recorder"]


class Recorder:
    """
    Records the exchanges of one run; `leave` ends it.

    What comes to no answer, as it is cancelled, leaves no note.

    Args:
        is_kept: Tells the failures that are written down.
    """

    def __init__(self, inner: Exchange, tape: Tape, secrets: Secrets, is_kept: Callable[[GenaiError], bool]) -> None:
        self._inner = inner
        self._tape = tape
        self._secrets = secrets
        self._is_kept = is_kept
        self._hearing: list[Heard] = []
        self._lock = threading.Lock()

    def ask(self, asked: Note, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Have a request answered whole."""
        asked = replace(asked, number=self._tape.number())
        result: Result[Any, GenaiError] = yield from self._secrets.watching(self._inner.ask(request, until))
        self._keep(asked, request, (result,))
        return result

    def listen(self, asked: Note, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Have a stream begun."""
        asked = replace(asked, number=self._tape.number())
        opened: Result[Any, GenaiError] = yield from self._secrets.watching(self._inner.listen(request, until))
        if isinstance(opened, Failure):
            self._keep(asked, request, (opened,))
            return opened
        heard = Heard(opened.unwrap(), asked, request)
        with self._lock:
            self._hearing.append(heard)
        return Success(heard)

    def following(self, heard: "Heard") -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Have a stream go on; its note is written at its end."""
        items: tuple[Result[Any, GenaiError], ...] = yield from self._secrets.watching(
            self._inner.following(heard.handle)
        )
        heard.items += items
        if not items or isinstance(items[-1], Failure):
            self._end(heard, left=False)
        return items

    def leave(self) -> None:
        """Write down the streams that nobody reads any more."""
        for heard in tuple(self._hearing):
            self._end(heard, left=True)

    def _end(self, heard: "Heard", *, left: bool) -> None:
        with self._lock:
            if heard not in self._hearing:
                return
            self._hearing.remove(heard)
        self._keep(replace(heard.asked, left=left), heard.request, tuple(heard.items))

    def _keep(self, asked: Note, request: Request[Any], results: tuple[Result[Any, GenaiError], ...]) -> None:
        last = results[-1] if results else None
        if not isinstance(last, Failure) or self._is_kept(last.failure()):
            self._tape.write(answered(asked, request, results, self._secrets))


class Heard:
    """A stream that goes by: whose it is, and what has come."""

    def __init__(self, handle: Any, asked: Note, request: Request[Any]) -> None:
        self.handle = handle
        self.asked = asked
        self.request = request
        self.items: list[Result[Any, GenaiError]] = []
