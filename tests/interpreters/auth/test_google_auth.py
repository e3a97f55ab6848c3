"""google-auth's credentials, and other objects, as token sources."""

from contextlib import suppress
from typing import Any

import pytest
from google.auth.exceptions import RefreshError, TransportError as GoogleFault
from google.oauth2.credentials import Credentials
from google.oauth2.service_account import Credentials as ServiceAccount

from genai_fn.engine.retry import is_retryable
from genai_fn.errors import AuthError, ConnectError
from genai_fn.http import HttpRequest, HttpResponse
from tests.support.credentials import (
    AWARE,
    HOUR,
    NO_SUCH_HOST,
    Clock,
    FakeCredentials,
    RecordingFetch,
    await_credential,
    build_reply,
    get_error,
    get_token,
    join_refreshes,
    make_cache,
    make_failing_fetch,
    make_fetch,
    make_service_account,
    read_headers,
)


def test_google_credentials():
    """google-auth's credentials get a scope if they need one, and are refreshed over our HTTP."""
    fetch = make_fetch()
    credentials = ServiceAccount.from_service_account_info(make_service_account(), quota_project_id="q")
    future = make_cache(credentials, fetch, project=None).get_credential()
    assert {"x-goog-user-project": "q", "authorization": "Bearer test-token"} == read_headers(future)
    assert "file-project" == await_credential(future).project
    assert (None, None) == (credentials.token, credentials.scopes)


def test_static_google_credentials():
    """Credentials with only a token are used without a request."""
    fetch = make_failing_fetch()
    credentials = Credentials("test-token", quota_project_id="q")
    future = make_cache(credentials, fetch, {"GOOGLE_CLOUD_QUOTA_PROJECT": "other"}).get_credential()
    assert {"x-goog-user-project": "q", "authorization": "Bearer test-token"} == read_headers(future)
    assert [] == fetch.requests


def test_valid_token_is_used():
    """A valid token is not refreshed."""
    credentials = FakeCredentials(token="one")
    assert "one" == get_token(make_cache(credentials).get_credential())
    assert 0 == credentials.refresh_count


@pytest.mark.parametrize(
    "expiry",
    [AWARE, AWARE.replace(tzinfo=None), AWARE.timestamp(), int(AWARE.timestamp())],
    ids=["aware", "naive", "float", "int"],
)
def test_expiry_of_any_kind(expiry):
    """An expiry is an aware datetime, a naive one in UTC, or seconds since 1970."""
    credentials = FakeCredentials("two", token="one")
    credentials.expiry = expiry
    clock = Clock()
    cache = make_cache(credentials, clock=clock)
    await_credential(cache.get_credential())
    join_refreshes()
    clock.now += HOUR - 230
    assert cache.get_credential().done()
    join_refreshes()
    assert 0 == credentials.refresh_count
    clock.now += 10
    assert cache.get_credential().done()
    join_refreshes()
    assert 1 == credentials.refresh_count


def test_async_refresh():
    """A `refresh` may be a coroutine function."""

    class AsyncCredentials(FakeCredentials):
        async def refresh(self, request: object) -> None:
            self.token = "one"

    assert "one" == get_token(make_cache(AsyncCredentials()).get_credential())


@pytest.mark.parametrize("credentials", [object(), {"token": "x"}, 3])
def test_not_credentials(credentials):
    """Other objects are refused with their type."""
    expected = f"Vertex.credentials: expected something with .token and .refresh, got {type(credentials).__name__}"
    assert AuthError(expected) == get_error(make_cache(credentials).get_credential())


@pytest.mark.parametrize("token", ["a\r\nx-evil: 1", "ä", "", None, b"test-token", 3])
def test_token_invalid_in_header(token):
    """A token that is not valid in a header is refused, and not shown."""
    assert AuthError("no token: FakeCredentials has none that is valid in a header") == get_error(
        make_cache(FakeCredentials(token)).get_credential()
    )


def test_certificates_are_not_left_out():
    """A request with a client certificate is refused."""

    class CertificateCredentials(FakeCredentials):
        def refresh(self, request: Any) -> None:
            request("https://sts.example/v1/token", method="POST", cert=("a", "b"))

    fetch = make_fetch()
    assert AuthError("no token: not possible for tokens: cert (ValueError)") == get_error(
        make_cache(CertificateCredentials(), fetch).get_credential()
    )
    assert [] == fetch.requests


def test_transport():
    """All arguments of google-auth's transport are used, and shorter timeouts respected."""
    requests = []

    class RequestingCredentials(FakeCredentials):
        def refresh(self, request: Any) -> None:
            future = request("http://a.example/x", "PUT", body="text", headers={"A": b"b"}, timeout=2)
            requests.append((future.status, future.headers["content-type"], future.data))
            request("http://a.example/x", timeout=120)
            self.token = "one"

    fetch = RecordingFetch(lambda request: HttpResponse(201, (("content-type", "x"),), b"y"))
    await_credential(make_cache(RequestingCredentials(), fetch).get_credential())
    assert [(201, "x", b"y")] == requests
    assert HttpRequest("PUT", "http://a.example/x", (("A", "b"),), b"text") == fetch.requests[0]
    assert [2, 30.0] == fetch.seconds


def test_retried_failure_is_not_reported():
    """A failed request that google-auth has retried is not reported for a later error."""

    class RetryingCredentials(FakeCredentials):
        def refresh(self, request: Any) -> None:
            with suppress(GoogleFault):
                request("http://a.example/1")
            request("http://a.example/2")
            raise ValueError("no good")

    futures = iter([NO_SUCH_HOST, build_reply({})])
    assert AuthError("no token: no good (ValueError)") == get_error(
        make_cache(RetryingCredentials(), RecordingFetch(lambda _: next(futures))).get_credential()
    )


def test_network_error_of_credentials():
    """A network error that google-auth reports itself is retried, as by google-genai 3.6.1, and masked."""
    error = get_error(make_cache(FakeCredentials(GoogleFault(f"no way with {'x' * 40}"))).get_credential())
    assert ConnectError("requesting a token", "no way with *** (TransportError)") == error
    assert is_retryable(error, repeatable=False)


def test_refresh_error_of_credentials():
    """An error of the credentials is not retried."""
    error = get_error(make_cache(FakeCredentials(RefreshError("revoked"))).get_credential())
    assert AuthError("no token: revoked (RefreshError)") == error
    assert not is_retryable(error, repeatable=True)
