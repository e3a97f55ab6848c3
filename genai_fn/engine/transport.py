"""The transport: sends an HTTP request once. A retry calls it again. Transport middleware wraps it."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeAlias, TypeVar

from genai_fn.effects import (
    CallFunction,
    CloseResource,
    EffectFailed,
    Effects,
    Emit,
    GetRandom,
    GetTime,
    GetToken,
    Notify,
    OpenResource,
    OpenResponse,
    Race,
    ReadChunk,
    RunAll,
    SendRequest,
    Sleep,
    Spawn,
)
from genai_fn.engine.stepper import wrap_programs

T = TypeVar("T")


class Transport(Protocol):
    """
    Sends one HTTP request and reads the body of its response. A retry calls it again.

    Both methods are generators of effects. They return the same types as the effects `SendRequest` and `ReadChunk`.
    """

    def send(self, request: SendRequest) -> Effects[OpenResponse | EffectFailed]:
        """Send a request, and return the response as soon as its head has arrived."""
        ...

    def read_chunk(self, chunk: ReadChunk) -> Effects[bytes | EffectFailed]:
        """Read the next chunk of the body, still encoded; ``b""`` at its end."""
        ...


class EffectTransport:
    """The default transport: yields the effects unchanged, so that the executor performs them."""

    def send(self, request: SendRequest) -> Effects[OpenResponse | EffectFailed]:
        """Yield the request to the executor, and return the response."""
        response: OpenResponse | EffectFailed = yield request
        return response

    def read_chunk(self, chunk: ReadChunk) -> Effects[bytes | EffectFailed]:
        """Yield the read to the executor, and return the chunk."""
        data: bytes | EffectFailed = yield chunk
        return data


def send_through(effects: Effects[T], transport: Transport) -> Effects[T]:
    """
    Run a program, and send all HTTP requests of the program and its children through a transport.

    A transport may have a third method, ``close_response``: a function of each `CloseResource` that returns a generator
    which performs it, or None. Of a response that was not read to its end, it is all that the transport sees.

    >>> from genai_fn import Offline, generate
    >>> from genai_fn.middleware import HandlerWrapper, TransportWrapper, send_through
    >>> class Attempts(TransportWrapper):
    ...     count = 0
    ...
    ...     def send(self, request):
    ...         self.count += 1
    ...         return (yield from self.inner.send(request))
    >>> class CountAttempts(HandlerWrapper):
    ...     def handle(self, request, until):
    ...         attempts = Attempts(EffectTransport())
    ...         result = yield from send_through(self.inner.handle(request, until), attempts)
    ...         print(request.operation.op, attempts.count)
    ...         return result
    >>> answer = Offline().with_middleware(CountAttempts)(generate("gemini-2.5-flash", "hi"))
    generate 1
    """
    close_response: _CloseFunction | None = getattr(transport, "close_response", None)
    plain_effects = _PLAIN_EFFECTS if close_response is None else _PLAIN_EXCEPT_CLOSE
    send: Any = effects.send  # not a `Stepper`, which takes longer: this is a cost of each request
    resume: Any = send
    answer: Any = None
    while True:
        try:
            effect = resume(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # the program's
        finally:
            answer = None  # the traceback of an exception refers to this frame
        resume = send
        try:
            if type(effect) in plain_effects:  # most of them
                answer = yield effect
            elif isinstance(effect, ReadChunk):
                answer = yield from transport.read_chunk(effect)
            elif close_response is not None and isinstance(effect, CloseResource):
                closing = close_response(effect)
                answer = (yield effect) if closing is None else (yield from closing)
            elif isinstance(effect, SendRequest):
                answer = yield from transport.send(effect)
            elif isinstance(effect, _WITH_PROGRAMS):
                answer = yield wrap_programs(effect, partial(send_through, transport=transport))
            else:
                answer = yield effect
        except Exception as error:  # noqa: BLE001  # the caller's own function raised: the program may handle it
            resume, answer = effects.throw, error


_CloseFunction: TypeAlias = Callable[[CloseResource], Effects[Any] | None]
_WITH_PROGRAMS = (RunAll, Race, Spawn)
_PLAIN_EFFECTS = frozenset(
    {CallFunction, CloseResource, Emit, GetRandom, GetTime, GetToken, Notify, OpenResource, Sleep}
)
"""Effects that no transport sees, unless it has a `close_response`."""
_PLAIN_EXCEPT_CLOSE = _PLAIN_EFFECTS - {CloseResource}
