"""google-auth's credentials, and other people's, as sources of tokens."""

from contextlib import suppress
from typing import Any

import pytest
from google.auth.exceptions import TransportError as GoogleFault
from google.oauth2.credentials import Credentials
from google.oauth2.service_account import Credentials as ServiceAccount

from genai_fn.errors import AuthError
from genai_fn.http import HttpRequest, HttpResponse
from tests.support.credentials import (
    AWARE,
    HOUR,
    SILENT,
    Clock,
    Duck,
    Fetching,
    bearer,
    error,
    got,
    granting,
    headers,
    nobody,
    reply,
    service_account,
    settled,
    tokens,
)


def test_google_credentials():
    """google-auth's own credentials are scoped where they must be, and refreshed over our HTTP."""
    fetch = granting()
    made = ServiceAccount.from_service_account_info(service_account(), quota_project_id="q")
    answer = tokens(made, fetch, project=None).get_credential()
    assert {"x-goog-user-project": "q", "authorization": "Bearer test-token"} == headers(answer)
    assert "file-project" == got(answer).project
    assert (None, None) == (made.token, made.scopes)


def test_static_google_credentials():
    """A bare access token is used as it is, without a request."""
    fetch = nobody()
    made = Credentials("test-token", quota_project_id="q")
    answer = tokens(made, fetch, {"GOOGLE_CLOUD_QUOTA_PROJECT": "other"}).get_credential()
    assert {"x-goog-user-project": "q", "authorization": "Bearer test-token"} == headers(answer)
    assert [] == fetch.requests


def test_valid_token_is_used():
    """A token that lasts needs no refresh."""
    duck = Duck(token="one")
    assert "one" == bearer(tokens(duck).get_credential())
    assert 0 == duck.refreshed


@pytest.mark.parametrize(
    "expiry",
    [AWARE, AWARE.replace(tzinfo=None), AWARE.timestamp(), int(AWARE.timestamp())],
    ids=["aware", "naive", "float", "int"],
)
def test_expiry_of_any_kind(expiry):
    """An expiry is a time with its zone, a time in UTC without one, or seconds since 1970."""
    duck = Duck("two", token="one")
    duck.expiry = expiry
    clock = Clock()
    shared = tokens(duck, clock=clock)
    got(shared.get_credential())
    settled()
    clock.now += HOUR - 230
    assert shared.get_credential().done()
    settled()
    assert 0 == duck.refreshed
    clock.now += 10
    assert shared.get_credential().done()
    settled()
    assert 1 == duck.refreshed


def test_async_refresh():
    """A refresh that has to be awaited is."""

    class Awaited(Duck):
        async def refresh(self, request: object) -> None:
            self.token = "one"

    assert "one" == bearer(tokens(Awaited()).get_credential())


@pytest.mark.parametrize("made", [object(), {"token": "x"}, 3])
def test_not_credentials(made):
    """Something else is named by its type."""
    expected = f"Vertex.credentials: expected something with .token and .refresh, got {type(made).__name__}"
    assert AuthError(expected) == error(tokens(made).get_credential())


@pytest.mark.parametrize("token", ["a\r\nx-evil: 1", "ä", "", None, b"test-token", 3])
def test_token_invalid_in_header(token):
    """A token that is no header text is refused, and not shown."""
    assert AuthError("no token: Duck has none that is valid in a header") == error(tokens(Duck(token)).get_credential())


def test_certificates_are_not_left_out():
    """A request that google-auth wants sent with a client certificate is refused, as we would send it without."""

    class Certified(Duck):
        def refresh(self, request: Any) -> None:
            request("https://sts.example/v1/token", method="POST", cert=("a", "b"))

    fetch = granting()
    assert AuthError("no token: not possible for tokens: cert (ValueError)") == error(
        tokens(Certified(), fetch).get_credential()
    )
    assert [] == fetch.requests


def test_transport():
    """What google-auth may pass to a transport arrives, and its short timeouts are kept."""
    seen = []

    class Asking(Duck):
        def refresh(self, request: Any) -> None:
            answer = request("http://a.example/x", "PUT", body="text", headers={"A": b"b"}, timeout=2)
            seen.append((answer.status, answer.headers["content-type"], answer.data))
            request("http://a.example/x", timeout=120)
            self.token = "one"

    fetch = Fetching(lambda request: HttpResponse(201, (("content-type", "x"),), b"y"))
    got(tokens(Asking(), fetch).get_credential())
    assert [(201, "x", b"y")] == seen
    assert HttpRequest("PUT", "http://a.example/x", (("A", "b"),), b"text") == fetch.requests[0]
    assert [2, 30.0] == fetch.seconds


def test_a_fault_that_was_got_over():
    """A lost request that google-auth made up for is not blamed for what comes after."""

    class Trying(Duck):
        def refresh(self, request: Any) -> None:
            with suppress(GoogleFault):
                request("http://a.example/1")
            request("http://a.example/2")
            raise ValueError("no good")

    answers = iter([SILENT, reply({})])
    assert AuthError("no token: no good (ValueError)") == error(
        tokens(Trying(), Fetching(lambda _: next(answers))).get_credential()
    )
