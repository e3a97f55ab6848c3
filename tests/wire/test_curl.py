"""Curl commands: the real curl sends what `Http` sends, byte by byte; credentials are masked."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from returns.result import Failure, Success

from genai_fn import (
    AuthError,
    Gemini,
    Http,
    Unsupported,
    Vertex,
    batches,
    caches,
    embed,
    files,
    generate,
    live,
    models,
    streamed,
    tokens,
    with_config,
    with_options,
    with_tools,
)
from genai_fn.engine.attempts import FetchLimits, fetch_response
from genai_fn.errors import InvalidRequest
from genai_fn.http import FileSlice, HttpRequest
from genai_fn.interpreters.curl import to_curl
from genai_fn.interpreters.executors.sync_executor import SyncExecutor
from genai_fn.interpreters.net.pool.sync_pool import SyncPool
from genai_fn.ops.files.uploads import SendUploadChunk
from genai_fn.request import Request
from genai_fn.wire.curl import write_command
from tests.support.loopback import Loopback, ReceivedRequest, build_json_reply

KEY = "test-key"
TEXTS = {
    "plain": "Why is the sky blue?",
    "quotes": """it's "quoted" 'twice' `echo no` $HOME $(exit 1) \\ %s !!""",
    "lines": "one\ntwo\r\n\tthree\n\n",
    "unicode": "Ünïcödé 😀 \u2028 \x7f",
    "controls": "\x00\x01\x1b",
    "large": "it's large\n" * 20_000,
    "two MiB": "x" * 2_100_000,
}
REQUESTS: dict[str, Any] = {
    **{name: generate("gemini-2.5-flash", each) for name, each in TEXTS.items()},
    "stream": generate("gemini-2.5-flash", "hi") | streamed,
    "GET": models.get("gemini-2.5-flash"),
    "query": files.list({"page_size": 5, "page_token": "a b&c='[{"}),
    "DELETE": files.delete("abc"),
    "PATCH": caches.update("abc", {"ttl": "300s"}),
    "without a body": batches.cancel("batches/abc"),
    "embed": embed("gemini-embedding-001", ["a", "b's"]),
    "tokens": tokens.count("gemini-2.5-flash", "hi"),
    "headers": generate("m", "hi")
    | with_options(headers={"x-odd": 'it\'s "q" \\ %s é', "x-two": "a  b"}, server_timeout=3),
    "odd model": generate("tunedModels/it's[1]*", "hi"),
    "body": generate("m", "hi") | with_options(extra_body={"@x": ["$HOME"]}),
    "upload": files.upload(b"abc", {"mime_type": "text/plain", "display_name": "it's"}),
    "bytes of an upload": Request(SendUploadChunk(session="", offset=0, data=bytes(range(256)), is_last=True)),
}


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A server that answers every request in the same way."""
    with Loopback(build_json_reply({})) as running:
        yield running


def build_backend(server: Loopback) -> Gemini:
    return Gemini(KEY, base_url=server.url)


def run_shell(command: str) -> None:
    """Run a command as a POSIX shell does, without settings of the user."""
    shell = shutil.which("dash") or "sh"
    quiet = command.replace("curl ", "curl --disable --silent --show-error --noproxy '*' ", 1)
    subprocess.run([shell, "-s"], input=quiet.encode(), check=True, timeout=120, capture_output=True)


def describe_received(received: ReceivedRequest) -> Any:
    """Return all that a server receives but for what says that it comes over this connection, and the credential."""
    headers = {name: value for name, value in received.headers.items() if name not in ("connection", "host")}
    return received.method, received.target, headers, received.body


def at_server(request: Any, server: Loopback) -> Any:
    """Send an upload to the server, and everything else where it goes."""
    operation = getattr(request, "operation", None)
    return (
        Request(SendUploadChunk(session=f"{server.url}/session", offset=0, data=operation.data, is_last=True))
        if isinstance(operation, SendUploadChunk)
        else request
    )


@pytest.mark.parametrize("name", REQUESTS)
def test_curl_sends_the_same(name: str, server: Loopback) -> None:
    """The real curl sends the same method, target, headers and body as `Http`, but for the masked credential."""
    request = at_server(REQUESTS[name], server)
    command = to_curl(request, build_backend(server)).unwrap()
    assert KEY not in command
    run_shell(command)
    with Http(build_backend(server)) as run:
        if name == "stream":
            with run.stream(request) as items:
                list(items)
        else:
            run(request)
    by_curl, by_us = map(describe_received, server.requests[:2])
    assert by_curl[2].get("x-goog-api-key") in ("***", None)
    assert {**by_curl[2], "x-goog-api-key": KEY} == {**by_us[2], "x-goog-api-key": KEY}
    assert (by_curl[0], by_curl[1], by_curl[3]) == (by_us[0], by_us[1], by_us[3])


HTTP_REQUESTS = {
    "at sign": ("POST", b"@/etc/passwd", (("content-type", "text/plain"),)),
    "not UTF-8": ("POST", b"\xff\x00'\n", ()),
    "ends with lines": ("PUT", b"a\n\n\n", ()),
    "pieces": ("POST", (b"it's ", b"two"), ()),
    "empty header": ("POST", b"", (("x-empty", ""),)),
    "same header twice": ("GET", b"", (("x-a", "1"), ("x-a", "2"))),
    "percent": ("POST", b"%d %% \\n", (("x-percent", "%d\\é'"),)),
}


@pytest.mark.parametrize("name", HTTP_REQUESTS)
def test_any_request(name: str, server: Loopback) -> None:
    """A request with any body and headers is sent by curl as by the connection pool."""
    method, body, headers = HTTP_REQUESTS[name]
    http = HttpRequest(method, f"{server.url}/v1/x?a=%5B1%5D", headers, body)
    run_shell(write_command(http))
    send_by_pool(http)
    assert describe_received(server.requests[0]) == describe_received(server.requests[1])


def test_file(server: Loopback, tmp_path: Path) -> None:
    """A slice of a file is read by the shell."""
    path = tmp_path / "it's.bin"
    path.write_bytes(bytes(range(256)) * 20)
    http = HttpRequest("POST", f"{server.url}/x", (), FileSlice(str(path), 100, 3000))
    run_shell(write_command(http))
    send_by_pool(http)
    assert describe_received(server.requests[0]) == describe_received(server.requests[1])
    assert server.requests[0].body == path.read_bytes()[100:3100]


def send_by_pool(http: HttpRequest) -> None:
    pool = SyncPool(1, environ={})
    SyncExecutor(pool, None, None).run(fetch_response(http, FetchLimits(float("inf"))))
    pool.close()


def test_secrets_are_masked() -> None:
    """Keys, tokens, secret headers and secret fields are masked, and nothing is looked up to write them."""
    tool = {
        "mcp_servers": [{"streamable_http_transport": {"url": "https://m.test", "headers": {"x-a": "test-hidden"}}}]
    }
    request = generate("m", "hi") | with_tools(tool) | with_options(headers={"x-my-token": "test-other"})
    for backend in (Gemini(KEY), Gemini(headers={"cookie": KEY}), Vertex(api_key=KEY), Vertex("p", "l")):
        command = to_curl(generate("m", "hi") | with_options(headers={"x-my-token": KEY}), backend).unwrap()
        assert KEY not in command
        assert "***" in command
    text = to_curl(request, Gemini(KEY)).unwrap()
    assert "test-hidden" not in text
    assert "test-other" not in text
    assert "-H 'authorization: ***'" in to_curl(generate("m", "hi"), Vertex("p", "l")).unwrap()


def test_refusals() -> None:
    """What cannot be encoded is the failure that the request would have; sessions and other values are refused."""
    unsupported = generate("m", "hi") | with_config(audio_timestamp=True)
    assert isinstance(to_curl(unsupported, Gemini(KEY)).failure(), Unsupported)
    assert isinstance(to_curl(generate("m", "hi"), Vertex()).failure(), AuthError)
    wrong: Any
    for wrong in (live.connect("m"), "curl", None):
        with pytest.raises(InvalidRequest, match="description"):
            to_curl(wrong, Gemini(KEY))
    backend: Any = "key"
    with pytest.raises(InvalidRequest, match="backend"):
        to_curl(generate("m", "hi"), backend)


def test_streams_and_compression() -> None:
    """A stream is shown while it arrives; any other response is decompressed."""
    whole, chunks = (to_curl(each, Gemini(KEY)) for each in (generate("m", "hi"), generate("m", "hi") | streamed))
    assert "--compressed" in whole.unwrap()
    assert "--no-buffer" in chunks.unwrap()
    assert isinstance(whole, Success)
    assert not isinstance(chunks, Failure)
