"""`HttpHandler`: the effects of a request, a retry and a stream, as scripts."""

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
from genai_fn.engine.attempts import fetch_response
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
from genai_fn.events import Failed, Responded, Retrying, Sending
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.request import POST, Call, Operation, Refusal, Request, read_json
from genai_fn.schema import GenerateContentResponse
from genai_fn.wire import encode, sign_request
from tests.support.scripted_effects import ResponseHead, run_by_script

BACKEND = Gemini("test-key")
HTTP = HttpHandler(backend=BACKEND)
ASKED = generate("m", "hi")
PIECES = (ASKED | streamed).source
BODY = b'{"candidates": [{"content": {"parts": [{"text": "hi"}]}}]}'
HI = msgspec.json.decode(BODY, type=GenerateContentResponse)
EVENT = b"data: " + BODY + b"\n\n"
BUSY = b'{"error": {"code": 503, "status": "UNAVAILABLE", "message": "no"}}'
LOST = Disconnected("asking", "reset")
OK, FAULT = ResponseHead(), ResponseHead(503)


def build_signed_request(request: Request[Any] = ASKED) -> HttpRequest:
    """Write a request as it goes out."""
    return sign_request(
        encode(request, BACKEND).unwrap(),
        Credential("https://generativelanguage.googleapis.com:443", Secret((("x-goog-api-key", "test-key"),))),
    )


def opens(deadline: float = 700.0, *, fresh: bool = False, request: Request[Any] = ASKED) -> SendRequest:
    """Expect it to be sent."""
    return SendRequest(build_signed_request(request), deadline, 10.0, fresh)


def reads(exchange: ResponseHead, *pieces: Any, deadline: float = 700.0, idle: float = 60.0) -> list[tuple[Any, Any]]:
    """Read a body piece by piece, and be done with it."""
    return [*((ReadChunk(exchange, deadline, idle), piece) for piece in pieces), (CloseResource(exchange), None)]


def again(now: float, chance: float, seconds: float) -> list[tuple[Any, Any]]:
    """Wait for the next attempt."""
    return [(GetRandom(), chance), (GetTime(), now), (Sleep(seconds), None)]


def test_well() -> None:
    """Open, read to the end, close: the value."""
    assert run_by_script(
        HTTP.handle(ASKED, inf), [(GetTime(), 100.0), (opens(), OK), *reads(OK, BODY[:9], BODY[9:], b"")]
    ) == Success(HI)


def test_replied() -> None:
    """The response goes along where it is asked for."""
    asked = ASKED | with_http_response
    replied = run_by_script(
        HTTP.handle(asked, inf), [(GetTime(), 100.0), (opens(), OK), *reads(OK, BODY, b"")]
    ).unwrap()
    assert (replied.value, replied.http) == (HI, HttpResponse(200, (), BODY))


def test_again_after_503() -> None:
    """A 503 is read, closed, and tried again after a wait that chance shortens."""
    script = [
        (GetTime(), 100.0),
        (opens(), FAULT),
        *reads(FAULT, BUSY, b""),
        *again(101.0, 0.25, 0.25),
        (opens(), OK),
        *reads(OK, BODY, b""),
    ]
    assert run_by_script(HTTP.handle(ASKED, inf), script) == Success(HI)


def test_gives_up() -> None:
    """After the last attempt the last error is the result, without another sleep."""
    http = HttpHandler(backend=BACKEND, retry=Retry(attempts=2))
    script = [
        (GetTime(), 100.0),
        (opens(), EffectFailed(LOST)),
        *again(100.0, 0.5, 0.5),
        (opens(), EffectFailed(LOST)),
        (GetRandom(), 0.5),
        (GetTime(), 100.0),
    ]
    assert run_by_script(http.handle(ASKED, inf), script) == Failure(LOST)


def test_advice_past_the_deadline() -> None:
    """The server's advice, if it exceeds the deadline, ends the call at once."""
    exchange = ResponseHead(429, ("retry-after", "30"))
    asked = ASKED | with_options(deadline=20)
    script = [
        (GetTime(), 100.0),
        (opens(120.0), exchange),
        *reads(exchange, b"", deadline=120.0),
        (GetRandom(), 0.0),
        (GetTime(), 100.5),
    ]
    assert isinstance(run_by_script(HTTP.handle(asked, inf), script).failure(), RateLimited)


def test_advice_within_the_deadline() -> None:
    """The server's advice, if it fits the deadline, is slept."""
    exchange = ResponseHead(429, ("retry-after", "30"))
    script = [
        (GetTime(), 100.0),
        (opens(), exchange),
        *reads(exchange, b""),
        *again(100.5, 0.0, 30.0),
        (opens(), OK),
        *reads(OK, BODY, b""),
    ]
    assert run_by_script(HTTP.handle(ASKED, inf), script) == Success(HI)


def test_until() -> None:
    """What a flow has left bounds its requests."""
    assert run_by_script(
        HTTP.handle(ASKED, 150.0), [(GetTime(), 100.0), (opens(150.0), OK), *reads(OK, BODY, b"", deadline=150.0)]
    ) == Success(HI)


def test_timeouts_of_one_action() -> None:
    """`with_options(timeouts=…)` overrides the interpreter's timeouts."""
    asked = ASKED | with_options(timeouts=Timeouts(connect=1, idle=2, total=3))
    script = [
        (GetTime(), 100.0),
        (SendRequest(build_signed_request(), 103.0, 1.0), OK),
        *reads(OK, BODY, b"", deadline=103.0, idle=2),
    ]
    assert run_by_script(HTTP.handle(asked, inf), script) == Success(HI)


def test_lost_in_reuse() -> None:
    """A kept connection that had died is replaced at once by a fresh one, once, and that is no attempt."""
    http = HttpHandler(backend=BACKEND, retry=Retry(attempts=1))
    first = [(GetTime(), 100.0), (opens(), EffectFailed(LOST, was_reused=True))]
    assert run_by_script(http.handle(ASKED, inf), [*first, (opens(fresh=True), OK), *reads(OK, BODY, b"")]) == Success(
        HI
    )
    script = [*first, (opens(fresh=True), EffectFailed(LOST, was_reused=True)), (GetRandom(), 0.5), (GetTime(), 100.0)]
    assert run_by_script(http.handle(ASKED, inf), script) == Failure(LOST)


def test_cut_answer() -> None:
    """An answer that had begun well is not asked for again; its connection is closed."""
    assert run_by_script(
        HTTP.handle(ASKED, inf), [(GetTime(), 100.0), (opens(), OK), *reads(OK, BODY[:9], EffectFailed(LOST))]
    ) == Failure(LOST)


def test_cut_fault() -> None:
    """A fault that was cut gives its connection back before the next attempt."""
    script = [
        (GetTime(), 100.0),
        (opens(), FAULT),
        *reads(FAULT, EffectFailed(LOST)),
        *again(100.0, 0.5, 0.5),
        (opens(), OK),
        *reads(OK, BODY, b""),
    ]
    assert run_by_script(HTTP.handle(ASKED, inf), script) == Success(HI)


@pytest.mark.parametrize("error", (TimedOut("headers"), TimedOut("total"), Closed()), ids=repr)
def test_final(error: Any) -> None:
    """Timeouts after connecting and `Closed` are not retried."""
    assert run_by_script(HTTP.handle(ASKED, inf), [(GetTime(), 100.0), (opens(), EffectFailed(error))]) == Failure(
        error
    )


def test_too_long() -> None:
    """A body longer than `max_response_bytes` is closed at once."""
    http = HttpHandler(backend=BACKEND, max_response_bytes=10)
    assert isinstance(
        run_by_script(http.handle(ASKED, inf), [(GetTime(), 100.0), (opens(), OK), *reads(OK, BODY)]).failure(),
        DecodeError,
    )


class Once(Operation[GenerateContentResponse]):
    """An operation that must not be repeated."""

    op: ClassVar[str] = "tests.once"
    repeatable: ClassVar[bool] = False

    def gemini(self, at: Gemini) -> Call[GenerateContentResponse]:
        return POST("once", None, read_json(GenerateContentResponse))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("tests alone")


ONCE = Request(Once())


@pytest.mark.parametrize(
    ("error", "attempts"), ((LOST, 1), (ConnectError("dialling"), 4), (Disconnected("asking", sent=False), 4)), ids=repr
)
def test_never_twice(error: Any, attempts: int) -> None:
    """An unrepeatable operation uses a new connection, and is retried only if nothing was sent."""
    opened = (opens(fresh=True, request=ONCE), EffectFailed(error, was_reused=True))
    script: list[Any] = [
        (GetTime(), 100.0),
        opened,
        *[line for _ in range(attempts - 1) for line in (*again(100.0, 0.0, 0.0), opened)],
    ]
    script += [(GetRandom(), 0.0), (GetTime(), 100.0)] if attempts > 1 else []
    assert run_by_script(HTTP.handle(ONCE, inf), script) == Failure(error)


def test_not_to_be_sent() -> None:
    """What cannot be written is a Failure before anything happens."""
    at = HttpHandler(backend=Vertex(api_key="test-key"))
    assert run_by_script(at.handle(ONCE, inf), [(GetTime(), 100.0)]) == Failure(
        Unsupported("Vertex AI", ("tests.once",), "tests alone")
    )
    assert isinstance(
        run_by_script(HttpHandler(backend=Gemini()).handle(ASKED, inf), [(GetTime(), 100.0)]).failure(), AuthError
    )


VERTEX = HttpHandler(backend=Vertex(location="us-central1"))


def test_token() -> None:
    """Each attempt gets a token before it encodes the request, since the token may determine the project."""
    credential = build_bearer_credential(
        VERTEX.backend, "test-token", project="test-project", quota_project="test-quota"
    )
    sent: list[HttpRequest] = []

    class Sent(SendRequest):
        def __eq__(self, other: object) -> bool:
            assert isinstance(other, SendRequest)
            sent.append(other.request)
            return True

        def __hash__(self) -> int:
            return 0

    asked = Sent(build_signed_request(), 0, 0)
    token = (GetToken(700.0), credential)
    script = [
        (GetTime(), 100.0),
        token,
        (asked, FAULT),
        *reads(FAULT, BUSY, b""),
        *again(100.0, 0.5, 0.5),
        token,
        (asked, OK),
        *reads(OK, BODY, b""),
    ]
    assert run_by_script(VERTEX.handle(ASKED, inf), script) == Success(HI)
    assert sent[0] == sent[1]
    assert "projects/test-project/locations/us-central1/" in sent[0].url
    assert {("authorization", "Bearer test-token"), ("x-goog-user-project", "test-quota")} <= set(sent[0].headers)


def test_no_token() -> None:
    """Without a token nothing is sent or retried."""
    assert run_by_script(
        VERTEX.handle(ASKED, inf), [(GetTime(), 100.0), (GetToken(700.0), EffectFailed(AuthError("no")))]
    ) == Failure(AuthError("no"))


def test_told() -> None:
    """Each step emits an event with the request, without its credential."""
    http, plain = (
        HttpHandler(backend=BACKEND, has_listener=True, retry=Retry(attempts=2)),
        encode(ASKED, BACKEND).unwrap(),
    )
    error = ServerError(503, "UNAVAILABLE", "no")
    attempt = [
        (opens(), FAULT),
        (Notify(Responded(plain, 503)), None),
        *reads(FAULT, BUSY, b""),
        (GetRandom(), 0.5),
        (GetTime(), 100.0),
    ]
    script = [
        (GetTime(), 100.0),
        (Notify(Sending(plain, 1)), None),
        *attempt,
        (Notify(Retrying(plain, error, 0.5)), None),
        (Sleep(0.5), None),
        (Notify(Sending(plain, 2)), None),
        *attempt,
        (Notify(Failed(plain, error)), None),
    ]
    assert run_by_script(http.handle(ASKED, inf), script) == Failure(error)


def test_stream() -> None:
    """A stream opens with its first item, returns the items of each chunk, and closes the response at its end."""
    script = [
        (GetTime(), 100.0),
        (opens(request=PIECES), OK),
        (ReadChunk(OK, 700.0, inf), EVENT[:20]),
        (ReadChunk(OK, 700.0, inf), EVENT[20:] + EVENT),
    ]
    handle = run_by_script(HTTP.open_stream(PIECES, inf), script).unwrap()
    assert run_by_script(HTTP.read_items(handle), []) == (Success(HI), Success(HI))
    assert run_by_script(
        HTTP.read_items(handle), [(ReadChunk(OK, inf, 60.0), b": hm\n\n"), (ReadChunk(OK, inf, 60.0), EVENT)]
    ) == (Success(HI),)
    assert run_by_script(HTTP.read_items(handle), [(ReadChunk(OK, inf, 60.0), b""), (CloseResource(OK), None)]) == ()
    assert run_by_script(HTTP.read_items(handle), []) == ()


def test_stream_with_a_deadline() -> None:
    """A deadline limits a stream up to its last item."""
    asked = ASKED | with_options(deadline=20) | streamed
    script = [(GetTime(), 100.0), (opens(120.0, request=PIECES), OK), (ReadChunk(OK, 120.0, inf), EVENT)]
    handle = run_by_script(HTTP.open_stream(asked.source, inf), script).unwrap()
    assert run_by_script(HTTP.read_items(handle), []) == (Success(HI),)
    late = TimedOut("total")
    assert run_by_script(
        HTTP.read_items(handle), [(ReadChunk(OK, 120.0, 60.0), EffectFailed(late)), (CloseResource(OK), None)]
    ) == (Failure(late),)
    assert run_by_script(HTTP.read_items(handle), []) == ()


@pytest.mark.parametrize("first", (b"data: " + BUSY + b"\n\n", BUSY, EffectFailed(LOST)), ids=("event", "bare", "cut"))
def test_stream_again(first: Any) -> None:
    """A stream that fails before its first item is closed and retried."""
    pieces = [(ReadChunk(OK, 700.0, inf), first)]
    script = [
        (GetTime(), 100.0),
        (opens(request=PIECES), OK),
        *pieces,
        (CloseResource(OK), None),
        *again(100.0, 0.5, 0.5),
    ]
    script += [(opens(request=PIECES), OK), (ReadChunk(OK, 700.0, inf), EVENT)]
    assert isinstance(run_by_script(HTTP.open_stream(PIECES, inf), script), Success)


def test_stream_of_something_else() -> None:
    """A stream that cannot be decoded is not retried."""
    script = [(GetTime(), 100.0), (opens(request=PIECES), OK), *reads(OK, b"<html>", b"", idle=inf)]
    assert run_by_script(HTTP.open_stream(PIECES, inf), script) == Failure(
        DecodeError("server-sent events", "", "<html>")
    )


def test_fault_after_an_item() -> None:
    """A fault after an item is closed and is the last of all, whatever came with it."""
    script = [
        (GetTime(), 100.0),
        (opens(request=PIECES), OK),
        (ReadChunk(OK, 700.0, inf), EVENT + b"data: " + BUSY + b"\n\n" + EVENT),
        (CloseResource(OK), None),
    ]
    handle = run_by_script(HTTP.open_stream(PIECES, inf), script).unwrap()
    assert run_by_script(HTTP.read_items(handle), []) == (Success(HI), Failure(ServerError(503, "UNAVAILABLE", "no")))
    assert run_by_script(HTTP.read_items(handle), []) == ()


def test_fetched() -> None:
    """What getting a token takes: one request as it is, and its whole answer, bounded."""
    request = HttpRequest("GET", "http://metadata/")
    asked = (SendRequest(request, 50.0, inf), OK)
    assert run_by_script(
        fetch_response(request, 50.0), [asked, *reads(OK, b"a", b"b", b"", deadline=50.0, idle=inf)]
    ) == HttpResponse(200, (), b"ab")
    assert run_by_script(fetch_response(request, 50.0), [(asked[0], EffectFailed(LOST))]) == EffectFailed(LOST)
    assert run_by_script(
        fetch_response(request, 50.0), [asked, *reads(OK, b"a", EffectFailed(LOST), deadline=50.0, idle=inf)]
    ) == EffectFailed(LOST)
    assert isinstance(
        run_by_script(fetch_response(request, 50.0), [asked, *reads(OK, b"a" * 2**21, deadline=50.0, idle=inf)]).error,
        DecodeError,
    )


def test_own_credential_is_derived() -> None:
    """The backend's own credential is computed once, is not a parameter, and is not compared."""
    assert HTTP.own_credential is HTTP.own_credential
    assert HttpHandler(backend=BACKEND) == HTTP
    with pytest.raises(TypeError, match="own"):
        HttpHandler(backend=BACKEND, own_credential=None)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # that is the point
