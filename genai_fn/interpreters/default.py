"""`run` and `arun` for scripts and shells: they use the backend of the environment, read at the first call."""

import atexit
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from returns.result import Result

from genai_fn.errors import GenaiError
from genai_fn.forks import delay_forks, register_fork_delay
from genai_fn.interpreters.executors.threads import SetOnce
from genai_fn.interpreters.protocols import InProcessInterpreter, Interpreter, StreamItems
from genai_fn.request import Action, Stream

if TYPE_CHECKING:
    from genai_fn.interpreters.http import Http


T = TypeVar("T")

current_interpreter: ContextVar[InProcessInterpreter | None] = ContextVar("genai_fn_interpreter", default=None)
"""The interpreter that replaces the default one in this context; ``use_interpreter`` sets it, for tests."""


class _DefaultInterpreter:
    """
    Run an action with the backend that the environment names; ``run.stream(…)`` reads a stream.

    It opens an `Http` at the first call, and closes it when the process exits. Use `Http` for another backend, and
    `Offline` for no network.

    Raises:
        InvalidRequest: If the action is not a Request or a Flow.

    Fails with: ``AuthError`` if the environment has no credentials, and what the action fails with.
    """

    def __init__(self) -> None:
        self._opened: SetOnce[Http] = SetOnce()

    def __call__(self, action: Action[T]) -> Result[T, GenaiError]:
        return (current_interpreter.get() or self._get_http())(action)

    def stream(self, stream: Stream[T]) -> AbstractContextManager[StreamItems[T]]:
        """Read a stream: ``with run.stream(…) as items: for item in items: …``."""
        return (current_interpreter.get() or self._get_http()).stream(stream)

    def _get_http(self) -> Interpreter:
        """Return the interpreter, opened without a lock: a fork would copy it while it is locked."""
        opened = self._opened.get()
        if opened is not None:
            return opened
        register_fork_delay()
        with delay_forks:
            from genai_fn.interpreters.http import Http  # noqa: PLC0415  # at the first call

        http = Http()
        if http.problem is not None:
            return http  # the next call reads the environment again
        first = self._opened.set(http)
        if first is http:
            atexit.register(http.close)
        return first


run = _DefaultInterpreter()
"""
Run an action with the backend that the environment names; ``run.stream(…)`` reads a stream.

Its connections stay open for later calls, from any thread. Tests replace it by `use_interpreter`.

>>> from genai_fn import generate, run, text
>>> from genai_fn.testing import Fake, use_interpreter
>>> with use_interpreter(Fake({"generate": "hello"})):
...     run(generate("gemini-2.5-flash", "hi") | text)
<Success: hello>
"""


async def arun(action: Action[T]) -> Result[T, GenaiError]:
    """
    Run an action with the backend that the environment names, on asyncio or trio.

    It opens a connection for each call; for more than a few calls use `AsyncHttp`.

    Args:
        action: The request or flow to run.

    Raises:
        InvalidRequest: If the action is not a Request or a Flow.

    Fails with: ``AuthError`` if the environment has no credentials, and what the action fails with.

    >>> import asyncio
    >>> from genai_fn import AuthError, generate
    >>> refused = asyncio.run(arun(generate("gemini-2.5-flash", "hi")))  # without a key in the environment
    >>> isinstance(refused.failure(), AuthError)
    True
    """
    interpreter = current_interpreter.get()
    if interpreter is not None:
        return await interpreter.aio(action)
    from genai_fn.interpreters.async_http import AsyncHttp  # noqa: PLC0415  # at the first call

    async with AsyncHttp() as http:
        return await http(action)
