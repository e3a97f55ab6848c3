"""Requests of web pages, and requests for other hosts, do not reach the emulator."""

from typing import Any

import anyio
import msgspec
import pytest

from genai_fn.emulator import EmulatorState
from genai_fn.testing import Emulator
from genai_fn.testing.server.browser_checks import find_refusal

Headers = dict[str, str]

ACCEPTED: list[Headers] = [
    {},
    *[{"host": host} for host in ("127.0.0.1:8080", "localhost", "LOCALHOST:1", "api.localhost:80", "[::1]:8080")],
    *[{"host": host} for host in ("192.168.1.7:80", "0.0.0.0:80", "localhost.:80", "emulator:8080", "Emulator")],
    {"host": "127.0.0.1:8080", "origin": "http://127.0.0.1:8080"},
    {"host": "192.168.1.7:8080", "origin": "http://192.168.1.7:8080"},
    {"host": "localhost:8080", "origin": "http://localhost:3000", "sec-fetch-site": "same-site"},
    {"host": "localhost:8080", "origin": "http://[::1]:3000", "sec-fetch-site": "cross-site"},
    {"host": "localhost:8080", "origin": "http://emulator:3000"},
    {"host": "localhost:8080", "sec-fetch-site": "none"},
]

REFUSED: list[Headers] = [
    *[
        {"host": host}
        for host in ("evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example")
    ],
    *[{"host": host} for host in ("", "[::1", "x@evil.example", "notlocalhost", "2130706433.evil.example", "xn--0")],
    {"host": "evil.example:8080", "origin": "http://evil.example:8080"},
    *[
        {"host": "127.0.0.1:8080", "origin": origin}
        for origin in ("https://evil.example", "null", "", "http://203.0.113.5", "http://[::1", "file://", "http://a b")
    ],
    {"host": "127.0.0.1:8080", "sec-fetch-site": "cross-site"},
]


@pytest.mark.parametrize("headers", ACCEPTED, ids=str)
def test_accepted(headers: Headers) -> None:
    """Programs, and pages of this machine, may use it by an address, by ``localhost``, and by an allowed name."""
    assert find_refusal(tuple(headers.items()), ["Emulator"]) is None


@pytest.mark.parametrize("headers", REFUSED, ids=str)
def test_refused(headers: Headers) -> None:
    """A name that a page's owner can choose is no host, and a page elsewhere is no origin."""
    assert find_refusal(tuple(headers.items()), ["emulator"]) is not None


def send(emulator: Emulator, method: str, path: str, headers: Headers, body: bytes = b"", kind: str = "http") -> Any:
    """Let an emulator serve a request; return the status, and the decoded body of an error."""
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "scheme": "http",
        "server": ("127.0.0.1", 1),
    }
    sent: list[Any] = []
    messages = iter([{"type": f"{kind}.request" if kind == "http" else "websocket.connect", "body": body}])

    async def receive() -> Any:
        return next(messages)

    async def collect(message: Any) -> None:
        sent.append(message)

    anyio.run(emulator, scope, receive, collect)
    data = b"".join(each.get("body", b"") for each in sent)
    return sent[0]["status"], msgspec.json.decode(data) if sent[0]["status"] >= 400 else None


PAGE = {"host": "127.0.0.1:8080", "origin": "https://evil.example"}
REBOUND = {"host": "evil.example:8080"}


@pytest.mark.parametrize("headers", [PAGE, REBOUND], ids=["page", "rebinding"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/emulator/reset"), ("POST", "/emulator/fail"), ("GET", "/emulator"), ("DELETE", "/v1beta/files/a")],
)
def test_nothing_happens(headers: Headers, method: str, path: str) -> None:
    """A page elsewhere cannot reset the emulator, inject a fault, read the requests or use the API."""
    emulator = Emulator()
    assert send(emulator, "GET", "/v1beta/models", {"host": "localhost"})[0] == 200
    status, error = send(emulator, method, path, headers, b'{"status": 503}')
    assert (status, error["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert "allowed_hosts" in error["error"]["message"]
    assert emulator.requests == (("GET", "/v1beta/models"),)
    assert send(emulator, "GET", "/v1beta/models", {"host": "localhost"})[0] == 200


@pytest.mark.parametrize("headers", [PAGE, REBOUND], ids=["page", "rebinding"])
def test_no_session(headers: Headers) -> None:
    """A page elsewhere cannot open a session, for which browsers apply no same-origin policy."""
    path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    emulator = Emulator()
    assert send(emulator, "GET", path, headers, kind="websocket")[0] == 403
    assert emulator.requests == ()


def test_allowed_hosts() -> None:
    """Allowed names are hosts and origins; the request is handled."""
    emulator = Emulator(allowed_hosts=["emulator"])
    headers = {"host": "emulator:8080", "origin": "http://emulator:3000"}
    assert send(emulator, "POST", "/emulator/reset", headers)[0] == 200


def test_large_bodies() -> None:
    """A body above the limit of the state is refused with status 413, and is not recorded."""
    emulator = Emulator(EmulatorState(max_kept_bytes=1000))
    status, error = send(emulator, "POST", "/v1beta/models/m:generateContent", {}, b"x" * 1001)
    assert (status, error["error"]["code"]) == (413, 413)
    assert emulator.requests == ()


def test_remembered_requests() -> None:
    """At most 10,000 requests are remembered, each with 2,000 characters of its path."""
    emulator = Emulator()
    send(emulator, "GET", "/" + "x" * 50_000, {})
    assert [len(path) for _, path in emulator.requests] == [2000]


def test_pending_faults() -> None:
    """At most 1,000 faults may be pending, each with a path of 2,000 characters."""
    emulator = Emulator()
    for _ in range(1000):
        emulator.fail(status=503)
    assert send(emulator, "POST", "/emulator/fail", {}, b'{"status": 503}')[0] == 400
    emulator.reset()
    assert send(emulator, "POST", "/emulator/fail", {}, b'{"status": 503}')[0] == 200
    assert send(emulator, "POST", "/emulator/fail", {}, b'{"status": 503, "path": "%s"}' % (b"x" * 2001))[0] == 400
