"""Helpers for tests of tokens: credentials, a recording fetch function, and a clock that tests set."""

import http.client
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from genai_fn.backend import Credential, Vertex
from genai_fn.effects import EffectFailed
from genai_fn.errors import ConnectError
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.interpreters.auth.token_cache import TokenCache
from genai_fn.interpreters.executors.threads import Promise

NOW = float(int(time.time()))
HOUR = 3600.0
AWARE = datetime.fromtimestamp(NOW + HOUR, UTC)
USER_INFO = {
    "type": "authorized_user",
    "client_id": "test-client-id",
    "client_secret": "test-client-secret",
    "refresh_token": "test-refresh-token",
}
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
FLAVOR = ("metadata-flavor", "Google")
NO_SUCH_HOST = EffectFailed(ConnectError("connecting", "no such host"))


class Clock:
    """A clock that moves only when a test sets `now`."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class RecordingFetch:
    """A fetch function that answers with a function and records requests and timeouts."""

    def __init__(self, respond: Callable[[HttpRequest], HttpResponse | EffectFailed]) -> None:
        self.respond = respond
        self.requests: list[HttpRequest] = []
        self.seconds: list[float] = []

    def __call__(self, request: HttpRequest, seconds: float) -> HttpResponse | EffectFailed:
        self.requests.append(request)
        self.seconds.append(seconds)
        return self.respond(request)

    @property
    def urls(self) -> list[str]:
        """The URLs of all requests, without their queries."""
        return [request.url.partition("?")[0] for request in self.requests]


class FakeCredentials:
    """Credentials of a user's own class: each refresh takes the next token, or raises it."""

    def __init__(self, *tokens: object, token: str | None = None, ends: float | None = NOW + HOUR) -> None:
        self.token: object = token
        self.expiry = None if ends is None else datetime.fromtimestamp(ends, UTC).replace(tzinfo=None)
        self.tokens = list(tokens)
        self.refresh_count = 0

    def refresh(self, request: object) -> None:
        """Take the next token."""
        self.refresh_count += 1
        token = self.tokens.pop(0)
        if isinstance(token, BaseException):
            raise token
        self.token = token

    def set_lifetime(self, seconds: float, clock: Clock) -> None:
        """Let the token expire after some seconds."""
        self.expiry = datetime.fromtimestamp(clock.now + seconds, UTC).replace(tzinfo=None)


class SlowCredentials(FakeCredentials):
    """Credentials whose refresh waits for `gate`; `started` is released once per refresh."""

    def __init__(self, *tokens: object) -> None:
        super().__init__(*tokens)
        self.started = threading.Semaphore(0)
        self.gate = threading.Event()

    def refresh(self, request: object) -> None:
        """Wait for the gate, then take the next token."""
        self.started.release()
        assert self.gate.wait(60)
        super().refresh(request)


def build_reply(value: object, status: int = 200, *headers: tuple[str, str]) -> HttpResponse:
    """Build a response with JSON."""
    return HttpResponse(status, (("content-type", "application/json"), *headers), json.dumps(value).encode())


def make_fetch(token: str = "test-token", **fields: object) -> RecordingFetch:
    """Make a fetch function that grants a token for an hour."""
    value = {"access_token": token, "expires_in": HOUR, "token_type": "Bearer", **fields}
    return RecordingFetch(lambda request: build_reply(value))


def make_failing_fetch() -> RecordingFetch:
    """Make a fetch function that reaches no host."""
    return RecordingFetch(lambda request: NO_SUCH_HOST)


def fetch_by_http(request: HttpRequest, seconds: float) -> HttpResponse | EffectFailed:
    """Send a request with the standard library."""
    parts = urlsplit(request.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=seconds)
    try:
        assert isinstance(request.body, bytes)
        path = request.url[request.url.index(parts.netloc) + len(parts.netloc) :]
        connection.request(request.method, path, request.body, dict(request.headers))
        response = connection.getresponse()
        headers = tuple((name.lower(), value) for name, value in response.getheaders())
        return HttpResponse(response.status, headers, response.read())
    except OSError as error:
        return EffectFailed(ConnectError("connecting", type(error).__name__))
    finally:
        connection.close()


def make_cache(
    credentials: object = None,
    fetch: Callable[[HttpRequest, float], HttpResponse | EffectFailed] | None = None,
    environ: dict[str, str] | None = None,
    *,
    clock: Callable[[], float] = time.time,
    project: str | None = "test-project",
) -> TokenCache:
    """Make the token cache of a Vertex backend."""
    backend = Vertex(project, "us-central1", credentials=credentials)
    return TokenCache(backend, environ=environ or {}, fetch=fetch or make_failing_fetch(), clock=clock)


def await_credential(future: Promise[Credential | EffectFailed]) -> Credential:
    """Wait for a credential."""
    result = future.result(5)
    assert isinstance(result, Credential), result
    return result


def get_error(future: Promise[Credential | EffectFailed]) -> BaseException:
    """Wait for a failure, and return its error."""
    result = future.result(5)
    assert isinstance(result, EffectFailed), result
    return result.error


def read_headers(future: Promise[Credential | EffectFailed]) -> dict[str, str]:
    """Wait for a credential, and return its headers."""
    return dict(await_credential(future).headers.reveal())


def get_token(future: Promise[Credential | EffectFailed]) -> str:
    """Wait for a credential, and return its bearer token."""
    return read_headers(future)["authorization"].removeprefix("Bearer ")


def join_refreshes(name: str = "genai_fn token") -> None:
    """Wait for the threads of running refreshes."""
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(5)
            assert not thread.is_alive()


def write_json(folder: Path, info: object, name: str = "credentials.json") -> str:
    """Write a value as JSON, or a text as it is; return the path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(info) if not isinstance(info, str) else info, "utf-8")
    return str(path)


@cache
def make_private_key() -> str:
    """Make an RSA key in PEM, once."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def make_service_account(token_uri: str = "https://oauth2.example/token", **fields: object) -> dict[str, object]:
    """Make the content of a service account's key file."""
    return {
        "type": "service_account",
        "project_id": "file-project",
        "private_key_id": "test-key-id",
        "private_key": make_private_key(),
        "client_email": "robot@file-project.example",
        "token_uri": token_uri,
        **fields,
    }
