"""`HttpHandler`: the effects of a request, a retry and a stream, as scripts."""

from itertools import count
from math import inf
from typing import Any, ClassVar

import msgspec
import pytest

from genai_fn import (
    Failure,
    Gemini,
    Retry,
    Success,
    Timeouts,
    Vertex,
    caches,
    generate,
    streamed,
    with_http_response,
    with_options,
)
from genai_fn.backend import Credential, Secret, build_bearer_credential
from genai_fn.effects import (
    CloseResource,
    EffectFailed,
    GetRandom,
    GetTime,
    GetToken,
    Notify,
    ReadChunk,
    SendRequest,
    Sleep,
)
from genai_fn.engine import call_events
from genai_fn.engine.attempts import FetchLimits, fetch_response
from genai_fn.engine.handler import HttpHandler
from genai_fn.errors import (
    AuthError,
    Closed,
    ConnectError,
    DecodeError,
    Disconnected,
    RateLimited,
    ServerError,
    TimedOut,
    Unsupported,
)
from genai_fn.events import Completed, Failed, Responded, Retrying, Sending
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.request import POST, Call, Operation, Refusal, Request, read_json
from genai_fn.schema import GenerateContentResponse
from genai_fn.schema.usage import Usage
from genai_fn.wire import encode, sign_request
from tests.support.scripted_effects import ResponseHead, run_by_script

BACKEND = Gemini("test-key")
HTTP = HttpHandler(backend=BACKEND)
REQUEST = generate("m", "hi")
STREAM_REQUEST = (REQUEST | streamed).source
BODY = b'{"candidates": [{"content": {"parts": [{"text": "hi"}]}}]}'
RESPONSE = msgspec.json.decode(BODY, type=GenerateContentResponse)
EVENT = b"data: " + BODY + b"\n\n"
ERROR_BODY = b'{"error": {"code": 503, "status": "UNAVAILABLE", "message": "no"}}'
CONNECTION_LOST = Disconnected("asking", "reset")
OK, UNAVAILABLE = ResponseHead(), ResponseHead(503)


def build_signed_request(request: Request[Any] = REQUEST) -> HttpRequest:
    """Encode and sign a request."""
    return sign_request(
        encode(request, BACKEND).unwrap(),
        Credential("https://generativelanguage.googleapis.com:443", Secret((("x-goog-api-key", "test-key"),))),
    )


def expect_send(
    deadline: float = 700.0, *, needs_new_connection: bool = False, request: Request[Any] = REQUEST
) -> SendRequest:
    """Build the effect that sends a request."""
    return SendRequest(build_signed_request(request), deadline, 10.0, needs_new_connection)


def expect_reads(
    exchange: ResponseHead, *reads: Any, deadline: float = 700.0, idle: float = 60.0
) -> list[tuple[Any, Any]]:
    """Expect the reads of a body, chunk by chunk, and its close."""
    return [*((ReadChunk(exchange, deadline, idle), chunk) for chunk in reads), (CloseResource(exchange), None)]


def expect_retry(now: float, chance: float, seconds: float) -> list[tuple[Any, Any]]:
    """Expect the wait before the next attempt."""
    return [(GetRandom(), chance), (GetTime(), now), (Sleep(seconds), None)]


def test_success() -> None:
    """A request opens a response, reads it to the end, closes it, and returns the value."""
    assert run_by_script(
        HTTP.handle(REQUEST, inf), [(GetTime(), 100.0), (expect_send(), OK), *expect_reads(OK, BODY[:9], BODY[9:], b"")]
    ) == Success(RESPONSE)


def test_with_http_response() -> None:
    """With `with_http_response`, the result has the HTTP response."""
    action = REQUEST | with_http_response
    result = run_by_script(
        HTTP.handle(action, inf), [(GetTime(), 100.0), (expect_send(), OK), *expect_reads(OK, BODY, b"")]
    ).unwrap()
    assert (result.value, result.http) == (RESPONSE, HttpResponse(200, (), BODY))


def test_retry_after_503() -> None:
    """A 503 is read and closed, and the request is retried after a wait with jitter."""
    script = [
        (GetTime(), 100.0),
        (expect_send(), UNAVAILABLE),
        *expect_reads(UNAVAILABLE, ERROR_BODY, b""),
        *expect_retry(101.0, 0.25, 0.25),
        (expect_send(), OK),
        *expect_reads(OK, BODY, b""),
    ]
    assert run_by_script(HTTP.handle(REQUEST, inf), script) == Success(RESPONSE)


def test_gives_up() -> None:
    """After the last attempt the last error is the result, without another sleep."""
    http = HttpHandler(backend=BACKEND, retry=Retry(attempts=2))
    script = [
        (GetTime(), 100.0),
        (expect_send(), EffectFailed(CONNECTION_LOST)),
        *expect_retry(100.0, 0.5, 0.5),
        (expect_send(), EffectFailed(CONNECTION_LOST)),
        (GetRandom(), 0.5),
        (GetTime(), 100.0),
    ]
    assert run_by_script(http.handle(REQUEST, inf), script) == Failure(CONNECTION_LOST)


def test_advice_past_the_deadline() -> None:
    """The server's advice, if it exceeds the deadline, ends the call at once."""
    exchange = ResponseHead(429, ("retry-after", "30"))
    request = REQUEST | with_options(deadline=20)
    script = [
        (GetTime(), 100.0),
        (expect_send(120.0), exchange),
        *expect_reads(exchange, b"", deadline=120.0),
        (GetRandom(), 0.0),
        (GetTime(), 100.5),
    ]
    assert isinstance(run_by_script(HTTP.handle(request, inf), script).failure(), RateLimited)


def test_advice_within_the_deadline() -> None:
    """The server's advice is followed if it fits the deadline."""
    exchange = ResponseHead(429, ("retry-after", "30"))
    script = [
        (GetTime(), 100.0),
        (expect_send(), exchange),
        *expect_reads(exchange, b""),
        *expect_retry(100.5, 0.0, 30.0),
        (expect_send(), OK),
        *expect_reads(OK, BODY, b""),
    ]
    assert run_by_script(HTTP.handle(REQUEST, inf), script) == Success(RESPONSE)


def test_deadline_of_a_flow() -> None:
    """The remaining time of a flow limits its requests."""
    assert run_by_script(
        HTTP.handle(REQUEST, 150.0),
        [(GetTime(), 100.0), (expect_send(150.0), OK), *expect_reads(OK, BODY, b"", deadline=150.0)],
    ) == Success(RESPONSE)


def test_timeouts_of_one_action() -> None:
    """`with_options(timeouts=…)` overrides the interpreter's timeouts."""
    request = REQUEST | with_options(timeouts=Timeouts(connect=1, idle=2, total=3))
    script = [
        (GetTime(), 100.0),
        (SendRequest(build_signed_request(), 103.0, 1.0), OK),
        *expect_reads(OK, BODY, b"", deadline=103.0, idle=2),
    ]
    assert run_by_script(HTTP.handle(request, inf), script) == Success(RESPONSE)


def test_stale_connection() -> None:
    """A stale kept-alive connection is replaced at once by a new one, once, which does not count as an attempt."""
    http = HttpHandler(backend=BACKEND, retry=Retry(attempts=1))
    first = [(GetTime(), 100.0), (expect_send(), EffectFailed(CONNECTION_LOST, was_reused=True))]
    assert run_by_script(
        http.handle(REQUEST, inf), [*first, (expect_send(needs_new_connection=True), OK), *expect_reads(OK, BODY, b"")]
    ) == Success(RESPONSE)
    script = [
        *first,
        (expect_send(needs_new_connection=True), EffectFailed(CONNECTION_LOST, was_reused=True)),
        (GetRandom(), 0.5),
        (GetTime(), 100.0),
    ]
    assert run_by_script(http.handle(REQUEST, inf), script) == Failure(CONNECTION_LOST)


def test_truncated_response() -> None:
    """A response that fails after a good start is not requested again; its connection is closed."""
    assert run_by_script(
        HTTP.handle(REQUEST, inf),
        [(GetTime(), 100.0), (expect_send(), OK), *expect_reads(OK, BODY[:9], EffectFailed(CONNECTION_LOST))],
    ) == Failure(CONNECTION_LOST)


def test_truncated_error() -> None:
    """The connection of a truncated error response is closed before the next attempt."""
    script = [
        (GetTime(), 100.0),
        (expect_send(), UNAVAILABLE),
        *expect_reads(UNAVAILABLE, EffectFailed(CONNECTION_LOST)),
        *expect_retry(100.0, 0.5, 0.5),
        (expect_send(), OK),
        *expect_reads(OK, BODY, b""),
    ]
    assert run_by_script(HTTP.handle(REQUEST, inf), script) == Success(RESPONSE)


@pytest.mark.parametrize("error", (TimedOut("headers"), TimedOut("total"), Closed()), ids=repr)
def test_errors_without_retry(error: Any) -> None:
    """Timeouts after connecting and `Closed` are not retried."""
    assert run_by_script(
        HTTP.handle(REQUEST, inf), [(GetTime(), 100.0), (expect_send(), EffectFailed(error))]
    ) == Failure(error)


def test_too_long() -> None:
    """A body longer than `max_response_bytes` is closed at once."""
    http = HttpHandler(backend=BACKEND, max_response_bytes=10)
    assert isinstance(
        run_by_script(
            http.handle(REQUEST, inf), [(GetTime(), 100.0), (expect_send(), OK), *expect_reads(OK, BODY)]
        ).failure(),
        DecodeError,
    )


class UnrepeatableOperation(Operation[GenerateContentResponse]):
    """An operation that must not be repeated."""

    op: ClassVar[str] = "tests.once"
    repeatable: ClassVar[bool] = False

    def gemini(self, backend: Gemini) -> Call[GenerateContentResponse]:
        return POST("once", None, read_json(GenerateContentResponse))

    def vertex(self, backend: Vertex) -> Refusal:
        return Refusal("tests alone")


UNREPEATABLE = Request(UnrepeatableOperation())


@pytest.mark.parametrize(
    ("error", "attempts"),
    ((CONNECTION_LOST, 1), (ConnectError("dialling"), 4), (Disconnected("asking", sent=False), 4)),
    ids=repr,
)
def test_unrepeatable_operation(error: Any, attempts: int) -> None:
    """An unrepeatable operation uses a new connection, and is retried only if nothing was sent."""
    lost_request = (expect_send(needs_new_connection=True, request=UNREPEATABLE), EffectFailed(error, was_reused=True))
    script: list[Any] = [
        (GetTime(), 100.0),
        lost_request,
        *[step for _ in range(attempts - 1) for step in (*expect_retry(100.0, 0.0, 0.0), lost_request)],
    ]
    script += [(GetRandom(), 0.0), (GetTime(), 100.0)] if attempts > 1 else []
    assert run_by_script(HTTP.handle(UNREPEATABLE, inf), script) == Failure(error)


def test_invalid_request() -> None:
    """A request that cannot be encoded is a Failure before anything is sent."""
    handler = HttpHandler(backend=Vertex(api_key="test-key"))
    assert run_by_script(handler.handle(UNREPEATABLE, inf), [(GetTime(), 100.0)]) == Failure(
        Unsupported("Vertex AI", ("tests.once",), "tests alone")
    )
    assert isinstance(
        run_by_script(HttpHandler(backend=Gemini()).handle(REQUEST, inf), [(GetTime(), 100.0)]).failure(), AuthError
    )


VERTEX = HttpHandler(backend=Vertex(location="us-central1"))


def test_token() -> None:
    """Each attempt gets a token before it encodes the request, since the token may determine the project."""
    credential = build_bearer_credential(
        VERTEX.backend, "test-token", project="test-project", quota_project="test-quota"
    )
    sent: list[HttpRequest] = []

    class AnySendRequest(SendRequest):
        def __eq__(self, other: object) -> bool:
            assert isinstance(other, SendRequest)
            sent.append(other.request)
            return True

        def __hash__(self) -> int:
            return 0

    request = AnySendRequest(build_signed_request(), 0, 0)
    token = (GetToken(700.0), credential)
    script = [
        (GetTime(), 100.0),
        token,
        (request, UNAVAILABLE),
        *expect_reads(UNAVAILABLE, ERROR_BODY, b""),
        *expect_retry(100.0, 0.5, 0.5),
        token,
        (request, OK),
        *expect_reads(OK, BODY, b""),
    ]
    assert run_by_script(VERTEX.handle(REQUEST, inf), script) == Success(RESPONSE)
    assert sent[0] == sent[1]
    assert "projects/test-project/locations/us-central1/" in sent[0].url
    assert {("authorization", "Bearer test-token"), ("x-goog-user-project", "test-quota")} <= set(sent[0].headers)


@pytest.mark.parametrize(("second", "status"), [(OK, 200), (ResponseHead(401), 401)], ids=["accepted", "refused"])
def test_refused_token(second: ResponseHead, status: int) -> None:
    """After a 401 another token is requested, once and without counting as an attempt, also for what creates things."""
    old, new = (build_bearer_credential(VERTEX.backend, token, project="test-project") for token in ("old", "new"))
    handler = msgspec.structs.replace(VERTEX, retry=Retry(attempts=1), has_listener=True)
    refused, script = ResponseHead(401), [(GetTime(), 100.0)]
    for credential, token, head, body in ((old, None, refused, b""), (new, old, second, BODY)):
        script += [
            *[(GetToken(700.0, token), credential), *NOTIFY, (SendRequest, head), *NOTIFY],
            *expect_reads(head, body, *([b""] if body else [])),
            *NOTIFY,
        ]
    result = run_by_script(handler.handle(caches.create("m", {}), inf), script)
    assert (result.failure().code if isinstance(result, Failure) else 200) == status


def test_refused_key() -> None:
    """After a 401 for an API key, which cannot be renewed, nothing is sent again."""
    refused = ResponseHead(401)
    script = [(GetTime(), 100.0), (expect_send(), refused), *expect_reads(refused, b"")]
    assert run_by_script(HTTP.handle(REQUEST, inf), script).failure().code == 401


def test_no_token() -> None:
    """Without a token nothing is sent or retried."""
    assert run_by_script(
        VERTEX.handle(REQUEST, inf), [(GetTime(), 100.0), (GetToken(700.0), EffectFailed(AuthError("no")))]
    ) == Failure(AuthError("no"))


NOTIFY = [(GetTime(), 100.0), (Notify, None)]


def test_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step emits an event with the request, without its credential, the call, the attempt and the duration."""
    monkeypatch.setattr(call_events, "_CALL_IDS", count(7))
    http, plain = (
        HttpHandler(backend=BACKEND, has_listener=True, retry=Retry(attempts=2)),
        encode(REQUEST, BACKEND).unwrap(),
    )
    error = ServerError(503, "UNAVAILABLE", "no")

    def expect_attempt(number: int, start: float) -> list[tuple[Any, Any]]:
        return [
            (GetTime(), start),
            (Notify(Sending(plain, number, 7, "generate", "m")), None),
            (expect_send(), UNAVAILABLE),
            (GetTime(), start + 0.25),
            (Notify(Responded(plain, 503, 7, number, 0.25)), None),
            *expect_reads(UNAVAILABLE, ERROR_BODY, b""),
            (GetRandom(), 0.5),
            (GetTime(), start + 1),
            (GetTime(), start + 1),
        ]

    script = [
        (GetTime(), 100.0),
        *expect_attempt(1, 100.0),
        (Notify(Retrying(plain, error, 0.5, 7, 1, 1.0)), None),
        (Sleep(0.5), None),
        *expect_attempt(2, 101.5),
        (Notify(Failed(plain, error, 7, 2, 2.5)), None),
    ]
    assert run_by_script(http.handle(REQUEST, inf), script) == Failure(error)


USAGE_BODY = b'{"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2}}'


def test_events_of_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole response that was read ends in an event with its status, attempt, duration and usage."""
    monkeypatch.setattr(call_events, "_CALL_IDS", count(7))
    plain = encode(REQUEST, BACKEND).unwrap()
    script = [
        (GetTime(), 100.0),
        *[*NOTIFY, (expect_send(), OK), *NOTIFY],
        *expect_reads(OK, USAGE_BODY, b""),
        (GetTime(), 103.0),
        (Notify(Completed(plain, 200, 7, 1, 3.0, Usage(input_tokens=3, output_tokens=2))), None),
    ]
    result = run_by_script(HttpHandler(backend=BACKEND, has_listener=True).handle(REQUEST, inf), script)
    assert isinstance(result, Success)


@pytest.mark.parametrize("ending", [b"", EffectFailed(CONNECTION_LOST)], ids=["end", "failure"])
def test_events_of_streams(ending: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream ends in one event, at its end with the time to its first item and its last usage, or in a failure."""
    monkeypatch.setattr(call_events, "_CALL_IDS", count(7))
    plain = encode(STREAM_REQUEST, BACKEND).unwrap()
    http = HttpHandler(backend=BACKEND, has_listener=True)
    script = [
        (GetTime(), 100.0),
        *[*NOTIFY, (expect_send(request=STREAM_REQUEST), OK), *NOTIFY],
        *[(ReadChunk(OK, 700.0, inf), EVENT), (GetTime(), 102.0)],
    ]
    handle = run_by_script(http.open_stream(STREAM_REQUEST, inf), script).unwrap()
    assert run_by_script(http.read_items(handle), []) == (Success(RESPONSE),)
    chunk = b"data: " + USAGE_BODY + b"\n\n"
    assert len(run_by_script(http.read_items(handle), [(ReadChunk(OK, inf, 60.0), chunk)])) == 1
    usage = Usage(input_tokens=3, output_tokens=2)
    event = Completed(plain, 200, 7, 1, 5.0, usage, 2.0) if ending == b"" else Failed(plain, CONNECTION_LOST, 7, 1, 5.0)
    last = run_by_script(
        http.read_items(handle),
        [
            *[(ReadChunk(OK, inf, 60.0), ending), (CloseResource(OK), None)],
            *[(GetTime(), 105.0), (Notify(event), None)],
        ],
    )
    assert last == (() if ending == b"" else (Failure(CONNECTION_LOST),))
    assert run_by_script(http.read_items(handle), []) == ()


def test_stream() -> None:
    """A stream opens with its first item, returns the items of each chunk, and closes the response at its end."""
    script = [
        (GetTime(), 100.0),
        (expect_send(request=STREAM_REQUEST), OK),
        (ReadChunk(OK, 700.0, inf), EVENT[:20]),
        (ReadChunk(OK, 700.0, inf), EVENT[20:] + EVENT),
    ]
    handle = run_by_script(HTTP.open_stream(STREAM_REQUEST, inf), script).unwrap()
    assert run_by_script(HTTP.read_items(handle), []) == (Success(RESPONSE), Success(RESPONSE))
    assert run_by_script(
        HTTP.read_items(handle), [(ReadChunk(OK, inf, 60.0), b": hm\n\n"), (ReadChunk(OK, inf, 60.0), EVENT)]
    ) == (Success(RESPONSE),)
    assert run_by_script(HTTP.read_items(handle), [(ReadChunk(OK, inf, 60.0), b""), (CloseResource(OK), None)]) == ()
    assert run_by_script(HTTP.read_items(handle), []) == ()


def test_stream_with_a_deadline() -> None:
    """A deadline limits a stream up to its last item."""
    request = REQUEST | with_options(deadline=20) | streamed
    script = [(GetTime(), 100.0), (expect_send(120.0, request=STREAM_REQUEST), OK), (ReadChunk(OK, 120.0, inf), EVENT)]
    handle = run_by_script(HTTP.open_stream(request.source, inf), script).unwrap()
    assert run_by_script(HTTP.read_items(handle), []) == (Success(RESPONSE),)
    timeout = TimedOut("total")
    assert run_by_script(
        HTTP.read_items(handle), [(ReadChunk(OK, 120.0, 60.0), EffectFailed(timeout)), (CloseResource(OK), None)]
    ) == (Failure(timeout),)
    assert run_by_script(HTTP.read_items(handle), []) == ()


@pytest.mark.parametrize(
    "first", (b"data: " + ERROR_BODY + b"\n\n", ERROR_BODY, EffectFailed(CONNECTION_LOST)), ids=("event", "bare", "cut")
)
def test_stream_is_retried(first: Any) -> None:
    """A stream that fails before its first item is closed and retried."""
    reads = [(ReadChunk(OK, 700.0, inf), first)]
    script = [
        (GetTime(), 100.0),
        (expect_send(request=STREAM_REQUEST), OK),
        *reads,
        (CloseResource(OK), None),
        *expect_retry(100.0, 0.5, 0.5),
    ]
    script += [(expect_send(request=STREAM_REQUEST), OK), (ReadChunk(OK, 700.0, inf), EVENT)]
    assert isinstance(run_by_script(HTTP.open_stream(STREAM_REQUEST, inf), script), Success)


def test_stream_that_is_not_decodable() -> None:
    """A stream that cannot be decoded is not retried."""
    script = [
        (GetTime(), 100.0),
        (expect_send(request=STREAM_REQUEST), OK),
        *expect_reads(OK, b"<html>", b"", idle=inf),
    ]
    assert run_by_script(HTTP.open_stream(STREAM_REQUEST, inf), script) == Failure(
        DecodeError("server-sent events", "", "<html>")
    )


def test_fault_after_an_item() -> None:
    """After an error that follows an item, the stream is closed; later items of the same chunk are dropped."""
    script = [
        (GetTime(), 100.0),
        (expect_send(request=STREAM_REQUEST), OK),
        (ReadChunk(OK, 700.0, inf), EVENT + b"data: " + ERROR_BODY + b"\n\n" + EVENT),
        (CloseResource(OK), None),
    ]
    handle = run_by_script(HTTP.open_stream(STREAM_REQUEST, inf), script).unwrap()
    assert run_by_script(HTTP.read_items(handle), []) == (
        Success(RESPONSE),
        Failure(ServerError(503, "UNAVAILABLE", "no")),
    )
    assert run_by_script(HTTP.read_items(handle), []) == ()


def test_fetch_response() -> None:
    """`fetch_response` sends one request unchanged, and reads its whole response up to a limit."""
    http_request = HttpRequest("GET", "http://metadata/")
    send = (SendRequest(http_request, 50.0, inf), OK)
    assert run_by_script(
        fetch_response(http_request, FetchLimits(50.0)),
        [send, *expect_reads(OK, b"a", b"b", b"", deadline=50.0, idle=inf)],
    ) == HttpResponse(200, (), b"ab")
    assert run_by_script(
        fetch_response(http_request, FetchLimits(50.0)), [(send[0], EffectFailed(CONNECTION_LOST))]
    ) == EffectFailed(CONNECTION_LOST)
    assert run_by_script(
        fetch_response(http_request, FetchLimits(50.0)),
        [send, *expect_reads(OK, b"a", EffectFailed(CONNECTION_LOST), deadline=50.0, idle=inf)],
    ) == EffectFailed(CONNECTION_LOST)
    assert isinstance(
        run_by_script(
            fetch_response(http_request, FetchLimits(50.0)),
            [send, *expect_reads(OK, b"a" * 2**21, deadline=50.0, idle=inf)],
        ).error,
        DecodeError,
    )


def test_own_credential_is_derived() -> None:
    """The backend's own credential is computed once, is not a parameter, and is not compared."""
    assert HTTP.own_credential is HTTP.own_credential
    assert HttpHandler(backend=BACKEND) == HTTP
    with pytest.raises(TypeError, match="own"):
        HttpHandler(backend=BACKEND, own_credential=None)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # that is the point
