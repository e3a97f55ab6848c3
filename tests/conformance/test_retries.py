"""Retries: which errors, how often, and after which delay, for calls and streams with every kind of interpreter."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from genai_fn import Failure, Retry, Success, Timeouts, collected, text, with_options
from genai_fn.errors import CertificateError, ConnectError, Disconnected, RateLimited, ServerError, TransportError
from genai_fn.events import Sending
from tests.support.interpreter_kinds import (
    AwaitableInterpreter,
    InterpreterKind,
    SleepRecorder,
    make_gemini,
    wait_until,
)
from tests.support.loopback import (
    Close,
    Loopback,
    Reply,
    Reset,
    Send,
    build_json_reply,
    build_sse_reply,
    encode_head,
    reserve_refusing_port,
)
from tests.support.loopback_replies import (
    BUSY,
    CHUNKED,
    HELLO,
    HELLO_STREAM,
    OK,
    STREAM,
    UNREPEATABLE,
    build_error,
    build_text_response,
    encode_text_chunk,
    list_texts,
)

HELLO_TEXT = HELLO | text
COLLECTED_TEXTS = HELLO_STREAM | text | collected
RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.5s"}


@pytest.fixture(params=(False, True), ids=("call", "stream"))
def is_stream(request: pytest.FixtureRequest) -> bool:
    """Whether to stream and collect, or to call."""
    return bool(request.param)


def test_busy_twice(kind: InterpreterKind, sleeps: SleepRecorder, is_stream: bool) -> None:
    """After two 503s and a 200, the result is a Success; both delays have exponential backoff and full jitter."""
    with Loopback([BUSY, BUSY, STREAM if is_stream else OK]) as server:
        result = kind.run(make_gemini(server.url), COLLECTED_TEXTS if is_stream else HELLO_TEXT)
        assert (result, len(server.requests)) == (Success(("a", "b") if is_stream else "hi"), 3)
    assert len(sleeps.seconds) == 2
    assert [0 <= seconds <= limit for seconds, limit in zip(sleeps.seconds, (1, 2), strict=True)] == [True, True]


def test_retry_policy(kind: InterpreterKind, sleeps: SleepRecorder, is_stream: bool) -> None:
    """A policy without jitter waits exactly its delays, and only its status codes are retried."""
    policy = Retry(initial_delay=3, multiplier=4, jitter=0, status_codes=(404,))
    not_found = build_json_reply(build_error(404), 404)
    with Loopback([not_found, not_found, STREAM if is_stream else OK, BUSY]) as server:
        results = [
            kind.run(make_gemini(server.url), COLLECTED_TEXTS if is_stream else HELLO_TEXT, retry=policy)
            for _ in range(2)
        ]
    assert isinstance(results[0], Success)
    assert results[1].failure().code == 503
    assert sleeps.seconds == [3.0, 12.0]


@pytest.mark.parametrize(
    "refusal",
    (
        build_json_reply(build_error(429, details=[RETRY_INFO]), 429, (("retry-after", "9"),)),
        build_json_reply(build_error(429), 429, (("retry-after", "3.5"),)),
        build_json_reply(build_error(429), 429, (("retry-after", "9"), ("retry-after-ms", "3500"))),
        Reply(429, (("retry-after", "3.5"),), b"<html>slow down</html>"),
    ),
    ids=("RetryInfo", "Retry-After", "retry-after-ms", "html"),
)
def test_delay_from_the_server(kind: InterpreterKind, sleeps: SleepRecorder, is_stream: bool, refusal: Reply) -> None:
    """A delay that the server requests is the least; the random part of the policy's delay is added."""
    with Loopback([refusal, STREAM if is_stream else OK]) as server:
        result = kind.run(make_gemini(server.url), COLLECTED_TEXTS if is_stream else HELLO_TEXT)
    assert isinstance(result, Success)
    [seconds] = sleeps.seconds
    assert 3.5 <= seconds < 4.5


def test_exhausted_quota(kind: InterpreterKind, sleeps: SleepRecorder, is_stream: bool) -> None:
    """A quota for a day is not tried again, even if the server advises a delay."""
    violation = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "50"}
    quota = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}
    with Loopback(build_json_reply(build_error(429, details=[quota, RETRY_INFO]), 429)) as server:
        result = kind.run(make_gemini(server.url), COLLECTED_TEXTS if is_stream else HELLO_TEXT)
        assert isinstance(result.failure(), RateLimited)
        assert (len(server.requests), sleeps.seconds) == (1, [])


def test_untrusted_certificate(kind: InterpreterKind, sleeps: SleepRecorder, is_stream: bool) -> None:
    """A certificate that is not trusted is not tried again."""
    with Loopback(OK, tls=True, on_accept=()) as server:
        result = kind.run(make_gemini(server.url), COLLECTED_TEXTS if is_stream else HELLO_TEXT)
        assert isinstance(result.failure(), CertificateError)
        assert sleeps.seconds == []


def test_delay_past_the_deadline(kind: InterpreterKind, sleeps: SleepRecorder, is_stream: bool) -> None:
    """If the delay that the server requests exceeds the deadline, the call fails at once with the server's error."""
    with Loopback(build_json_reply(build_error(429, details=[{**RETRY_INFO, "retryDelay": "61s"}]), 429)) as server:
        options = with_options(timeouts=Timeouts(total=60))
        result = kind.run(make_gemini(server.url), (COLLECTED_TEXTS if is_stream else HELLO_TEXT) | options)
        assert isinstance(result.failure(), RateLimited)
        assert (len(server.requests), sleeps.seconds) == (1, [])


def test_final_errors(kind: InterpreterKind, sleeps: SleepRecorder, is_stream: bool) -> None:
    """A 4xx other than 408 and 429 is not retried."""
    with Loopback(build_json_reply(build_error(400), 400)) as server:
        result = kind.run(make_gemini(server.url), COLLECTED_TEXTS if is_stream else HELLO_TEXT)
        assert (result.failure().code, len(server.requests)) == (400, 1)


ErrorTable = dict[str, tuple[Callable[[], AbstractContextManager[Any]], type[TransportError] | type[ServerError]]]

ERRORS: ErrorTable = {
    "refused": (reserve_refusing_port, ConnectError),
    "reset": (lambda: Loopback(Reset()), Disconnected),
    "closed": (lambda: Loopback(Close()), Disconnected),
    "half a head": (lambda: Loopback((Send(b"HTTP/1.1 200 OK\r\nconte"), Reset())), Disconnected),
    "503": (lambda: Loopback(BUSY), ServerError),
}


@pytest.mark.parametrize("name", ERRORS)
def test_number_of_attempts(kind: InterpreterKind, sleeps: SleepRecorder, is_stream: bool, name: str) -> None:
    """Each error before a response is retried as often as the policy allows, for calls and streams."""
    open_server, error_type = ERRORS[name]
    attempts: list[int] = []
    with open_server() as server:
        url = server.url if isinstance(server, Loopback) else f"http://127.0.0.1:{server}"
        result = kind.run(
            make_gemini(url),
            COLLECTED_TEXTS if is_stream else HELLO_TEXT,
            retry=Retry(attempts=3),
            on_event=lambda event: attempts.append(event.attempt) if isinstance(event, Sending) else None,
            max_connections=1,
        )
        assert isinstance(result.failure(), error_type)
        assert (attempts, len(sleeps.seconds)) == ([1, 2, 3], 2)
        if isinstance(server, Loopback):
            assert len(server.requests) == 3


def test_reset_then_success(kind: InterpreterKind, sleeps: SleepRecorder, is_stream: bool) -> None:
    """A connection that is reset before the response head is retried with success."""
    with Loopback([Reset(), STREAM if is_stream else OK]) as server:
        assert isinstance(
            kind.run(make_gemini(server.url), COLLECTED_TEXTS if is_stream else HELLO_TEXT, max_connections=1), Success
        )


def test_cut_error_frees_its_connection(kind: InterpreterKind, sleeps: SleepRecorder, is_stream: bool) -> None:
    """A 503 with a truncated body is retried, also if only one connection is allowed."""
    cut_error = (Send(encode_head(503, (("content-length", "100"),)) + b"{"), Reset())
    with Loopback([cut_error, STREAM if is_stream else OK]) as server:
        assert isinstance(
            kind.run(make_gemini(server.url), COLLECTED_TEXTS if is_stream else HELLO_TEXT, max_connections=1), Success
        )


def test_stale_keep_alive(kind: InterpreterKind, is_stream: bool) -> None:
    """A dead kept-alive connection is replaced, and that does not count as an attempt."""
    with Loopback([OK, STREAM if is_stream else OK], close_after=1) as server:

        async def body(run: AwaitableInterpreter) -> None:
            assert isinstance(await run(HELLO), Success)
            assert isinstance(await run(COLLECTED_TEXTS if is_stream else HELLO_TEXT), Success)

        kind.run_body(make_gemini(server.url), body, retry=Retry(attempts=1))
        assert (server.connections, len(server.requests)) == (2, 2)


def test_reused_connection_that_dies(kind: InterpreterKind, is_stream: bool) -> None:
    """A kept-alive connection that is reset during its next request is replaced; that does not count as an attempt."""
    with Loopback([OK, Reset(), STREAM if is_stream else OK]) as server:

        async def body(run: AwaitableInterpreter) -> None:
            assert isinstance(await run(HELLO), Success)
            assert isinstance(await run(COLLECTED_TEXTS if is_stream else HELLO_TEXT), Success)

        kind.run_body(make_gemini(server.url), body, retry=Retry(attempts=1))
        assert (server.connections, len(server.requests)) == (2, 3)


def test_unrepeatable_is_sent_once(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """An unrepeatable operation is sent once, on a new connection, whatever fails afterwards."""
    with Loopback([OK, Reset(), OK]) as server:

        async def body(run: AwaitableInterpreter) -> None:
            assert isinstance(await run(HELLO), Success)
            assert isinstance((await run(UNREPEATABLE)).failure(), Disconnected)

        kind.run_body(make_gemini(server.url), body)
        assert [request.target.rpartition("/")[2] for request in server.requests] == [
            "test-model:generateContent",
            "once",
        ]
        assert (server.connections, sleeps.seconds) == (2, [])


def test_unrepeatable_after_a_503(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """An unrepeatable operation is not retried after a 503."""
    with Loopback([BUSY, OK]) as server:
        assert isinstance(kind.run(make_gemini(server.url), UNREPEATABLE).failure(), ServerError)
        assert len(server.requests) == 1


def test_unrepeatable_before_it_is_sent(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """An unrepeatable operation is retried as long as nothing was sent."""
    with reserve_refusing_port() as port:
        assert isinstance(kind.run(make_gemini(f"http://127.0.0.1:{port}"), UNREPEATABLE).failure(), ConnectError)
    assert len(sleeps.seconds) == 3


def test_error_before_the_first_item(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """An error event instead of the first item is retried, whatever the HTTP status."""
    with Loopback([build_sse_reply([build_error(503)]), build_json_reply(build_error(503)), STREAM]) as server:
        assert list_texts(kind.read_items(make_gemini(server.url), HELLO_STREAM, max_connections=1)) == ["a", "b"]
        assert (len(server.requests), len(sleeps.seconds)) == (3, 2)


def test_cut_before_the_first_item(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """A stream that is cut before its first item is retried, also if only one connection is allowed."""
    with Loopback([(Send(encode_head(200, (CHUNKED,))), Reset()), STREAM]) as server:
        assert list_texts(kind.read_items(make_gemini(server.url), HELLO_STREAM, max_connections=1)) == ["a", "b"]


def test_error_after_an_item(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """An error event after an item ends the stream: earlier items are kept, and nothing is retried."""
    with Loopback(build_sse_reply([build_text_response("a"), build_error(503), build_text_response("b")])) as server:
        assert list_texts(kind.read_items(make_gemini(server.url), HELLO_STREAM)) == ["a", ServerError]
        assert (len(server.requests), sleeps.seconds) == (1, [])
        assert wait_until(lambda: server.open_connections == 0)


def test_cut_after_an_item(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """A cut after an item ends the stream as well."""
    answer = (Send(encode_head(200, (CHUNKED,)) + encode_text_chunk("a")), Reset())
    with Loopback(answer) as server:
        assert list_texts(kind.read_items(make_gemini(server.url), HELLO_STREAM)) == ["a", Disconnected]
        assert len(server.requests) == 1


def test_attempts_of_one_action(kind: InterpreterKind, sleeps: SleepRecorder) -> None:
    """`with_options(retry=…)` sets the retry policy of one action."""
    with Loopback(BUSY) as server:
        assert isinstance(
            kind.run(make_gemini(server.url), HELLO_TEXT | with_options(retry=Retry(attempts=2))), Failure
        )
        assert len(server.requests) == 2
