"""The transport: one attempt at an HTTP request, below retries. Transport middleware wraps it."""

from functools import partial
from typing import Any, Protocol, TypeVar

from genai_fn.effects import EffectFailed, Effects, OpenResponse, ReadChunk, RunAll, SendRequest, Spawn
from genai_fn.engine.stepper import intercept_effects

__all__ = ["EffectTransport", "Transport", "send_through"]

T = TypeVar("T")


class Transport(Protocol):
    """
    Sends one HTTP request and reads the body of its response: one attempt, which the retry policy may repeat.

    Both methods are generators of effects, and return what the effect returns.
    """

    def send(self, request: SendRequest) -> Effects[OpenResponse | EffectFailed]:
        """Send a request, and return the response as soon as its head has arrived."""
        ...

    def read_chunk(self, chunk: ReadChunk) -> Effects[bytes | EffectFailed]:
        """Read the next chunk of the body, still encoded; ``b""`` at its end."""
        ...


class EffectTransport:
    """Yields the effects themselves, which the connection pool of the executor performs."""

    def send(self, request: SendRequest) -> Effects[OpenResponse | EffectFailed]:
        """Send a request."""
        response: OpenResponse | EffectFailed = yield request
        return response

    def read_chunk(self, chunk: ReadChunk) -> Effects[bytes | EffectFailed]:
        """Read a chunk."""
        data: bytes | EffectFailed = yield chunk
        return data


def send_through(effects: Effects[T], transport: Transport) -> Effects[T]:
    """Run a program, and send all its HTTP requests through a transport; those of its children, too."""
    return intercept_effects(effects, partial(_route_effect, transport))


def _route_effect(transport: Transport, effect: Any) -> Effects[Any]:
    match effect:
        case SendRequest():
            return (yield from transport.send(effect))
        case ReadChunk():
            return (yield from transport.read_chunk(effect))
        case RunAll(programs=programs):
            return (yield RunAll(tuple(send_through(each, transport) for each in programs)))
        case Spawn(program=program):
            return (yield Spawn(send_through(program, transport)))
        case _:
            return (yield effect)
