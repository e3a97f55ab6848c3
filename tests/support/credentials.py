"""What the tests of tokens share: credentials, a fetch and a clock that do as they are told."""

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
USER = {
    "type": "authorized_user",
    "client_id": "test-client-id",
    "client_secret": "test-client-secret",
    "refresh_token": "test-refresh-token",
}
CLOUD = "https://www.googleapis.com/auth/cloud-platform"
FLAVOR = ("metadata-flavor", "Google")
SILENT = EffectFailed(ConnectError("dialling", "no such host"))


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Fetching:
    """A fetch that answers from a function and remembers what it was asked."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse | EffectFailed]) -> None:
        self.answer = answer
        self.requests: list[HttpRequest] = []
        self.seconds: list[float] = []

    def __call__(self, request: HttpRequest, seconds: float) -> HttpResponse | EffectFailed:
        self.requests.append(request)
        self.seconds.append(seconds)
        return self.answer(request)

    @property
    def urls(self) -> list[str]:
        return [request.url.partition("?")[0] for request in self.requests]


class Duck:
    """Somebody's own credentials: each refresh is the next token, or raises."""

    def __init__(self, *tokens: object, token: str | None = None, ends: float | None = NOW + HOUR) -> None:
        self.token: object = token
        self.expiry = None if ends is None else datetime.fromtimestamp(ends, UTC).replace(tzinfo=None)
        self.tokens = list(tokens)
        self.refreshed = 0

    def refresh(self, request: object) -> None:
        self.refreshed += 1
        token = self.tokens.pop(0)
        if isinstance(token, BaseException):
            raise token
        self.token = token

    def last(self, seconds: float, clock: Clock) -> None:
        self.expiry = datetime.fromtimestamp(clock.now + seconds, UTC).replace(tzinfo=None)


class Slow(Duck):
    """Credentials that refresh when the gate opens."""

    def __init__(self, *tokens: object) -> None:
        super().__init__(*tokens)
        self.begun = threading.Semaphore(0)
        self.gate = threading.Event()

    def refresh(self, request: object) -> None:
        self.begun.release()
        assert self.gate.wait(60)
        super().refresh(request)


def reply(value: object, status: int = 200, *headers: tuple[str, str]) -> HttpResponse:
    return HttpResponse(status, (("content-type", "application/json"), *headers), json.dumps(value).encode())


def granting(token: str = "test-token", **more: object) -> Fetching:
    return Fetching(lambda request: reply({"access_token": token, "expires_in": HOUR, "token_type": "Bearer", **more}))


def nobody() -> Fetching:
    return Fetching(lambda request: SILENT)


def over_loopback(request: HttpRequest, seconds: float) -> HttpResponse | EffectFailed:
    parts = urlsplit(request.url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=seconds)
    try:
        assert isinstance(request.body, bytes)
        path = request.url[request.url.index(parts.netloc) + len(parts.netloc) :]
        connection.request(request.method, path, request.body, dict(request.headers))
        answer = connection.getresponse()
        headers = tuple((name.lower(), value) for name, value in answer.getheaders())
        return HttpResponse(answer.status, headers, answer.read())
    except OSError as error:
        return EffectFailed(ConnectError("dialling", type(error).__name__))
    finally:
        connection.close()


def tokens(
    credentials: object = None,
    fetch: Callable[[HttpRequest, float], HttpResponse | EffectFailed] | None = None,
    environ: dict[str, str] | None = None,
    *,
    clock: Callable[[], float] = time.time,
    project: str | None = "test-project",
) -> TokenCache:
    backend = Vertex(project, "us-central1", credentials=credentials)
    return TokenCache(backend, environ=environ or {}, fetch=fetch or nobody(), clock=clock)


def got(answer: Promise[Credential | EffectFailed]) -> Credential:
    result = answer.result(5)
    assert isinstance(result, Credential), result
    return result


def error(answer: Promise[Credential | EffectFailed]) -> BaseException:
    result = answer.result(5)
    assert isinstance(result, EffectFailed), result
    return result.error


def headers(answer: Promise[Credential | EffectFailed]) -> dict[str, str]:
    return dict(got(answer).headers.reveal())


def bearer(answer: Promise[Credential | EffectFailed]) -> str:
    return headers(answer)["authorization"].removeprefix("Bearer ")


def settled(name: str = "genai_fn token") -> None:
    """Wait for the refreshes that are under way."""
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(5)
            assert not thread.is_alive()


def written(folder: Path, info: object, name: str = "credentials.json") -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(info) if not isinstance(info, str) else info, "utf-8")
    return str(path)


@cache
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def service_account(token_uri: str = "https://oauth2.example/token", **more: object) -> dict[str, object]:
    return {
        "type": "service_account",
        "project_id": "file-project",
        "private_key_id": "test-key-id",
        "private_key": private_key(),
        "client_email": "robot@file-project.example",
        "token_uri": token_uri,
        **more,
    }
