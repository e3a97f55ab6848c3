"""Scripts over sockets: with a plain HTTP client, with google-genai and with this library."""

import json
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import httpcore
import pytest
from google.genai import Client, errors, types

from genai_fn import Gemini, Http, InvalidRequest, Offline, calling, generate, text
from genai_fn.http import HttpRequest
from genai_fn.testing import Emulator, ScriptedRequest, serve_emulator
from genai_fn.testing.server.request_log import RequestLog

PATH = "/v1beta/models/gemini-2.5-flash:generateContent"
STREAM_PATH = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}},
}
HI = {"role": "user", "parts": [{"text": "How is the weather in Oslo?"}]}
BODY: dict[str, Any] = {"contents": [HI], "tools": [{"functionDeclarations": [WEATHER]}]}
AGENT = {
    "steps": [
        {"calls": [{"name": "get_weather", "args": {"city": "Oslo"}}], "usage": {"promptTokenCount": 50}},
        {"error": {"status": 503}},
        {"when": {"function_response": "get_weather"}, "text": ["It ", "rains ", "in Oslo."]},
    ]
}


@pytest.fixture(scope="module")
def _emulator_and_url() -> Iterator[tuple[Emulator, str]]:
    emulator = Emulator()
    with serve_emulator(emulator) as url:
        yield emulator, url


@pytest.fixture
def emulator(_emulator_and_url: tuple[Emulator, str]) -> Emulator:
    _emulator_and_url[0].reset()
    return _emulator_and_url[0]


@pytest.fixture
def url(_emulator_and_url: tuple[Emulator, str]) -> str:
    return _emulator_and_url[1]


def send(url: str, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
    """Send a request with the HTTP client of the standard library."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=60)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), {"x-goog-api-key": "any"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_plain_client(emulator: Emulator, url: str) -> None:
    """An agent in any language: a script by POST, a call in mode AUTO, an error, then a streamed answer."""
    assert send(url, "POST", "/emulator/script", AGENT)[0] == 200
    status, called = send(url, "POST", PATH, BODY)
    answer = json.loads(called)
    turn = answer["candidates"][0]["content"]
    assert (status, turn["parts"][0]["functionCall"]["args"]) == (200, {"city": "Oslo"})
    assert answer["usageMetadata"]["promptTokenCount"] == 50
    response = {"functionResponse": {"name": "get_weather", "response": {"sky": "rain"}}}
    second = {**BODY, "contents": [HI, turn, {"role": "user", "parts": [response]}]}
    assert send(url, "POST", STREAM_PATH, second)[0] == 503
    events = send(url, "POST", STREAM_PATH, second)[1].strip().split(b"\r\n\r\n")
    chunks = [json.loads(each.removeprefix(b"data: ")) for each in events]
    assert [each["candidates"][0]["content"]["parts"][0]["text"] for each in chunks] == ["It ", "rains ", "in Oslo."]
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
    received = json.loads(send(url, "GET", "/emulator/requests")[1])["requests"]
    assert [(each["status"], each["steps"]) for each in received] == [(200, [1]), (503, [2]), (200, [3])]
    assert received[2]["body"] == second
    assert json.loads(send(url, "GET", "/emulator")[1])["remainingSteps"] == []


def test_google_genai(emulator: Emulator, url: str) -> None:
    """The official SDK calls the function of an agent by itself, retries the error, and reads the chunks."""

    def get_weather(city: str) -> str:
        """Return the weather of a city."""
        cities.append(city)
        return "rain"

    cities: list[str] = []
    emulator.load_script(AGENT)
    retry = types.HttpRetryOptions(attempts=2, initial_delay=0.001, max_delay=0.001)
    with Client(api_key="any", http_options=types.HttpOptions(base_url=url, retry_options=retry)) as client:
        config = types.GenerateContentConfig(tools=[get_weather])
        response = client.models.generate_content(model="gemini-2.5-flash", contents="Oslo?", config=config)
        assert (response.text, cities, emulator.remaining_steps) == ("It rains in Oslo.", ["Oslo"], ())
        assert [each.status for each in emulator.received] == [200, 503, 200]
        emulator.load_script([{"text": ["a", "b", "c"], "usage": {"totalTokenCount": 7}}])
        chunks = list(client.models.generate_content_stream(model="gemini-2.5-flash", contents="hi"))
        assert [each.text for each in chunks] == ["a", "b", "c"]
        assert chunks[-1].usage_metadata is not None
        assert chunks[-1].usage_metadata.total_token_count == 7
        with pytest.raises(errors.ClientError, match="its 1 step\\(s\\) are used"):
            client.models.generate_content(model="gemini-2.5-flash", contents="hi")


@pytest.mark.parametrize("kind", ["served", "offline"])
def test_own_interpreters(emulator: Emulator, url: str, kind: str) -> None:
    """The same script answers `Http` over a socket, and `Offline` without one."""

    def get_weather(city: str) -> str:
        """Return the weather of a city."""
        return "rain"

    emulator.load_script(AGENT)
    question = generate("gemini-2.5-flash", "Oslo?") | calling(get_weather) | text
    with Http(Gemini("any", base_url=url)) if kind == "served" else Offline(script=AGENT) as run:
        assert run(question).unwrap() == "It rains in Oslo."


class TestDelivery:
    def test_broken_stream(self, emulator: Emulator, url: str) -> None:
        """A step can drop the connection after its chunks; a client that waits for the end sees it."""
        emulator.load_script([{"text": ["It ", "rai"], "drop": True}])
        seen = b""
        with httpcore.ConnectionPool() as pool:
            with pytest.raises(httpcore.RemoteProtocolError):
                with pool.stream("POST", f"{url}{STREAM_PATH}", content=json.dumps(BODY).encode()) as response:
                    for chunk in response.iter_stream():
                        seen += chunk
        assert (seen.count(b"data: "), b"finishReason" in seen) == (2, False)

    def test_broken_body(self, emulator: Emulator, url: str) -> None:
        """Otherwise, the connection is dropped within the body."""
        emulator.load_script([{"text": "It rains.", "drop": True}])
        with pytest.raises(HTTPException):
            send(url, "POST", PATH, BODY)

    def test_delays(self, emulator: Emulator, url: str) -> None:
        """A delay and pauses leave the answer as it is."""
        emulator.load_script([{"text": ["a", "b"], "delay": 0.001, "pause": 0.001}])
        assert send(url, "POST", STREAM_PATH, BODY)[1].count(b"data: ") == 2

    def test_client_leaves(self, emulator: Emulator, url: str) -> None:
        """A client that does not wait for a delay leaves the emulator free for others."""
        has_received = threading.Event()

        def answer(request: ScriptedRequest) -> Any:
            has_received.set()
            return {"text": "late", "delay": 3600} if request.number == 1 else "soon"

        emulator.load_script(answer)
        connection = HTTPConnection(url.removeprefix("http://"), timeout=60)
        connection.request("POST", PATH, json.dumps(BODY))
        assert has_received.wait(60)
        connection.close()
        assert b"soon" in send(url, "POST", PATH, BODY)[1]


class TestControl:
    def test_refused(self, emulator: Emulator, url: str) -> None:
        """A script that does not fit is a 400 that names the place, and the script before it stays."""
        emulator.load_script([{"text": "one"}])
        bodies: tuple[Any, ...] = ({"steps": [{"texts": "hi"}]}, [], "x", None)
        for body in bodies:
            assert send(url, "POST", "/emulator/script", body)[0] == 400
        status, answer = send(url, "POST", "/emulator/script", [{"text": "one"}, {"error": {"status": 99}}])
        message = "script.steps[1].error.status: expected `int` >= 400, got 99"
        assert (status, json.loads(answer)["error"]["message"]) == (400, message)
        assert emulator.remaining_steps == (1,)

    def test_removed(self, emulator: Emulator, url: str) -> None:
        """A script can be removed by a request, and by a reset, which restores the initial one."""
        emulator.load_script([{"text": "one"}])
        assert send(url, "DELETE", "/emulator/script")[0] == 200
        assert b"I am an offline" in send(url, "POST", PATH, BODY)[1]
        initial = Emulator(script=[{"text": "one"}])
        initial.load_script([{"text": "a"}, {"text": "b"}])
        assert initial.remaining_steps == (1, 2)
        initial.reset()
        assert initial.remaining_steps == (1,)

    def test_schema(self, emulator: Emulator, url: str) -> None:
        """The JSON Schema of scripts is served."""
        status, schema = send(url, "GET", "/emulator/script/schema")
        assert (status, json.loads(schema)["title"]) == (200, "EmulatorScript")

    @pytest.mark.parametrize(("method", "path"), [("GET", "/emulator/script"), ("POST", "/emulator/scripts")])
    def test_unknown(self, emulator: Emulator, url: str, method: str, path: str) -> None:
        """Another control path is a 404 that lists the right ones."""
        status, answer = send(url, method, path, {})
        assert (status, b"DELETE /emulator/script" in answer) == (404, True)


class TestSources:
    def test_file(self, tmp_path: Path) -> None:
        """A script can be a JSON file; one that does not fit, or is missing, is refused at once."""
        path = tmp_path / "script.json"
        path.write_text(json.dumps(AGENT))
        assert Emulator(script=path).remaining_steps == (1, 2, 3)
        path.write_text("[{}]")
        with pytest.raises(InvalidRequest, match=r"script\.steps\[0\]"):
            Emulator(script=path)
        with pytest.raises(InvalidRequest, match=r"script\.steps\[0\]"):
            Offline(script=path)
        with pytest.raises(FileNotFoundError):
            Emulator(script=tmp_path / "none.json")

    def test_function(self, emulator: Emulator, url: str) -> None:
        """A function answers, and may look at the emulator; one that raises is a 500 and leaves the server alive."""
        emulator.load_script(lambda request: f"{request.number} after {len(emulator.requests)}")
        assert b"1 after 0" in send(url, "POST", PATH, BODY)[1]
        assert b"2 after 1" in send(url, "POST", PATH, BODY)[1]
        emulator.load_script(lambda request: 1 // 0)
        assert send(url, "POST", PATH, BODY)[0] == 500


def read_text(answer: tuple[int, bytes]) -> str:
    """Return the text of a whole response."""
    text: str = json.loads(answer[1])["candidates"][0]["content"]["parts"][0]["text"]
    return text


class TestFunctions:
    def test_requests_of_a_function(self, emulator: Emulator, url: str) -> None:
        """A function may send requests to the emulator that calls it, and gets their answers."""
        emulator.load_script(
            lambda request: "inner" if request.number > 1 else f"outer, {read_text(send(url, 'POST', PATH, BODY))}"
        )
        assert read_text(send(url, "POST", PATH, BODY)) == "outer, inner"
        assert emulator.requests == (("POST", PATH.partition("?")[0]),) * 2

    def test_script_of_a_function(self, emulator: Emulator, url: str) -> None:
        """A function may load another script, which answers the next request."""

        def answer(request: ScriptedRequest) -> str:
            emulator.load_script([{"text": "second"}])
            return "first"

        emulator.load_script(answer)
        assert [read_text(send(url, "POST", PATH, BODY)) for _ in range(2)] == ["first", "second"]

    def test_others_do_not_wait(self, emulator: Emulator, url: str) -> None:
        """While a function runs, the emulator answers other requests, and the test can look at it."""
        is_called, may_return = threading.Event(), threading.Event()

        def answer(request: ScriptedRequest) -> str:
            if request.number > 1:
                return "other"
            is_called.set()
            return "late" if may_return.wait(60) else "too late"

        emulator.load_script(answer)
        with ThreadPoolExecutor(1) as pool:
            late = pool.submit(send, url, "POST", PATH, BODY)
            assert is_called.wait(60)
            assert read_text(send(url, "POST", PATH, BODY)) == "other"
            assert len(emulator.received) == 1
            may_return.set()
            assert read_text(late.result(60)) == "late"

    def test_failed_test(self, emulator: Emulator, url: str) -> None:
        """A function that fails the test or exits is a 500 with the reason, and the server goes on."""
        for reason, end in (("SystemExit", lambda _: sys.exit(1)), ("no", lambda _: pytest.fail("no"))):
            emulator.load_script(end)
            status, answer = send(url, "POST", PATH, BODY)
            assert (status, f"on request 1: it raised {reason}" in answer.decode()) == (500, True)
        emulator.load_script([{"text": "alive"}])
        assert read_text(send(url, "POST", PATH, BODY)) == "alive"


@pytest.mark.parametrize("is_function", [False, True])
def test_several_clients(emulator: Emulator, url: str, is_function: bool) -> None:
    """Requests at once take each step, and each number of a function, once."""
    texts = [f"answer {number}" for number in range(1, 51)]
    script: Any = (lambda request: f"answer {request.number}") if is_function else [{"text": each} for each in texts]
    emulator.load_script(script)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: read_text(send(url, "POST", PATH, BODY)), texts))
    assert sorted(answers) == sorted(texts)
    assert is_function or [each.steps for each in emulator.received] == [(number,) for number in range(1, 51)]


@pytest.mark.parametrize("header", [{"host": "example.com"}, {"origin": "https://example.com"}], ids=["host", "origin"])
@pytest.mark.parametrize(("method", "path"), [("POST", "script"), ("DELETE", "script"), ("GET", "requests")])
def test_web_pages(emulator: Emulator, url: str, method: str, path: str, header: dict[str, str]) -> None:
    """A web page can neither load or remove a script, nor read the requests."""
    emulator.load_script([{"text": "one"}])
    connection = HTTPConnection(url.removeprefix("http://"), timeout=60)
    connection.request(method, f"/emulator/{path}", b'[{"text": "a"}, {"text": "b"}]', header)
    assert connection.getresponse().status == 403
    connection.close()
    assert emulator.remaining_steps == (1,)


def test_no_keys(emulator: Emulator, url: str) -> None:
    """Requests are remembered without the key, which stands in a header or the query."""
    send(url, "POST", f"{PATH}?key=any-key-in-the-query", BODY)
    (received,) = emulator.received
    assert "any" not in repr(received)


class TestLog:
    def test_limits(self) -> None:
        """The log keeps the last 10,000 requests, and forgets the oldest bodies when all of them are too large."""
        log = RequestLog()
        body = json.dumps("x" * (4 * 1024 * 1024 - 10)).encode()
        for number in range(20):
            log.append(HttpRequest("POST", "http://h/", (), body), f"/{number}")
        kept = [each.body is not None for each in log.list_requests()]
        assert (kept[0], kept[-1], sum(kept) < 17) == (False, True, True)
        log.append(HttpRequest("POST", "http://h/", (), body + b" " * 9), "/large")
        log.append(HttpRequest("POST", "http://h/", (), b"{"), "/broken")
        assert [each.body for each in log.list_requests()[-2:]] == [None, None]
        for number in range(10_001):
            log.append(HttpRequest("GET", "http://h/", (), b""), f"/{number}")
        assert (len(log.list_paths()), log.list_paths()[0]) == (10_000, ("GET", "/1"))
