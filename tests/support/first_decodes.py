"""
Programs in which many threads meet types for the first time at once: ``python -m tests.support.first_decodes answers``.

They are run in processes of their own, as a type is new once only, and as what goes wrong here is a crash.
"""

import dataclasses
import itertools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import FrameType
from typing import Any, Generic, NamedTuple, TypedDict, TypeVar

from msgspec import Struct

from genai_fn import (
    Gemini,
    Http,
    Offline,
    Success,
    caches,
    embed,
    files,
    generate,
    models,
    parse,
    returning,
    tokens,
    tunings,
)
from genai_fn.http import HttpResponse
from genai_fn.schema import Candidate, GenerateContentResponse, ModelContent
from genai_fn.wire import decode
from tests.support.loopback import Loopback, Received, Reply, json_reply

THREADS = 8
BACKEND = Gemini("test-key")
ANSWER: dict[str, Any] = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 1, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1}]},
}


def in_threads(jobs: Iterable[Callable[[], Any]]) -> None:
    """Do the same jobs in every thread, in one order, all threads beginning at once."""
    todo, together = tuple(jobs), threading.Barrier(THREADS)

    def work(_: int) -> None:
        together.wait()
        for job in todo:
            job()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))


def answers() -> None:
    """Answers of several operations."""
    said: list[tuple[Any, bytes]] = [
        (generate("m", "hi"), b'{"candidates":[{"content":{"parts":[{"text":"hi"}]}}],"usageMetadata":{}}'),
        (models.get("m"), b'{"name":"models/m"}'),
        (files.get("f"), b'{"name":"files/f","sizeBytes":"1","videoMetadata":{}}'),
        (caches.get("c"), b'{"name":"cachedContents/c","usageMetadata":{}}'),
        (tunings.get("tunedModels/t"), b'{"name":"tunedModels/t","tuningTask":{}}'),
        (tokens.count("m", "hi"), b'{"totalTokens":1,"promptTokensDetails":[{"modality":"TEXT"}]}'),
        (embed("m", "hi"), b'{"embeddings":[{"values":[1.0]}],"embedding":{"values":[1.0]}}'),
        (models.list(), b'{"models":[{"name":"models/m"}]}'),
    ]
    in_threads(lambda each=each: decode(each[0], HttpResponse(200, (), each[1]), BACKEND) for each in said)


def errors() -> None:
    """Errors, by their status and within an answer of status 200."""
    fault = b'{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED","details":[{"a":1}]}}'
    bodies = [(429, fault), (500, b"[" + fault + b"]"), (200, fault), (200, b'{"error":"so"}'), (400, b"no JSON")]
    request = generate("m", "hi")
    in_threads(lambda each=each: decode(request, HttpResponse(each[0], (), each[1]), BACKEND) for each in bodies)


T = TypeVar("T")


class Street(Struct):
    """A Struct within others."""

    name: str
    number: int | None = None


class House(Struct, tag=True):
    """A Struct of a tagged union."""

    street: Street


class Flat(Struct, tag=True):
    """Another, whose annotation is resolved late."""

    house: "House | Flat"


class Box(Struct, Generic[T]):
    """A generic Struct."""

    held: T


@dataclasses.dataclass
class Person:
    """A dataclass that holds Structs."""

    name: str
    home: House | Flat
    boxes: list[Box[Street]] = dataclasses.field(default_factory=list)


class Pair(NamedTuple):
    """A NamedTuple that holds them."""

    first: Person
    second: Person


class Map(TypedDict):
    """A TypedDict that holds them."""

    pair: Pair
    box: Box[Pair]


def types() -> None:
    """Types of the user's own: described to the API, and read from what it says."""
    person = '{"name":"a","home":{"type":"House","street":{"name":"b"}},"boxes":[{"held":{"name":"c"}}]}'
    pair = f"[{person},{person}]"
    said = [
        (Map, f'{{"pair":{pair},"box":{{"held":{pair}}}}}'),
        (list[Box[Person]], f'[{{"held":{person}}}]'),
        (Person, person),
        (Street | int, '{"name":"b"}'),
    ]

    def read(kind: Any, text: str) -> None:
        response = GenerateContentResponse(candidates=(Candidate(content=ModelContent(text)),))
        assert isinstance(parse(response, kind), Success)

    def described(kind: Any) -> None:
        assert generate("m", "hi") | returning(kind)

    in_threads(lambda each=each: (read(*each), described(each[0])) for each in said)


class Late:
    """Something to be done once, while an annotation is resolved."""

    now: Callable[[], None] | None = None

    @classmethod
    def resolved(cls) -> type[int]:
        """Give the annotation."""
        now, cls.now = cls.now, None
        if now:
            now()
        return int


class Inner(Struct):
    """A Struct whose annotation is resolved late."""

    value: "Late.resolved()"


class Outer(Struct):
    """One that msgspec keeps on the class, before it knows what is in it."""

    inner: Inner


def read_outer() -> None:
    """Read one."""
    response = GenerateContentResponse(candidates=(Candidate(content=ModelContent('{"inner":{"value":1}}')),))
    assert parse(response, Outer) == Success(Outer(Inner(1)))


def half_built(meet: Callable[[], Any]) -> None:
    """Meet a type, and have another thread read it before that is done."""
    with ThreadPoolExecutor(1) as pool:
        readings: list[Future[None]] = []

        def read() -> None:
            readings.append(pool.submit(read_outer))
            wait(readings, timeout=0.2)  # crashes; or it waits for us, and cannot end

        Late.now = read
        meet()
        readings[0].result()


def half_read() -> None:
    """A type that is being read elsewhere."""
    half_built(read_outer)


def half_described() -> None:
    """A type that is being described elsewhere."""
    half_built(lambda: generate("m", "hi") | returning(Outer))


def forked() -> None:
    """A type that is being read elsewhere when the process is forked."""
    within, beyond = threading.Event(), threading.Event()

    def stay() -> None:
        within.set()
        beyond.wait(0.2)  # the fork waits for us, and cannot end

    Late.now = stay
    reader = threading.Thread(target=read_outer)
    reader.start()
    within.wait()
    child = os.fork()
    if not child:
        signal.alarm(60)  # ends a child that waits for ever
        read_outer()
        os._exit(0)
    beyond.set()
    reader.join()
    assert os.waitpid(child, 0)[1] == 0


def emulator() -> None:
    """The emulator, which reads requests."""
    run = Offline()
    asked: list[Any] = [
        generate("gemini-2.5-flash", "hi", {"temperature": 0.5, "tools": [{"google_search": {}}]}),
        embed("gemini-embedding-001", "hi"),
        caches.create("gemini-2.5-flash", {"contents": "hi"}),
        models.list(),
        tokens.count("gemini-2.5-flash", "hi"),
    ]
    in_threads(lambda each=each: run(each) for each in asked)


def http() -> None:
    """One interpreter for many threads, over sockets."""
    import httpcore  # noqa: F401, PLC0415  # else all threads wait for that, and go on one by one

    together, reply = threading.Barrier(THREADS), json_reply(ANSWER)

    def answered(_: Received) -> Reply:
        together.wait()  # so all threads have theirs at once
        return reply

    with (
        Loopback(answered) as server,
        Http(Gemini("test-key", base_url=server.url)) as run,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        done = list(pool.map(lambda number: run(generate("m", str(number))), range(40)))
    assert all(isinstance(each, Success) for each in done)


def give_way(frame: FrameType, event: str, _argument: Any) -> None:
    """Let the other threads go on while msgspec learns what is in a type, but for the first, which it then has half."""
    if event == "call" and frame.f_code.co_name == "get_class_annotations" and next(_LEARNT):
        time.sleep(0.001)


_LEARNT = itertools.count()


PROGRAMS = {each.__name__: each for each in (answers, errors, types, half_read, half_described, forked, emulator, http)}

if __name__ == "__main__":
    sys.setswitchinterval(1e-4)
    threading.setprofile(give_way)
    PROGRAMS[sys.argv[1]]()
