"""
Every place where middleware works: `Http` and `AsyncHttp` over a loopback socket, `Offline` and `Fake`, sync and async.

A `Place` runs the body of a test, a coroutine function, with an interpreter that has the middleware. The model answers
each request to ``generate`` with the next of some answers: a text, the number of an HTTP status, or one that is `Late`.
"""

import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

import anyio

from genai_fn import AsyncHttp, Gemini, Http, Offline, Retry
from genai_fn.errors import RateLimited, ServerError
from genai_fn.testing import Delayed, Fake
from genai_fn.values import Value
from tests.support.interpreter_kinds import AwaitableInterpreter, run_without_waiting
from tests.support.loopback import Answer, Hang, Loopback, build_json_reply, build_sse_reply
from tests.support.loopback_replies import build_error, build_text_response

__all__ = ["PLACES", "Body", "Late", "Place"]

Body = Callable[[AwaitableInterpreter], Coroutine[Any, Any, Any]]

HTTP_RETRY = Retry(attempts=4, initial_delay=0.001, max_delay=0.001)
"""Retries of the interpreters over HTTP, whose time is real."""


class Late(Value):
    """An answer after some seconds of virtual time; over HTTP, whose time is real, it never arrives."""

    answer: str | int
    seconds: float = 60.0


class Place(Value):
    """A kind of interpreter, and the executor that runs it: ``sync``, ``asyncio`` or ``trio``."""

    interpreter: str
    executor: str

    def __repr__(self) -> str:
        return f"{self.interpreter}-{self.executor}"

    @property
    def is_sync(self) -> bool:
        """Whether the interpreter runs in the calling thread."""
        return self.executor == "sync"

    @property
    def retries(self) -> bool:
        """Whether a request may have several attempts."""
        return self.interpreter != "Fake"

    @property
    def has_virtual_time(self) -> bool:
        """Whether sleeping takes no time."""
        return self.interpreter != "Http"

    def run(self, body: Body, *middleware: Any, answers: Sequence[str | int | Late] = (), repeat: bool = True) -> Any:
        """
        Run the body of a test with a new interpreter that has the middleware, and return what the body returns.

        The answers are used in order; with `repeat`, the last one answers all further requests.
        """
        source = _AnswerSource(answers or ("hello",), repeat=repeat)
        if self.interpreter == "Http":
            with Loopback(source.answer_http) as server:
                backend = Gemini("test-key", base_url=server.url)
                make = Http if self.is_sync else AsyncHttp
                return self.run_body(lambda: make(backend, retry=HTTP_RETRY), body, middleware)
        if self.interpreter == "Offline":
            offline = Offline(script=source.answer_script)
            return self.run_body(lambda: offline if self.is_sync else offline.aio, body, middleware)
        fake = Fake({"generate": source.answer_fake, "generate.stream": source.answer_fake_stream})
        return self.run_body(lambda: fake if self.is_sync else fake.aio, body, middleware)

    def run_body(self, make: Callable[[], Any], body: Body, middleware: Sequence[Any]) -> Any:
        """Run the body of a test with a new interpreter that has the middleware, and close it."""

        async def run_with_interpreter() -> Any:
            async with AwaitableInterpreter(make().with_middleware(*middleware)) as run:
                return await body(run)

        if self.is_sync:
            return run_without_waiting(run_with_interpreter())

        async def run_bounded() -> Any:
            with anyio.fail_after(120):
                return await run_with_interpreter()

        return anyio.run(run_bounded, backend=self.executor)


PLACES = tuple(
    Place(interpreter, executor)
    for interpreter in ("Http", "Offline", "Fake")
    for executor in ("sync", "asyncio", "trio")
)


class _AnswerSource:
    """The answers of a model, in order."""

    def __init__(self, answers: Sequence[str | int | Late], *, repeat: bool) -> None:
        self._answers: Iterator[str | int | Late] = iter(answers)
        self._last = answers[-1]
        self._repeat = repeat
        self._lock = threading.Lock()

    def take_next(self) -> str | int | Late:
        with self._lock:
            answer = next(self._answers, None)
        if answer is None and not self._repeat:
            raise AssertionError("more requests than answers")
        return self._last if answer is None else answer

    def answer_http(self, received: Any) -> Answer:
        answer = self.take_next()
        if isinstance(answer, Late):
            return Hang()
        if isinstance(answer, int):
            return build_json_reply(build_error(answer), answer)
        if "stream" in received.target:
            return build_sse_reply([build_text_response(each) for each in answer.split("|")])
        return build_json_reply(build_text_response(answer.replace("|", "")))

    def answer_script(self, _: Any) -> Any:
        answer = self.take_next()
        delay = answer.seconds if isinstance(answer, Late) else 0.0
        answer = answer.answer if isinstance(answer, Late) else answer
        content = {"error": {"status": answer}} if isinstance(answer, int) else {"text": answer.split("|")}
        return {**content, "delay": delay}

    def answer_fake(self, _: Any) -> Any:
        return _build_fake_answer(self.take_next(), in_chunks=False)

    def answer_fake_stream(self, _: Any) -> Any:
        return _build_fake_answer(self.take_next(), in_chunks=True)


def _build_fake_answer(answer: str | int | Late, *, in_chunks: bool) -> Any:
    if isinstance(answer, Late):
        return Delayed(_build_fake_answer(answer.answer, in_chunks=in_chunks), answer.seconds)
    if isinstance(answer, int):
        return _build_error(answer)
    return answer.split("|") if in_chunks else answer.replace("|", "")


def _build_error(code: int) -> Any:
    return RateLimited(code) if code == 429 else ServerError(code)
