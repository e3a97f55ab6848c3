"""The metadata server as a source of tokens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from genai_fn.errors import AuthError, ServerError, TransportError
from tests.support.credentials import (
    FLAVOR,
    Clock,
    await_credential,
    fetch_by_http,
    get_error,
    join_refreshes,
    make_cache,
    make_failing_fetch,
    read_headers,
)
from tests.support.loopback import Loopback, Reply, build_json_reply


@contextmanager
def serve_metadata(script: Callable[[str], Reply]) -> Iterator[tuple[Loopback, dict[str, str]]]:
    with Loopback(lambda received: script(received.target)) as server:
        yield server, {"GCE_METADATA_HOST": f"127.0.0.1:{server.port}", "CLOUDSDK_CONFIG": "none"}


def answer_metadata(target: str) -> Reply:
    if "token" in target:
        return build_json_reply(
            {"access_token": "test-token", "expires_in": 1800, "token_type": "Bearer"}, headers=[FLAVOR]
        )
    return Reply(headers=[FLAVOR], body=b"machine-project")


def test_metadata_server():
    """On Google Cloud, two GET requests return the project and the token."""
    with serve_metadata(answer_metadata) as (server, environ):
        clock = Clock()
        cache = make_cache(
            None, fetch_by_http, {**environ, "GOOGLE_CLOUD_QUOTA_PROJECT": "q"}, project=None, clock=clock
        )
        future = cache.get_credential()
        assert "machine-project" == await_credential(future).project
        assert {"x-goog-user-project": "q", "authorization": "Bearer test-token"} == read_headers(future)
        join_refreshes()
        clock.now += 1800
        await_credential(cache.get_credential())
    path = "/computeMetadata/v1/instance/service-accounts/default/token"
    scoped_path = f"{path}?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform"
    assert ["/computeMetadata/v1/project/project-id", scoped_path, scoped_path] == [
        each.target for each in server.requests
    ]
    assert {"Google"} == {each.headers["metadata-flavor"] for each in server.requests}
    assert {"GET"} == {each.method for each in server.requests}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (lambda target: Reply(404, [FLAVOR]), "answered 404"),
        (lambda target: Reply(200, [FLAVOR], b"<html>"), "sent no valid token response"),
        (
            lambda target: build_json_reply({"access_token": "a\nb"}, headers=[FLAVOR]),
            "none that is valid in a header",
        ),
        (lambda target: build_json_reply({"access_token": "test-token"}), "is not a metadata server"),
        (
            lambda target: build_json_reply({"access_token": "x"}, headers=[("metadata-flavor", "x")]),
            "is not a metadata server",
        ),
    ],
)
def test_odd_metadata_servers(script, expected):
    """A response without the header ``metadata-flavor``, or with an invalid body, is refused."""
    with serve_metadata(script) as (_, environ):
        failed = get_error(make_cache(None, fetch_by_http, environ).get_credential())
    assert isinstance(failed, AuthError)
    assert expected in str(failed)


def test_metadata_server_in_trouble():
    """A metadata server with an error is a failure that can be retried."""
    with serve_metadata(lambda target: Reply(503, [FLAVOR])) as (_, environ):
        assert isinstance(get_error(make_cache(None, fetch_by_http, environ).get_credential()), ServerError)
    no_server = {"GCE_METADATA_HOST": "h", "CLOUDSDK_CONFIG": "none"}
    assert isinstance(get_error(make_cache(None, make_failing_fetch(), no_server).get_credential()), TransportError)


@pytest.mark.parametrize(
    "host",
    (
        "test-user:test-password@h.test",
        "h.test/x?token=test-password",
        "h.test#test-password",
        "h.test:test-password",
        "h\n",
    ),
)
@pytest.mark.parametrize("variable", ("GCE_METADATA_HOST", "GCE_METADATA_IP"))
def test_malformed_hosts(variable, host):
    """An address of the server that is more than a host and a port is refused: no request is sent, nothing is shown."""
    fetch = make_failing_fetch()
    failed = get_error(make_cache(None, fetch, {variable: host, "CLOUDSDK_CONFIG": "none"}).get_credential())
    assert isinstance(failed, AuthError)
    assert failed.message.startswith(f"{variable}: expected a host")
    assert "test-" not in failed.message
    assert not fetch.requests
