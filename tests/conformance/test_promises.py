"""Rules that concern all modules: building is pure, values are values, mistakes raise at once, secrets stay secret."""

import asyncio
import builtins
import copy
import os
import pickle
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import trio

from genai_fn import (
    Gemini,
    Http,
    HttpResponse,
    InvalidRequest,
    Offline,
    Request,
    Result,
    Retry,
    Success,
    Timeouts,
    Vertex,
    ask,
    backend_from_env,
    both,
    collected,
    decode,
    each,
    emit,
    encode,
    flow,
    generate,
    joined,
    schema,
    stream,
    streamed,
    text,
    with_config,
    with_http_response,
    with_options,
    with_system,
)
from genai_fn.backend import Secret
from genai_fn.events import Event
from genai_fn.request import FlowGenerator

KEY = "test-key-of-nobody"


def to_upper(text: str) -> str:
    return text.upper()


def generate_again(prompt: str) -> Request[Any]:
    return generate("m", prompt)


def generate_from_error(error: object) -> Request[Any]:
    return generate("m", str(error))


@flow
def ask_question(question: str, *, twice: bool = False) -> FlowGenerator[Result[str, Any]]:
    answer = yield from ask(generate("m", question) | text)
    return Success(answer * (1 + twice))


@stream
def count_to(count: int) -> FlowGenerator[None]:
    for number in range(count):
        yield from emit(Success(number))


def build_request() -> Request[Any]:
    return (
        generate("m", ["hi", {"text": "there"}])
        | with_config(temperature=0.2, stop_sequences=["x"])
        | with_options(deadline=5.0)
    )


VALUES: dict[str, Callable[[], Any]] = {
    "request": build_request,
    "request with a response": lambda: build_request() | with_http_response,
    "stream": lambda: build_request() | streamed,
    "stream of texts": lambda: build_request() | streamed | text | each(print),
    "flow": lambda: build_request() | text,
    "joined": lambda: build_request() | streamed | text | joined,
    "collected": lambda: build_request() | streamed | collected,
    "map": lambda: (build_request() | text).map(to_upper),
    "bind": lambda: (build_request() | text).bind(generate_again),
    "lash": lambda: build_request().lash(generate_from_error),
    "both": lambda: both(build_request(), build_request() | text),
    "own flow": lambda: ask_question("why?", twice=True),
    "own stream": lambda: count_to(3),
    "modifier": lambda: with_config(temperature=0.2),
    "modifiers": lambda: with_system("be brief") | with_options(retry=Retry(attempts=1)) | streamed | text,
    "bare modifier": lambda: joined,
    "timeouts": lambda: Timeouts(total=5.0),
    "retry": lambda: Retry(attempts=2),
    "type": lambda: schema.Content(parts=(schema.Part(text="hi"),), role="user"),
    "config": lambda: schema.GenerateContentConfig(temperature=0.2, stop_sequences=("x",)),
    "wire": lambda: encode(build_request(), Gemini(KEY)).unwrap(),
    "response": lambda: HttpResponse(200, (("content-type", "application/json"),), b"{}"),
    "backend": lambda: Vertex("p", "us-central1"),
}
each_value = pytest.mark.parametrize("name", VALUES)


# 1. Building is pure


@contextmanager
def forbid_side_effects() -> Iterator[None]:
    """Make every function with side effects raise in this thread; the test runner may have other threads."""
    thread = threading.get_ident()

    def wrap_function(original: Any) -> Any:
        def refuse(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != thread:
                return original(*args, **kwargs)
            raise AssertionError(f"a side effect, with {args!r}")

        return refuse

    with pytest.MonkeyPatch.context() as patched:
        for owner, name in (
            *((time, name) for name in ("time", "monotonic", "perf_counter", "time_ns", "monotonic_ns", "sleep")),
            *((random, name) for name in ("random", "uniform", "getrandbits")),
            *((os, name) for name in ("urandom", "getenv", "open", "stat", "listdir")),
            *((type(os.environ), name) for name in ("__getitem__", "__iter__", "get")),
            (socket, "socket"),
            (socket, "getaddrinfo"),
            (builtins, "open"),
            (builtins, "print"),
        ):
            patched.setattr(owner, name, wrap_function(getattr(owner, name)))
        yield


def test_building_is_pure() -> None:
    """Building, encoding and decoding values uses no file, socket, clock, randomness or environment variable."""
    with forbid_side_effects():
        for build in VALUES.values():
            build()
        for backend in (Gemini(KEY), Vertex("p", "us-central1")):
            for each_request in (generate("m", "hi"), build_request()):
                assert encode(each_request, backend) == encode(each_request, backend)
                response = HttpResponse(200, (), b'{"candidates": [{"content": {"parts": [{"text": "hi"}]}}]}')
                assert decode(each_request, response, backend).unwrap().text == "hi"


def test_environment_is_an_argument() -> None:
    """`backend_from_env` reads only the mapping that is passed."""
    with forbid_side_effects():
        assert backend_from_env({"GEMINI_API_KEY": KEY}) == Success(Gemini(KEY))


def test_creating_an_interpreter_connects_to_nothing() -> None:
    """An interpreter with a given backend opens nothing until the first call."""
    with forbid_side_effects():
        with Offline(), Http(Gemini(KEY)):
            pass


# 2. Values are values


@each_value
def test_equality(name: str) -> None:
    """Two values built alike are equal, and unequal to all others."""
    assert VALUES[name]() == VALUES[name]()
    assert [other for other in VALUES if other != name and VALUES[other]() == VALUES[name]()] == []


@each_value
def test_copies_and_pickles(name: str) -> None:
    """Copies and unpickled values are equal to the original."""
    value = VALUES[name]()
    assert [copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))] == [value] * 3


@each_value
def test_hashes(name: str) -> None:
    """Every value is hashable, and equal values have equal hashes."""
    assert hash(VALUES[name]()) == hash(VALUES[name]())


@each_value
def test_repr(name: str) -> None:
    """Every value has a repr, and equal values have the same one."""
    assert repr(VALUES[name]()) == repr(VALUES[name]())


@each_value
def test_is_frozen(name: str) -> None:
    """The attributes of a value cannot be set."""
    value = VALUES[name]()
    names = getattr(value, "__struct_fields__", None) or tuple(vars(value))
    for attribute in names:
        with pytest.raises(AttributeError):
            setattr(value, attribute, None)


def test_other_process() -> None:
    """A pickled action has the same result in another process."""
    actions = (
        generate("m", "hi") | text,
        both(generate("m", "a") | text, generate("m", "b") | text),
        ask_question("why?", twice=True),
    )
    script = (
        "import pickle, sys; from genai_fn import Offline; run = Offline(); "
        "results = [run(each).unwrap() for each in pickle.load(sys.stdin.buffer)]; "
        "sys.stdout.buffer.write(pickle.dumps(results))"
    )
    process = subprocess.run(
        [sys.executable, "-c", script], input=pickle.dumps(actions), capture_output=True, check=True, timeout=600
    )
    assert pickle.loads(process.stdout) == [Offline()(action).unwrap() for action in actions]


def test_shared_by_threads() -> None:
    """Threads can share one value concurrently."""
    action = generate("m", "hi") | streamed | text | joined
    run, start = Offline(), threading.Barrier(8)

    def run_repeatedly(_: int) -> Any:
        start.wait(60)
        return [run(action) for _ in range(5)]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(run_repeatedly, range(8))) == [[run(action)] * 5] * 8


@pytest.mark.parametrize(
    "action",
    [
        generate("m", "hi"),
        generate("m", "hi") | streamed | text | joined,
        both(build_request(), build_request() | text),
        ask_question("why?"),
    ],
    ids=["request", "joined", "both", "flow"],
)
def test_any_event_loop(action: Any) -> None:
    """One value has equal results in sync, in several asyncio event loops, and on trio."""
    run = Offline()

    async def run_async() -> Any:
        return await run.aio(action)

    assert [asyncio.run(run_async()) for _ in range(3)] == [run(action)] * 3
    assert trio.run(run_async) == run(action)


def test_arguments_are_copied() -> None:
    """Arguments are not mutated, and mutating them later does not change the request."""
    parts: list[Any] = [{"text": "hi"}]
    config: dict[str, Any] = {
        "tools": [{"googleSearch": {}}],
        "labels": {"a": "b"},
        "response_schema": {"type": "object", "properties": {}},
    }
    contents: list[Any] = [{"role": "user", "parts": parts}]
    before = copy.deepcopy((contents, config))
    request = generate("m", contents, config)
    encoded = encode(request, Vertex("p", "us-central1"))
    assert (contents, config) == before
    parts.append({"text": "more"})
    config["labels"]["c"] = "d"
    config["response_schema"]["properties"]["x"] = {"type": "string"}
    assert encode(request, Vertex("p", "us-central1")) == encoded


# 4. A mistake in the program raises at once

MISTAKES: dict[str, tuple[Callable[[], Any], str, Any]] = {
    "unknown field": (lambda: generate("m", "hi", {"temprature": 1}), "config.temprature", 1),
    "unknown field below": (
        lambda: generate("m", "hi", {"imageConfig": {"ratio": "1:1"}}),
        "config.imageConfig.ratio",
        "1:1",
    ),
    "wrong type": (lambda: generate("m", "hi") | with_config(temperature="hot"), "config.temperature", "hot"),
    "no model": (lambda: generate("", "hi"), "model", ""),
    "model with dots": (lambda: generate("../x", "hi"), "model", "../x"),
    "no contents": (lambda: generate("m", []), "contents", []),
    "retry": (lambda: Retry(attempts=0), "retry.attempts", 0),
    "timeouts": (lambda: Timeouts(total=-1), "timeouts.total", -1),
    "deadline": (lambda: with_options(deadline=0), "deadline", 0),
    "connections": (lambda: Http(Gemini(KEY), max_connections=0), "max_connections", 0),
    "bare key": (lambda: Http(KEY), "backend", "***"),  # type: ignore[arg-type]  # the mistake
    "bare seconds": (lambda: Http(Gemini(KEY), timeouts=5), "timeouts", 5),  # type: ignore[arg-type]  # the mistake
    "bare attempts": (lambda: with_options(retry=3), "retry", 3),  # type: ignore[arg-type]  # the mistake
    "base url": (lambda: Gemini(KEY, base_url="ftp://x"), "base_url", "ftp://x"),
    "version": (lambda: Gemini(KEY, api_version="v1/../x"), "api_version", "v1/../x"),
    "version of vertex": (lambda: Vertex("p", api_version="v1?x"), "api_version", "v1?x"),
    "location and key": (lambda: Vertex(location="l", api_key=KEY), "Vertex.location", "l"),
    "no modifier": (lambda: generate("m", "hi") | print, "|", print),
    "modifier not called": (lambda: generate("m", "hi") | with_config, "|", with_config),
    "not a stream": (lambda: generate("m", "hi") | joined, "joined", generate("m", "hi")),
    "not a request": (lambda: generate("m", "hi") | text | streamed, "streamed", generate("m", "hi") | text),
    "no request at the root": (lambda: ask_question("why?") | with_config(seed=1), "with_config", ask_question("why?")),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_raise_at_once(name: str) -> None:
    """A mistake raises InvalidRequest, a ValueError, at once, with the path and the value."""
    build, path, value = MISTAKES[name]
    with pytest.raises(ValueError, match=r".") as raised:
        build()
    assert isinstance(raised.value, InvalidRequest)
    assert (raised.value.path, raised.value.value) == (path, value)


def test_wrong_method() -> None:
    """Calling a stream raises an error that names `.stream`; streaming a request, one that names `streamed`."""
    run: Any = Offline()
    with pytest.raises(InvalidRequest, match=r"\.stream"):
        run(generate("m", "hi") | streamed)
    with pytest.raises(InvalidRequest, match="streamed"):
        run.stream(generate("m", "hi"))


# 7. Secrets stay secret

SECRET_BACKENDS: dict[str, Callable[[], Any]] = {
    "gemini": lambda: Gemini(KEY),
    "vertex": lambda: Vertex(api_key=KEY),
    "headers": lambda: Gemini(headers={"authorization": f"Bearer {KEY}"}),
    "credentials": lambda: Vertex("p", credentials=object()),
}


@pytest.mark.parametrize("name", [name for name in SECRET_BACKENDS if name != "credentials"])
def test_backends_hide_their_keys(name: str) -> None:
    """No text form of a backend, or of an object that contains it, contains the key."""
    backend = SECRET_BACKENDS[name]()
    shown = [
        f"{each!r} {each!s} {each:}" for each in (backend, Http(backend), Http(backend).__dict__, Offline(backend))
    ]
    assert KEY not in " ".join(shown)
    assert KEY not in repr(encode(generate("m", "hi"), backend))
    assert KEY not in str(encode(generate("m", "hi"), backend).unwrap().headers)


@pytest.mark.parametrize("name", [name for name in SECRET_BACKENDS if name != "headers"])
def test_backends_refuse_to_pickle(name: str) -> None:
    """A backend with a secret cannot be pickled, and the error names `backend_from_env`; copies are equal."""
    backend = SECRET_BACKENDS[name]()
    with pytest.raises(TypeError, match="backend_from_env"):
        pickle.dumps(backend)
    assert copy.deepcopy(backend) == backend


def test_secrets_are_masked() -> None:
    """Secrets compare by value, and their text forms do not contain it."""
    secret = Secret(KEY)
    assert secret == Secret(KEY)
    assert KEY not in f"{secret} {secret!r}" + str(vars(Secret)) + str(dir(secret))


def test_events_and_errors_contain_no_key() -> None:
    """Events and errors of a failed call do not contain the key."""
    events: list[Event] = []
    with Http(Gemini(KEY, base_url="http://127.0.0.1:1"), on_event=events.append, retry=Retry(attempts=1)) as run:
        error = run(generate("m", "hi")).failure()
    assert events
    shown = repr(events) + str(events) + repr(error) + str(error) + repr(pickle.dumps((events, error)))
    assert KEY not in shown
