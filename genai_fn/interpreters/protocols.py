"""The protocols of interpreters, for annotations."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeVar

from returns.result import Result

from genai_fn.errors import GenaiError
from genai_fn.request import Action, Live, Stream

if TYPE_CHECKING:
    from genai_fn.interpreters.live.session import Session  # loaded with anyio, at the first use

__all__ = ["AsyncInterpreter", "AsyncStreamItems", "InProcessInterpreter", "Interpreter", "StreamItems"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class StreamItems(Protocol[T_co]):
    """Iterates over the items of a stream, each a ``Result``."""

    def __iter__(self) -> Iterator[Result[T_co, GenaiError]]: ...
    def __next__(self) -> Result[T_co, GenaiError]: ...
    def close(self) -> None: ...


class AsyncStreamItems(Protocol[T_co]):
    """Iterates over the items of a stream, each a ``Result``."""

    def __aiter__(self) -> AsyncIterator[Result[T_co, GenaiError]]: ...
    async def __anext__(self) -> Result[T_co, GenaiError]: ...
    def close(self) -> None: ...


class Interpreter(Protocol):
    """
    Runs actions and reads streams in the calling thread: `Http`, `Offline`, a `Fake`.

    >>> from genai_fn import Interpreter, Offline, generate, text
    >>> from genai_fn.testing import Fake
    >>> def shout(run: Interpreter, question: str) -> str:
    ...     return run(generate("gemini-2.5-flash", question) | text).value_or("").upper()
    >>> shout(Fake({"generate": "hello"}), "hi"), shout(Offline(), "hi")[:4]
    ('HELLO', 'I AM')
    """

    def __call__(self, action: Action[T]) -> Result[T, GenaiError]: ...
    def stream(self, stream: Stream[T]) -> AbstractContextManager[StreamItems[T]]: ...


class AsyncInterpreter(Protocol):
    """
    Runs actions, reads streams and opens live sessions in the calling task: `AsyncHttp`, or the ``.aio`` of an
    interpreter in this process.

    >>> import asyncio
    >>> from genai_fn import AsyncInterpreter, generate, text
    >>> from genai_fn.testing import Fake
    >>> async def shout(run: AsyncInterpreter, question: str) -> str:
    ...     return (await run(generate("gemini-2.5-flash", question) | text)).value_or("").upper()
    >>> asyncio.run(shout(Fake({"generate": "hello"}).aio, "hi"))
    'HELLO'
    """

    async def __call__(self, action: Action[T]) -> Result[T, GenaiError]: ...
    def stream(self, stream: Stream[T]) -> AbstractAsyncContextManager[AsyncStreamItems[T]]: ...
    def live(self, live: Live[T]) -> "AbstractAsyncContextManager[Session[T]]": ...


class InProcessInterpreter(Interpreter, Protocol):
    """An interpreter without a network; `aio` is the same one for async code, with live sessions."""

    @property
    def aio(self) -> AsyncInterpreter: ...
