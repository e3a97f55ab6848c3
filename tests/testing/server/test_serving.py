"""The emulator over sockets: what is served as it is, what goes wrong on request, and how it ends."""

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
ONCE = with_options(retry=Retry(attempts=1))
BOUNDED = Timeouts(connect=60, idle=60, total=120)


@pytest.fixture(scope="module")
def _served() -> Iterator[tuple[Emulator, str]]:
    emulator = Emulator()
    with serve_emulator(emulator) as url:
        yield emulator, url


@pytest.fixture
def emulator(_served: tuple[Emulator, str]) -> Emulator:
    _served[0].reset()
    return _served[0]


@pytest.fixture
def run(_served: tuple[Emulator, str], emulator: Emulator) -> Iterator[Http]:
    with Http(Gemini(KEY, base_url=_served[1]), timeouts=BOUNDED) as http:
        yield http


def asked(url: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Ask without any client of the API."""
    host, port = url.removeprefix("http://").split(":")
    sent = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: {host}:{port}\r\nconnection: close\r\ncontent-length: {len(sent)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(head.encode() + sent)
        with connection.makefile("rb") as answer:
            said = answer.read()
    top, _, rest = said.partition(b"\r\n\r\n")
    return int(top.split(b" ", 2)[1]), json.loads(rest)


class TestServed:
    def test_whole_and_streamed(self, run: Http, emulator: Emulator) -> None:
        """An answer is the same whole and streamed, and the emulator knows what it was asked."""
        whole = run(HELLO | text)
        assert run(HELLO | streamed | text | joined) == whole
        assert isinstance(whole, Success)
        path = "/v1beta/models/gemini-2.5-flash"
        assert emulator.requests == (("POST", f"{path}:generateContent"), ("POST", f"{path}:streamGenerateContent"))

    def test_remembers(self, run: Http, emulator: Emulator) -> None:
        """What one request makes another finds, until all begins anew."""
        name = run(files.upload(b"a note", {"mime_type": "text/plain"})).unwrap().name
        assert run(files.get(name)).unwrap().size_bytes == 6
        assert [each for each in emulator.state.resources if each == name] == [name]
        emulator.reset()
        assert run(files.get(name) | ONCE).failure().code in (403, 404)

    def test_at_once(self, _served: tuple[Emulator, str]) -> None:
        """Many who ask at once are served, and each upload has a name of its own."""

        async def together() -> list[Any]:
            found: list[Any] = []
            async with AsyncHttp(Gemini(KEY, base_url=_served[1]), timeouts=BOUNDED) as ask:

                async def one(number: int) -> None:
                    found.append(await ask(files.upload(b"%d" % number, {"mime_type": "text/plain"})))

                async with anyio.create_task_group() as tasks:
                    for number in range(20):
                        tasks.start_soon(one, number)
            return found

        assert len({each.unwrap().name for each in anyio.run(together)}) == 20

    def test_keys(self) -> None:
        """Who has none of the keys is told so as the API does."""
        with serve_emulator(Emulator(EmulatorState(api_keys=("test-key-of-mine",)))) as url:
            for key, outcome in (("test-key-of-mine", Success), ("another", Failure)):
                with Http(Gemini(key, base_url=url), timeouts=BOUNDED) as run:
                    result = run(HELLO | ONCE)
                assert isinstance(result, outcome)
        assert result.failure().message == "API key not valid. Please pass a valid API key."

    def test_clock(self) -> None:
        """The time at which things are made is the clock's."""
        moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        with (
            serve_emulator(Emulator(clock=lambda: moment)) as url,
            Http(Gemini(KEY, base_url=url), timeouts=BOUNDED) as run,
        ):
            assert run(files.upload(b"a", {"mime_type": "text/plain"})).unwrap().create_time == moment

    def test_tls(self, tmp_path: Any) -> None:
        """With a certificate it speaks TLS, and hands out addresses that do."""
        authority, chain = trustme.CA(), tmp_path / "chain.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(chain))
        with serve_emulator(Emulator(), certfile=str(chain)) as url:
            assert url.startswith("https://127.0.0.1:")
            trust = _trust(authority)
            with Http(Gemini(KEY, base_url=url), timeouts=BOUNDED, ssl_context=trust) as run:
                assert run(files.upload(b"a", {"mime_type": "text/plain"})).unwrap().uri.startswith(url)

    def test_mistakes_of_its_own(self, run: Http, monkeypatch: pytest.MonkeyPatch) -> None:
        """Should the emulator itself fail, it says how."""

        def broken(*args: object) -> Any:
            raise RuntimeError("oh")

        monkeypatch.setattr("genai_fn.testing.server.asgi.handle_request", broken)
        error = run(HELLO | ONCE).failure()
        assert (error.code, error.message) == (500, "The emulator itself failed: RuntimeError('oh')")


def _trust(authority: trustme.CA) -> Any:
    import ssl

    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


class TestTroubles:
    @pytest.mark.parametrize(
        ("said", "is_such"),
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
    def test_header(self, run: Http, said: str, is_such: Any, shape: Any) -> None:
        """A request says in a header what goes wrong with it, and with no other."""
        outcome = run(shape | ONCE | with_options(headers={"x-emulate": said}))
        error = outcome.failure()
        assert is_such(error), error
        assert isinstance(run(HELLO), Success)

    def test_script(self, run: Http, emulator: Emulator) -> None:
        """A test says what goes wrong with the next requests of a path; what is tried again gets through."""
        emulator.fail(status=503, retry=0, path=":generateContent", times=2)
        emulator.fail(status=500, path="/files", times=1)
        assert isinstance(run(HELLO), Success)
        assert [path.rpartition(":")[2] for _, path in emulator.requests] == ["generateContent"] * 3
        assert isinstance(run(files.list() | ONCE).failure(), APIError)
        assert isinstance(run(files.list() | ONCE), Success)

    def test_from_the_first(self) -> None:
        """An emulator can begin with troubles, and each reset brings them back."""
        emulator = Emulator(faults=[InjectedFault(status=503)])
        with serve_emulator(emulator) as url, Http(Gemini(KEY, base_url=url), timeouts=BOUNDED) as run:
            first = [type(run(HELLO | ONCE)) for _ in range(2)]
            emulator.reset()
            again = [type(run(HELLO | ONCE)) for _ in range(2)]
        assert first == again == [Failure, Success]

    def test_delay(self, run: Http, emulator: Emulator) -> None:
        """An answer is late, and who gives up before is gone."""
        emulator.fail(delay=0.02)
        assert isinstance(run(HELLO), Success)
        emulator.fail(delay=60)
        assert isinstance(run(HELLO | with_options(deadline=0.05)), Failure)

    def test_done_all_the_same(self, run: Http, emulator: Emulator) -> None:
        """A request whose answer is lost was served; one that is refused was not."""
        emulator.fail(malformed=True)
        assert isinstance(run(caches.create("gemini-2.5-flash", {"contents": "a story"}) | ONCE).failure(), DecodeError)
        assert len(emulator.state.resources) == 1
        emulator.fail(status=503)
        assert isinstance(run(caches.create("gemini-2.5-flash", {"contents": "a story"}) | ONCE).failure(), APIError)
        assert len(emulator.state.resources) == 1

    @pytest.mark.parametrize(
        "said",
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
    def test_nonsense(self, run: Http, said: str) -> None:
        """A header that makes no sense is refused, and says what would."""
        error = run(HELLO | ONCE | with_options(headers={"x-emulate": said})).failure()
        assert isinstance(error, APIError)
        assert (error.code, "status=429" in error.message) == (400, True)

    def test_nonsense_in_a_script(self, emulator: Emulator) -> None:
        """So is a call that makes none."""
        for mistake in ({"status": 200}, {"retry": 1.0}, {}, {"times": 0, "status": 503}, {"cut": -1}):
            with pytest.raises(InvalidRequest):
                emulator.fail(**mistake)  # type: ignore[arg-type]  # the mistake

    def test_from_another_process(self, _served: tuple[Emulator, str], run: Http) -> None:
        """Over HTTP, too: what goes wrong, what was asked, and a new beginning."""
        url = _served[1]
        assert asked(url, "POST", "/emulator/fail", {"status": 429, "retry": 0.5}) == (200, {})
        assert asked(url, "GET", "/emulator") == (200, {"requests": [], "faults": [{"status": 429, "retry": 0.5}]})
        assert isinstance(run(HELLO | ONCE).failure(), RateLimited)
        path = "/v1beta/models/gemini-2.5-flash:generateContent"
        assert asked(url, "GET", "/emulator") == (200, {"requests": [["POST", path]], "faults": []})
        assert asked(url, "POST", "/emulator/reset") == (200, {})
        assert asked(url, "GET", "/emulator") == (200, {"requests": [], "faults": []})

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
    def test_nonsense_from_another_process(
        self, _served: tuple[Emulator, str], method: str, path: str, body: Any, status: int
    ) -> None:
        """What makes no sense there is an error in the API's form."""
        code, said = asked(_served[1], method, path, body)
        assert (code, said["error"]["code"]) == (status, status)


class TestPlans:
    """What a server is to do, as a value."""

    EVENTS = HttpResponse(200, (("content-type", "text/event-stream"),), b"data: {}\r\n\r\ndata: [1]\r\n\r\n")
    WHOLE = HttpResponse(200, (("content-type", "application/json"),), b'{"a": 1}')

    @pytest.mark.parametrize(
        ("response", "trouble", "pieces", "is_whole"),
        [
            (WHOLE, InjectedFault(), (b'{"a": 1}',), True),
            (WHOLE, InjectedFault(cut=3), (b'{"a',), False),
            (WHOLE, InjectedFault(cut=0), (), False),
            (WHOLE, InjectedFault(cut=100), (b'{"a": 1}',), True),
            (WHOLE, InjectedFault(malformed=True), (b'{"a"',), True),
            (HttpResponse(200, (), b"{}"), InjectedFault(malformed=True), (b"{",), True),
            (HttpResponse(200), InjectedFault(malformed=True), (b"{",), True),
            (HttpResponse(200), InjectedFault(), (b"",), True),
            (EVENTS, InjectedFault(), (b"data: {}\r\n\r\n", b"data: [1]\r\n\r\n"), True),
            (EVENTS, InjectedFault(cut=14), (b"data: {}\r\n\r\n", b"da"), False),
            (EVENTS, InjectedFault(malformed=True), (b"data\r\n\r\n",), True),
        ],
    )
    def test_pieces(self, response: HttpResponse, trouble: InjectedFault, pieces: Any, is_whole: bool) -> None:
        """Events go one by one and all else at once; cut is after so many bytes; malformed ends well."""
        plan = plan_response(response, trouble)
        assert (plan.chunks, plan.is_complete) == (pieces, is_whole)

    def test_next(self) -> None:
        """The first trouble of a path is taken, as often as it says, and what befalls other paths stays."""
        files_twice, anything = InjectedFault(status=500, path="/files", times=2), InjectedFault(status=503)
        taken, left = take_injected_fault((files_twice, anything), "/v1beta/files/a")
        assert (taken, left) == (files_twice, (InjectedFault(status=500, path="/files"), anything))
        assert take_injected_fault(left, "/v1beta/models") == (anything, left[:1])
        assert take_injected_fault(left[:1], "/v1beta/models") == (InjectedFault(), left[:1])

    @given(
        strategies.binary() | strategies.lists(strategies.sampled_from([b"data: 1", b"\r\n", b"\n\n"])).map(b"".join)
    )
    @settings(max_examples=50, deadline=None)
    def test_nothing_is_lost(self, body: bytes) -> None:
        """Where nothing goes wrong the pieces are the body, whatever it is; cut, they are its beginning."""
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
    def test_any_header(self, said: str) -> None:
        """Any header is a trouble, or is refused."""
        try:
            parse_injected_fault(said)
        except InvalidRequest as error:
            assert "status=429" in error.expected

    def test_every_status(self) -> None:
        """Every status is an error in the API's form."""
        for code in range(400, 600):
            response = build_error_response(parse_injected_fault({"status": code}))
            assert response is not None
            error = json.loads(response.body)["error"]
            assert (response.status, error["code"], bool(error["status"] and error["message"])) == (code, code, True)
        assert build_error_response(InjectedFault(delay=1.0)) is None


class TestEnd:
    def test_ends(self) -> None:
        """A server ends with its block, whoever is kept waiting, and its port is free."""
        emulator, before = Emulator(faults=[InjectedFault(delay=60)]), threading.enumerate()
        with serve_emulator(emulator) as url:
            host, port = url.removeprefix("http://").split(":")
            waiting = socket.create_connection((host, int(port)), timeout=60)
            waiting.sendall(b"GET /v1beta/models HTTP/1.1\r\nhost: x\r\n\r\n")
            while not emulator.requests:
                time.sleep(0.001)
        with waiting:
            assert waiting.recv(64)[:12] in (b"HTTP/1.1 500", b"")
        assert [each for each in threading.enumerate() if each not in before] == []
        with open_listener("127.0.0.1", int(port)) as again:
            assert build_url(again, is_secure=False) == url

    def test_a_port_that_is_taken(self) -> None:
        """A port that is taken is an error at once."""
        with open_listener("127.0.0.1", 0) as heard:
            with pytest.raises(OSError, match="in use"):
                with serve_emulator(Emulator(), port=heard.getsockname()[1]):
                    raise AssertionError("never")

    def test_six(self) -> None:
        """An address of IPv6 is written as addresses are."""
        try:
            with open_listener("::1", 0) as heard:
                assert build_url(heard, is_secure=True) == f"https://[::1]:{heard.getsockname()[1]}"
        except OSError:
            pytest.skip("no IPv6 here")


class TestWithoutSockets:
    """The application alone, as any server of ASGI calls it."""

    def test_lifespan(self) -> None:
        """It comes and goes with its server."""
        assert _told({"type": "lifespan"}, [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]) == [
            {"type": "lifespan.startup.complete"},
            {"type": "lifespan.shutdown.complete"},
        ]

    def test_body_in_pieces(self) -> None:
        """A body may come in pieces."""
        body = b'{"contents": [{"parts": [{"text": "Why?"}]}]}'
        pieces = [
            {"type": "http.request", "body": body[:9], "more_body": True},
            {"type": "http.request", "body": body[9:]},
        ]
        head, *rest = _told(_scope("POST", "/v1beta/models/m:generateContent"), pieces)
        whole = b"".join(each["body"] for each in rest)
        assert (head["status"], rest[-1]["more_body"], b"Why?" in whole) == (200, False, True)
        assert dict(head["headers"])[b"content-length"] == b"%d" % len(whole)

    def test_gone_before_an_answer_that_is_late(self) -> None:
        """Who goes away before an answer that is late does not keep anything waiting."""
        emulator = Emulator(faults=[InjectedFault(delay=60)])
        pieces = [{"type": "http.request"}, {"type": "http.disconnect"}]
        assert _told(_scope("GET", "/v1beta/models"), pieces, emulator) == []

    def test_gone(self) -> None:
        """Who goes away in the midst of a request gets no answer."""
        pieces = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
        assert _told(_scope("POST", "/v1beta/models/m:generateContent"), pieces) == []


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


def _told(scope: dict[str, Any], messages: list[dict[str, Any]], emulator: Emulator | None = None) -> list[Any]:
    """Let an application serve one scope, and say what it sent."""
    waiting, sent = iter(messages), []

    async def receive() -> Any:
        return next(waiting)

    async def send(message: Any) -> None:
        sent.append(message)

    async def bounded() -> None:
        with anyio.fail_after(60):
            await (emulator or Emulator())(scope, receive, send)

    anyio.run(bounded)
    return sent
