"""The transport: sends an HTTP request once. A retry calls it again. Transport middleware wraps it."""

from functools import partial
from typing import Any, Protocol, TypeVar

from genai_fn.effects import EffectFailed, Effects, OpenResponse, Race, ReadChunk, RunAll, SendRequest, Spawn
from genai_fn.engine.stepper import intercept_effects, wrap_programs

__all__ = ["EffectTransport", "Transport", "send_through"]

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
    """Run a program, and send all HTTP requests of the program and its children through a transport."""
    return intercept_effects(effects, partial(_route_effect, transport))


def _route_effect(transport: Transport, effect: Any) -> Effects[Any]:
    match effect:
        case SendRequest():
            return (yield from transport.send(effect))
        case ReadChunk():
            return (yield from transport.read_chunk(effect))
        case RunAll() | Race() | Spawn():
            return (yield wrap_programs(effect, partial(send_through, transport=transport)))
        case _:
            return (yield effect)
