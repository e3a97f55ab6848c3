"""The emulator over sockets: served requests, injected faults, shutdown, and the ASGI application alone."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest
import trustme
from hypothesis import given, settings, strategies

from genai_fn import (
    AsyncHttp,
    DecodeError,
    Failure,
    Gemini,
    Http,
    RateLimited,
    Retry,
    Success,
    Timeouts,
    caches,
    collected,
    files,
    generate,
    joined,
    streamed,
    text,
    with_options,
)
from genai_fn.emulator.server.injected_faults import (
    InjectedFault,
    build_error_response,
    parse_injected_fault,
    plan_response,
    take_injected_fault,
)
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.errors import APIError, Disconnected, InvalidRequest
from genai_fn.http import HttpResponse
from genai_fn.testing.server.asgi import Emulator
from genai_fn.testing.server.serving import build_url, open_listener, serve_emulator

KEY = "test-key"
HELLO = generate("gemini-2.5-flash", "Why?")
WITHOUT_RETRY = with_options(retry=Retry(attempts=1))
IDLE: dict[str, Any] = {"requests": [], "faults": [], "remainingSteps": []}
GENEROUS_TIMEOUTS = Timeouts(connect=60, idle=60, total=120)


@pytest.fixture(scope="module")
def _served_emulator() -> Iterator[tuple[Emulator, str]]:
    emulator = Emulator()
    with serve_emulator(emulator) as url:
        yield emulator, url


@pytest.fixture
def emulator(_served_emulator: tuple[Emulator, str]) -> Emulator:
    _served_emulator[0].reset()
    return _served_emulator[0]


@pytest.fixture
def run(_served_emulator: tuple[Emulator, str], emulator: Emulator) -> Iterator[Http]:
    with Http(Gemini(KEY, base_url=_served_emulator[1]), timeouts=GENEROUS_TIMEOUTS) as http:
        yield http


def send_json(url: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Send a request over a plain socket; return the status and the decoded body."""
    host, port = url.removeprefix("http://").split(":")
    data = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: {host}:{port}\r\nconnection: close\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(head.encode() + data)
        with connection.makefile("rb") as answer:
            received = answer.read()
    status_and_headers, _, body_bytes = received.partition(b"\r\n\r\n")
    return int(status_and_headers.split(b" ", 2)[1]), json.loads(body_bytes)


class TestServed:
    def test_whole_and_streamed(self, run: Http, emulator: Emulator) -> None:
        """An answer has the same text whole and streamed, and the emulator records both requests."""
        whole = run(HELLO | text)
        assert run(HELLO | streamed | text | joined) == whole
        assert isinstance(whole, Success)
        path = "/v1beta/models/gemini-2.5-flash"
        assert emulator.requests == (("POST", f"{path}:generateContent"), ("POST", f"{path}:streamGenerateContent"))

    def test_state(self, run: Http, emulator: Emulator) -> None:
        """A resource that one request creates is visible to the next, until a reset."""
        name = run(files.upload(b"a note", {"mime_type": "text/plain"})).unwrap().name
        assert run(files.get(name)).unwrap().size_bytes == 6
        assert [each for each in emulator.state.resources if each == name] == [name]
        emulator.reset()
        assert run(files.get(name) | WITHOUT_RETRY).failure().code in (403, 404)

    def test_concurrent_requests(self, _served_emulator: tuple[Emulator, str]) -> None:
        """Concurrent uploads are served, and each file gets a unique name."""

        async def upload_all() -> list[Any]:
            results: list[Any] = []
            async with AsyncHttp(Gemini(KEY, base_url=_served_emulator[1]), timeouts=GENEROUS_TIMEOUTS) as run:

                async def upload(number: int) -> None:
                    results.append(await run(files.upload(b"%d" % number, {"mime_type": "text/plain"})))

                async with anyio.create_task_group() as tasks:
                    for number in range(20):
                        tasks.start_soon(upload, number)
            return results

        assert len({each.unwrap().name for each in anyio.run(upload_all)}) == 20

    def test_keys(self) -> None:
        """A wrong key is refused with the error of the real API."""
        with serve_emulator(Emulator(EmulatorState(api_keys=("test-key-1",)))) as url:
            for key, outcome in (("test-key-1", Success), ("test-key-2", Failure)):
                with Http(Gemini(key, base_url=url), timeouts=GENEROUS_TIMEOUTS) as run:
                    result = run(HELLO | WITHOUT_RETRY)
                assert isinstance(result, outcome)
        assert result.failure().message == "API key not valid. Please pass a valid API key."

    def test_clock(self) -> None:
        """Creation times come from the clock of the emulator."""
        moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        with (
            serve_emulator(Emulator(clock=lambda: moment)) as url,
            Http(Gemini(KEY, base_url=url), timeouts=GENEROUS_TIMEOUTS) as run,
        ):
            assert run(files.upload(b"a", {"mime_type": "text/plain"})).unwrap().create_time == moment

    def test_tls(self, tmp_path: Any) -> None:
        """With a certificate the emulator serves TLS, and the URIs in its responses are https."""
        authority, chain = trustme.CA(), tmp_path / "chain.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(chain))
        with serve_emulator(Emulator(), certfile=str(chain)) as url:
            assert url.startswith("https://127.0.0.1:")
            trust = _trust(authority)
            with Http(Gemini(KEY, base_url=url), timeouts=GENEROUS_TIMEOUTS, ssl_context=trust) as run:
                assert run(files.upload(b"a", {"mime_type": "text/plain"})).unwrap().uri.startswith(url)

    def test_internal_error(self, run: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        """An exception inside the emulator becomes an error 500 that names it."""

        def fail(*args: object) -> Any:
            raise RuntimeError("oh")

        monkeypatch.setattr("genai_fn.testing.server.asgi.run_exchange", fail)
        error = run(HELLO | WITHOUT_RETRY).failure()
        assert (error.code, error.message) == (500, "Internal error of the emulator: RuntimeError('oh')")


def _trust(authority: trustme.CA) -> Any:
    import ssl

    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


class TestInjectedFaults:
    @pytest.mark.parametrize(
        ("header", "is_expected"),
        [
            ("status=429; retry=1.5", lambda error: isinstance(error, RateLimited) and error.retry_after == 1.5),
            ("status=503", lambda error: isinstance(error, APIError) and error.status == "UNAVAILABLE"),
            ("status=418", lambda error: isinstance(error, APIError) and error.code == 418),
            ("cut=20", lambda error: isinstance(error, Disconnected)),
            ("cut=0", lambda error: isinstance(error, Disconnected)),
            ("malformed", lambda error: isinstance(error, DecodeError)),
            ("status=500;malformed", lambda error: isinstance(error, APIError) and error.code == 500),
        ],
    )
    @pytest.mark.parametrize("shape", [HELLO, HELLO | streamed | collected], ids=["whole", "streamed"])
    def test_header(self, run: Http, header: str, is_expected: Any, shape: Any) -> None:
        """A header injects a fault into its own request only."""
        outcome = run(shape | WITHOUT_RETRY | with_options(headers={"x-emulate": header}))
        error = outcome.failure()
        assert is_expected(error), error
        assert isinstance(run(HELLO), Success)

    def test_script(self, run: Http, emulator: Emulator) -> None:
        """`fail` injects faults into the next requests of a path; a retried call then succeeds."""
        emulator.fail(status=503, retry=0, path=":generateContent", times=2)
        emulator.fail(status=500, path="/files", times=1)
        assert isinstance(run(HELLO), Success)
        assert [path.rpartition(":")[2] for _, path in emulator.requests] == ["generateContent"] * 3
        assert isinstance(run(files.list() | WITHOUT_RETRY).failure(), APIError)
        assert isinstance(run(files.list() | WITHOUT_RETRY), Success)

    def test_initial_faults(self) -> None:
        """Faults given to the constructor are restored by each reset."""
        emulator = Emulator(faults=[InjectedFault(status=503)])
        with serve_emulator(emulator) as url, Http(Gemini(KEY, base_url=url), timeouts=GENEROUS_TIMEOUTS) as run:
            first = [type(run(HELLO | WITHOUT_RETRY)) for _ in range(2)]
            emulator.reset()
            second = [type(run(HELLO | WITHOUT_RETRY)) for _ in range(2)]
        assert first == second == [Failure, Success]

    def test_delay(self, run: Http, emulator: Emulator) -> None:
        """A response can be delayed; a client with a shorter deadline gives up."""
        emulator.fail(delay=0.02)
        assert isinstance(run(HELLO), Success)
        emulator.fail(delay=60)
        assert isinstance(run(HELLO | with_options(deadline=0.05)), Failure)

    def test_request_is_served(self, run: Http, emulator: Emulator) -> None:
        """A request with a corrupted response has its effect; one answered by an injected error does not."""
        emulator.fail(malformed=True)
        assert isinstance(
            run(caches.create("gemini-2.5-flash", {"contents": "a story"}) | WITHOUT_RETRY).failure(), DecodeError
        )
        assert len(emulator.state.resources) == 1
        emulator.fail(status=503)
        assert isinstance(
            run(caches.create("gemini-2.5-flash", {"contents": "a story"}) | WITHOUT_RETRY).failure(), APIError
        )
        assert len(emulator.state.resources) == 1

    @pytest.mark.parametrize(
        "header",
        [
            "status=200",
            "stat=1",
            "delay=-1",
            "delay=soon",
            "cut=-1",
            "retry=1",
            "",
            ";",
            "times=2;malformed",
            "cut=1;cut=2",
        ],
    )
    def test_invalid_header(self, run: Http, header: str) -> None:
        """An invalid header is refused, and the error shows a valid one."""
        error = run(HELLO | WITHOUT_RETRY | with_options(headers={"x-emulate": header})).failure()
        assert isinstance(error, APIError)
        assert (error.code, "status=429" in error.message) == (400, True)

    def test_invalid_parameters(self, emulator: Emulator) -> None:
        """Invalid parameters of `fail` raise InvalidRequest."""
        for mistake in ({"status": 200}, {"retry": 1.0}, {}, {"times": 0, "status": 503}, {"cut": -1}):
            with pytest.raises(InvalidRequest):
                emulator.fail(**mistake)  # type: ignore[arg-type]  # the mistake

    def test_openai_path(self, _served_emulator: tuple[Emulator, str], emulator: Emulator) -> None:
        """On the path for clients of OpenAI's API, an injected error stands in a list, as the service's own errors."""
        emulator.fail(status=429, retry=1.5, path="/openai/models")
        status, (item,) = send_json(_served_emulator[1], "GET", "/v1beta/openai/models")
        assert (status, item["error"]["code"]) == (429, 429)

    def test_control_requests(self, _served_emulator: tuple[Emulator, str], run: Http) -> None:
        """HTTP requests can inject faults, list the requests received, and reset the emulator."""
        url = _served_emulator[1]
        assert send_json(url, "POST", "/emulator/fail", {"status": 429, "retry": 0.5}) == (200, {})
        assert send_json(url, "GET", "/emulator") == (200, {**IDLE, "faults": [{"status": 429, "retry": 0.5}]})
        assert isinstance(run(HELLO | WITHOUT_RETRY).failure(), RateLimited)
        path = "/v1beta/models/gemini-2.5-flash:generateContent"
        assert send_json(url, "GET", "/emulator") == (200, {**IDLE, "requests": [["POST", path]]})
        assert send_json(url, "POST", "/emulator/reset") == (200, {})
        assert send_json(url, "GET", "/emulator") == (200, IDLE)

    @pytest.mark.parametrize(
        ("method", "path", "body", "status"),
        [
            ("POST", "/emulator/fail", {"status": 200}, 400),
            ("POST", "/emulator/fail", [1], 400),
            ("POST", "/emulator/fail", None, 400),
            ("PUT", "/emulator", None, 404),
            ("GET", "/emulator/moods", None, 404),
        ],
    )
    def test_invalid_control_requests(
        self, _served_emulator: tuple[Emulator, str], method: str, path: str, body: Any, status: int
    ) -> None:
        """An invalid control request gets an error in the format of the API."""
        code, answer = send_json(_served_emulator[1], method, path, body)
        assert (code, answer["error"]["code"]) == (status, status)


class TestPlans:
    """`ResponsePlan`: the chunks to send, computed without I/O."""

    EVENTS = HttpResponse(200, (("content-type", "text/event-stream"),), b"data: {}\r\n\r\ndata: [1]\r\n\r\n")
    RESPONSE = HttpResponse(200, (("content-type", "application/json"),), b'{"a": 1}')

    @pytest.mark.parametrize(
        ("response", "fault", "chunks", "is_complete"),
        [
            (RESPONSE, InjectedFault(), (b'{"a": 1}',), True),
            (RESPONSE, InjectedFault(cut=3), (b'{"a',), False),
            (RESPONSE, InjectedFault(cut=0), (), False),
            (RESPONSE, InjectedFault(cut=100), (b'{"a": 1}',), True),
            (RESPONSE, InjectedFault(malformed=True), (b'{"a"',), True),
            (HttpResponse(200, (), b"{}"), InjectedFault(malformed=True), (b"{",), True),
            (HttpResponse(200), InjectedFault(malformed=True), (b"{",), True),
            (HttpResponse(200), InjectedFault(), (b"",), True),
            (EVENTS, InjectedFault(), (b"data: {}\r\n\r\n", b"data: [1]\r\n\r\n"), True),
            (EVENTS, InjectedFault(cut=14), (b"data: {}\r\n\r\n", b"da"), False),
            (EVENTS, InjectedFault(malformed=True), (b"data\r\n\r\n",), True),
        ],
    )
    def test_chunks(self, response: HttpResponse, fault: InjectedFault, chunks: Any, is_complete: bool) -> None:
        """Each event is a chunk, any other body is one; `cut` limits the bytes; `malformed` completes the response."""
        plan = plan_response(response, fault)
        assert (plan.chunks, plan.is_complete) == (chunks, is_complete)

    def test_next(self) -> None:
        """The first fault that matches the path is taken, `times` times; the others stay."""
        files_twice, anything = InjectedFault(status=500, path="/files", times=2), InjectedFault(status=503)
        fault, remaining = take_injected_fault((files_twice, anything), "/v1beta/files/a")
        assert (fault, remaining) == (files_twice, (InjectedFault(status=500, path="/files"), anything))
        assert take_injected_fault(remaining, "/v1beta/models") == (anything, remaining[:1])
        assert take_injected_fault(remaining[:1], "/v1beta/models") == (InjectedFault(), remaining[:1])

    @given(
        strategies.binary() | strategies.lists(strategies.sampled_from([b"data: 1", b"\r\n", b"\n\n"])).map(b"".join)
    )
    @settings(max_examples=50, deadline=None)
    def test_nothing_is_lost(self, body: bytes) -> None:
        """Without a fault the chunks add up to the body; with `cut`, to its first bytes."""
        response = HttpResponse(200, self.EVENTS.headers, body)
        assert b"".join(plan_response(response).chunks) == body
        assert b"".join(plan_response(response, InjectedFault(cut=5)).chunks) == body[:5]

    @given(
        strategies.text()
        | strategies.lists(
            strategies.sampled_from(["status", "delay", "cut", "=", ";", "1", "429", ".", "e", "-"])
        ).map("".join)
    )
    @settings(max_examples=50, deadline=None)
    def test_any_header(self, header: str) -> None:
        """Any header is either parsed or refused with InvalidRequest."""
        try:
            parse_injected_fault(header)
        except InvalidRequest as error:
            assert "status=429" in error.expected

    def test_every_status(self) -> None:
        """Every status from 400 to 599 produces an error in the format of the API."""
        for code in range(400, 600):
            response = build_error_response(parse_injected_fault({"status": code}))
            assert response is not None
            error = json.loads(response.body)["error"]
            assert (response.status, error["code"], bool(error["status"] and error["message"])) == (code, code, True)
        assert build_error_response(InjectedFault(delay=1.0)) is None


class TestShutdown:
    def test_ends(self) -> None:
        """The server stops at the end of the block, even with a delayed response pending, and frees its port."""
        emulator, threads = Emulator(faults=[InjectedFault(delay=60)]), threading.enumerate()
        with serve_emulator(emulator) as url:
            host, port = url.removeprefix("http://").split(":")
            waiting = socket.create_connection((host, int(port)), timeout=60)
            waiting.sendall(b"GET /v1beta/models HTTP/1.1\r\nhost: localhost\r\n\r\n")
            while not emulator.requests:
                time.sleep(0.001)
        with waiting:
            assert waiting.recv(64)[:12] in (b"HTTP/1.1 500", b"")
        assert [each for each in threading.enumerate() if each not in threads] == []
        with open_listener("127.0.0.1", int(port)) as listener:
            assert build_url(listener, is_secure=False) == url

    def test_port_in_use(self) -> None:
        """A port in use raises OSError at once."""
        with open_listener("127.0.0.1", 0) as listener:
            with pytest.raises(OSError, match="in use"):
                with serve_emulator(Emulator(), port=listener.getsockname()[1]):
                    raise AssertionError("never")

    def test_ipv6(self) -> None:
        """An IPv6 address is written in brackets."""
        try:
            with open_listener("::1", 0) as listener:
                assert build_url(listener, is_secure=True) == f"https://[::1]:{listener.getsockname()[1]}"
        except OSError:
            pytest.skip("no IPv6 here")


class TestWithoutSockets:
    """The ASGI application, called without a server."""

    def test_lifespan(self) -> None:
        """Lifespan events are confirmed."""
        assert _serve_scope({"type": "lifespan"}, [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]) == [
            {"type": "lifespan.startup.complete"},
            {"type": "lifespan.shutdown.complete"},
        ]

    def test_body_in_chunks(self) -> None:
        """A request body may arrive in several messages."""
        body = b'{"contents": [{"parts": [{"text": "Why?"}]}]}'
        messages = [
            {"type": "http.request", "body": body[:9], "more_body": True},
            {"type": "http.request", "body": body[9:]},
        ]
        head, *body_messages = _serve_scope(_scope("POST", "/v1beta/models/m:generateContent"), messages)
        received_body = b"".join(each["body"] for each in body_messages)
        assert (head["status"], body_messages[-1]["more_body"], b"Why?" in received_body) == (200, False, True)
        assert dict(head["headers"])[b"content-length"] == b"%d" % len(received_body)

    def test_disconnect_during_delay(self) -> None:
        """A disconnect ends the wait for a delayed response."""
        emulator = Emulator(faults=[InjectedFault(delay=60)])
        messages = [{"type": "http.request"}, {"type": "http.disconnect"}]
        assert _serve_scope(_scope("GET", "/v1beta/models"), messages, emulator) == []

    def test_disconnect(self) -> None:
        """A disconnect in the middle of a request body ends the request without a response."""
        messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
        assert _serve_scope(_scope("POST", "/v1beta/models/m:generateContent"), messages) == []


def _scope(method: str, path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [],
        "scheme": "http",
        "server": ("127.0.0.1", 1),
    }


def _serve_scope(scope: dict[str, Any], messages: list[dict[str, Any]], emulator: Emulator | None = None) -> list[Any]:
    """Let an application serve one scope; return the messages that it sent."""
    received, sent = iter(messages), []

    async def receive() -> Any:
        return next(received)

    async def send(message: Any) -> None:
        sent.append(message)

    async def serve() -> None:
        with anyio.fail_after(60):
            await (emulator or Emulator())(scope, receive, send)

    anyio.run(serve)
    return sent


@pytest.mark.parametrize("port", [-1, 65_536, 70_000])
def test_port_out_of_range(port: int) -> None:
    """A port that does not exist is refused, instead of serving on another one."""
    with pytest.raises(InvalidRequest, match="port"), serve_emulator(Emulator(), port=port):
        pass


def test_one_allowed_host() -> None:
    """A text in place of a list of hosts is refused, as its characters would be names."""
    with pytest.raises(InvalidRequest, match="allowed_hosts"):
        Emulator(allowed_hosts="example.com")
