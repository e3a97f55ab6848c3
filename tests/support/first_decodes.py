"""
Programs whose threads use new types for the first time concurrently: ``python -m tests.support.first_decodes http``.

They run in processes of their own, because a type is new only once, and a failure may be a crash.
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
from tests.support.loopback import Loopback, ReceivedRequest, Reply, build_json_reply

THREADS = 8
BACKEND = Gemini("test-key")
RESPONSE: dict[str, Any] = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 1, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1}]},
}


def run_in_threads(jobs: Iterable[Callable[[], Any]]) -> None:
    """Run the same jobs in every thread, in the same order, with all threads starting together."""
    todo, together = tuple(jobs), threading.Barrier(THREADS)

    def work(_: int) -> None:
        together.wait()
        for job in todo:
            job()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))


def decode_responses() -> None:
    """Decode responses of several operations."""
    cases: list[tuple[Any, bytes]] = [
        (generate("m", "hi"), b'{"candidates":[{"content":{"parts":[{"text":"hi"}]}}],"usageMetadata":{}}'),
        (models.get("m"), b'{"name":"models/m"}'),
        (files.get("f"), b'{"name":"files/f","sizeBytes":"1","videoMetadata":{}}'),
        (caches.get("c"), b'{"name":"cachedContents/c","usageMetadata":{}}'),
        (tunings.get("tunedModels/t"), b'{"name":"tunedModels/t","tuningTask":{}}'),
        (tokens.count("m", "hi"), b'{"totalTokens":1,"promptTokensDetails":[{"modality":"TEXT"}]}'),
        (embed("m", "hi"), b'{"embeddings":[{"values":[1.0]}],"embedding":{"values":[1.0]}}'),
        (models.list(), b'{"models":[{"name":"models/m"}]}'),
    ]
    run_in_threads(lambda each=each: decode(each[0], HttpResponse(200, (), each[1]), BACKEND) for each in cases)


def decode_errors() -> None:
    """Decode errors, by their status and within a response of status 200."""
    fault = b'{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED","details":[{"a":1}]}}'
    bodies = [(429, fault), (500, b"[" + fault + b"]"), (200, fault), (200, b'{"error":"so"}'), (400, b"no JSON")]
    request = generate("m", "hi")
    run_in_threads(lambda each=each: decode(request, HttpResponse(each[0], (), each[1]), BACKEND) for each in bodies)


T = TypeVar("T")


class Street(Struct):
    """A Struct that other Structs contain."""

    name: str
    number: int | None = None


class House(Struct, tag=True):
    """A Struct of a tagged union."""

    street: Street


class Flat(Struct, tag=True):
    """Another one, with a forward reference."""

    house: "House | Flat"


class Box(Struct, Generic[T]):
    """A generic Struct."""

    content: T


@dataclasses.dataclass
class Person:
    """A dataclass that contains Structs."""

    name: str
    home: House | Flat
    boxes: list[Box[Street]] = dataclasses.field(default_factory=list)


class Pair(NamedTuple):
    """A NamedTuple that contains dataclasses."""

    first: Person
    second: Person


class Map(TypedDict):
    """A TypedDict that contains NamedTuples."""

    pair: Pair
    box: Box[Pair]


def use_types() -> None:
    """Declare and decode types of the user."""
    person = '{"name":"a","home":{"type":"House","street":{"name":"b"}},"boxes":[{"content":{"name":"c"}}]}'
    pair = f"[{person},{person}]"
    cases = [
        (Map, f'{{"pair":{pair},"box":{{"content":{pair}}}}}'),
        (list[Box[Person]], f'[{{"content":{person}}}]'),
        (Person, person),
        (Street | int, '{"name":"b"}'),
    ]

    def read(kind: Any, text: str) -> None:
        response = GenerateContentResponse(candidates=(Candidate(content=ModelContent(text)),))
        assert isinstance(parse(response, kind), Success)

    def declare(kind: Any) -> None:
        assert generate("m", "hi") | returning(kind)

    run_in_threads(lambda each=each: (read(*each), declare(each[0])) for each in cases)


class CallingAnnotation:
    """An annotation that calls a function once while it is resolved."""

    call: Callable[[], None] | None = None

    @classmethod
    def resolve(cls) -> type[int]:
        """Call the function, and return the annotation."""
        call, cls.call = cls.call, None
        if call:
            call()
        return int


class Inner(Struct):
    """A Struct with an annotation that calls a function."""

    value: "CallingAnnotation.resolve()"


class Outer(Struct):
    """A Struct that msgspec caches on the class before its fields are resolved."""

    inner: Inner


def read_outer() -> None:
    """Decode an `Outer`."""
    response = GenerateContentResponse(candidates=(Candidate(content=ModelContent('{"inner":{"value":1}}')),))
    assert parse(response, Outer) == Success(Outer(Inner(1)))


def run_during(use_type: Callable[[], Any]) -> None:
    """Use a new type, while another thread decodes it before that is complete."""
    with ThreadPoolExecutor(1) as pool:
        readings: list[Future[None]] = []

        def read() -> None:
            readings.append(pool.submit(read_outer))
            wait(readings, timeout=0.2)  # crashes, or waits for this thread and cannot end

        CallingAnnotation.call = read
        use_type()
        readings[0].result()


def decode_during_decode() -> None:
    """Decode a type that another thread is decoding for the first time."""
    run_during(read_outer)


def decode_during_declaration() -> None:
    """Decode a type that another thread is declaring for the first time."""
    run_during(lambda: generate("m", "hi") | returning(Outer))


def fork_during_decode() -> None:
    """Fork while another thread decodes a type for the first time."""
    is_decoding, is_forked = threading.Event(), threading.Event()

    def stay() -> None:
        is_decoding.set()
        is_forked.wait(0.2)  # the fork waits for this thread, and cannot end

    CallingAnnotation.call = stay
    reader = threading.Thread(target=read_outer)
    reader.start()
    is_decoding.wait()
    child = os.fork()
    if not child:
        signal.alarm(60)  # ends a child that hangs
        read_outer()
        os._exit(0)
    is_forked.set()
    reader.join()
    assert os.waitpid(child, 0)[1] == 0


def use_emulator() -> None:
    """Send requests to the emulator, which decodes them."""
    run = Offline()
    requests: list[Any] = [
        generate("gemini-2.5-flash", "hi", {"temperature": 0.5, "tools": [{"google_search": {}}]}),
        embed("gemini-embedding-001", "hi"),
        caches.create("gemini-2.5-flash", {"contents": "hi"}),
        models.list(),
        tokens.count("gemini-2.5-flash", "hi"),
    ]
    run_in_threads(lambda each=each: run(each) for each in requests)


def use_http() -> None:
    """Use one interpreter in many threads, over sockets."""
    import httpcore  # noqa: F401  # otherwise all threads wait for this import, and continue one by one

    together, reply = threading.Barrier(THREADS), build_json_reply(RESPONSE)

    def respond(_: ReceivedRequest) -> Reply:
        together.wait()  # so that all threads get their responses together
        return reply

    with (
        Loopback(respond) as server,
        Http(Gemini("test-key", base_url=server.url)) as run,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        results = list(pool.map(lambda number: run(generate("m", str(number))), range(40)))
    assert all(isinstance(each, Success) for each in results)


def switch_threads(frame: FrameType, event: str, _argument: Any) -> None:
    """Let other threads run while msgspec reads a type's fields, except the first type."""
    if event == "call" and frame.f_code.co_name == "get_class_annotations" and next(_TYPE_COUNT):
        time.sleep(0.001)


_TYPE_COUNT = itertools.count()


PROGRAMS = {
    "answers": decode_responses,
    "errors": decode_errors,
    "types": use_types,
    "half_read": decode_during_decode,
    "half_described": decode_during_declaration,
    "forked": fork_during_decode,
    "emulator": use_emulator,
    "http": use_http,
}

if __name__ == "__main__":
    sys.setswitchinterval(1e-4)
    threading.setprofile(switch_threads)
    PROGRAMS[sys.argv[1]]()
