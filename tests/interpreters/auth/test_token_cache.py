"""The token cache: shared refreshes, their time, and their failures."""

import gc
import os
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from genai_fn.backend import Vertex
from genai_fn.effects import EffectFailed
from genai_fn.errors import AuthError, Closed, ConnectError, RateLimited, ServerError, TimedOut
from genai_fn.http import HttpResponse
from genai_fn.interpreters.auth.token_cache import TokenCache
from tests.support.credentials import (
    HOUR,
    NOW,
    USER_INFO,
    Clock,
    FakeCredentials,
    RecordingFetch,
    SlowCredentials,
    await_credential,
    build_reply,
    get_error,
    get_token,
    join_refreshes,
    make_cache,
    make_failing_fetch,
    make_fetch,
    read_headers,
    write_json,
)

# Sharing


def test_many_callers_one_refresh():
    """Many callers share one refresh."""
    credentials = SlowCredentials("one", "two")
    cache = make_cache(credentials)
    with ThreadPoolExecutor(20) as pool:
        futures = list(pool.map(lambda _: cache.get_credential(), range(60)))
        credentials.gate.set()
    assert {"one"} == {get_token(future) for future in futures}
    assert 1 == credentials.refresh_count


def test_cancelled_caller():
    """Cancelling one caller does not cancel the refresh of the others."""
    credentials = SlowCredentials("one")
    cache = make_cache(credentials)
    leaving, staying = cache.get_credential(), cache.get_credential()
    assert leaving.cancel()
    credentials.gate.set()
    assert "one" == get_token(staying)
    assert leaving.cancelled()
    assert "one" == get_token(cache.get_credential())


def test_all_callers_leave():
    """A refresh continues after all callers have cancelled, and serves later ones."""
    credentials = SlowCredentials("one")
    cache = make_cache(credentials)
    assert cache.get_credential().cancel()
    credentials.gate.set()
    join_refreshes()
    assert "one" == get_token(cache.get_credential())
    assert 1 == credentials.refresh_count


def test_timed_out_caller():
    """A caller may time out while the refresh hangs."""
    credentials = SlowCredentials("one")
    cache = make_cache(credentials)
    with pytest.raises(TimeoutError):
        cache.get_credential().result(0.001)
    credentials.gate.set()
    join_refreshes()


def test_callers_that_left_are_not_kept():
    """While a refresh hangs, the cache keeps nothing of the callers that no longer wait."""
    credentials = SlowCredentials("one")
    cache = make_cache(credentials)
    futures = [cache.get_credential() for _ in range(100)]
    waiting, references = futures.pop(), [weakref.ref(each) for each in futures]
    for each in futures:
        each.cancel()
    del each, futures
    gc.collect()
    kept = [each() for each in references]
    credentials.gate.set()
    assert ([None] * 99, "one") == (kept, get_token(waiting))


def test_fresh_is_done_at_once():
    """While a token is valid, the future is already done."""
    credentials = FakeCredentials("one")
    cache = make_cache(credentials)
    await_credential(cache.get_credential())
    join_refreshes()
    second_future = cache.get_credential()
    assert second_future.done()
    assert "one" == get_token(second_future)
    assert 1 == credentials.refresh_count


def test_done_answer_survives_cancel():
    """Cancelling a done future does not affect the next caller."""
    cache = make_cache(FakeCredentials("one"))
    await_credential(cache.get_credential())
    assert not cache.get_credential().cancel()
    assert "one" == get_token(cache.get_credential())


def test_callbacks_that_raise(caplog):
    """An exception in one caller's callback does not affect the others."""
    credentials = SlowCredentials("one")
    cache = make_cache(credentials)
    first, second = cache.get_credential(), cache.get_credential()
    first.add_done_callback(lambda: 1 / 0)
    credentials.gate.set()
    assert "one" == get_token(second)
    join_refreshes()


# Renewal


def test_renewed_before_the_end():
    """A token close to its expiry is still returned while one refresh runs."""
    clock = Clock()
    credentials = SlowCredentials("one", "two")
    cache = make_cache(credentials, clock=clock)
    credentials.gate.set()
    assert "one" == get_token(cache.get_credential())
    join_refreshes()
    credentials.gate.clear()
    clock.now += HOUR - 225
    credentials.started = threading.Semaphore(0)
    assert [True, True, True] == [cache.get_credential().done() for _ in range(3)]
    assert credentials.started.acquire(timeout=60)
    assert "one" == get_token(cache.get_credential())
    credentials.set_lifetime(HOUR, clock)
    credentials.gate.set()
    join_refreshes()
    assert "two" == get_token(cache.get_credential())
    assert 2 == credentials.refresh_count


def test_not_renewed_too_early():
    """A token that is valid for more than 225 seconds is not refreshed."""
    clock = Clock()
    credentials = FakeCredentials("one", "two")
    cache = make_cache(credentials, clock=clock)
    await_credential(cache.get_credential())
    join_refreshes()
    clock.now += HOUR - 226
    assert "one" == get_token(cache.get_credential())
    join_refreshes()
    assert 1 == credentials.refresh_count


@pytest.mark.parametrize("seconds", [9.0, 0.0, -100.0])
def test_ended(seconds):
    """A token that has expired, or is about to, is not returned."""
    clock = Clock()
    credentials = FakeCredentials("one", "two")
    cache = make_cache(credentials, clock=clock)
    await_credential(cache.get_credential())
    join_refreshes()
    clock.now += HOUR - seconds
    assert "two" == get_token(cache.get_credential())


def test_failed_renewal():
    """After a failed refresh the old token is still returned, and the next refresh waits some seconds."""
    clock = Clock()
    credentials = FakeCredentials("one", OSError("broken"), "three")
    cache = make_cache(credentials, clock=clock)
    await_credential(cache.get_credential())
    join_refreshes()
    tokens = []
    for step in (HOUR - 100, 1, 5):
        clock.now += step
        tokens.append((get_token(cache.get_credential()), credentials.refresh_count))
        join_refreshes()
    assert ["one", "one", "one"] == [token for token, _ in tokens]
    assert 3 == credentials.refresh_count
    assert "three" == get_token(cache.get_credential())


def test_short_lived_tokens():
    """Short-lived tokens are not refreshed at each request."""
    clock = Clock()
    credentials = FakeCredentials(*"abcdef", ends=NOW + 60)
    cache = make_cache(credentials, clock=clock)
    for _ in range(20):
        get_token(cache.get_credential())
        join_refreshes()
    assert 1 == credentials.refresh_count


def test_token_without_expiry():
    """A token without an expiry is read again after ten minutes, as its owner may have replaced it."""
    clock = Clock()
    credentials = FakeCredentials(token="one", ends=None)
    cache = make_cache(credentials, clock=clock)
    assert "one" == get_token(cache.get_credential())
    join_refreshes()
    credentials.token = "two"
    clock.now += 700
    assert "two" == get_token(cache.get_credential())
    assert 0 == credentials.refresh_count


def test_refreshed_by_others():
    """A token that other code has refreshed is used."""
    clock = Clock()
    credentials = FakeCredentials(token="one")
    cache = make_cache(credentials, clock=clock)
    assert "one" == get_token(cache.get_credential())
    join_refreshes()
    credentials.token = "two"
    credentials.set_lifetime(2 * HOUR, clock)
    clock.now += HOUR
    assert "two" == get_token(cache.get_credential())
    assert 0 == credentials.refresh_count


def test_refused_token():
    """A refused token is renewed although it has not expired, once for all callers that it was refused to."""
    credentials = FakeCredentials("two", "three", token="one")
    cache = make_cache(credentials)
    refused = await_credential(cache.get_credential())
    assert "one" == get_token(cache.get_credential())
    assert ["two", "two"] == [get_token(cache.get_credential(refused)) for _ in range(2)]
    assert "two" == get_token(cache.get_credential())
    assert 1 == credentials.refresh_count


def test_refused_token_without_a_better_one():
    """If a refused token cannot be renewed, it is returned again."""
    cache = make_cache(FakeCredentials(ValueError("no"), token="one"))
    refused = await_credential(cache.get_credential())
    assert "one" == get_token(cache.get_credential(refused))


# Failures


def test_failure_is_not_remembered():
    """A failed refresh reaches its callers; the next call starts another."""
    cache = make_cache(FakeCredentials(OSError("broken"), "two"))
    assert AuthError("no token: broken (OSError)") == get_error(cache.get_credential())
    assert "two" == get_token(cache.get_credential())


def test_failure_reaches_all_callers():
    """A failure reaches all callers that waited for the refresh."""
    credentials = SlowCredentials(ValueError())
    cache = make_cache(credentials)
    futures = [cache.get_credential() for _ in range(5)]
    credentials.gate.set()
    assert [AuthError("no token: ValueError")] * 5 == [get_error(future) for future in futures]


@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_any_exception_is_a_failure(raised):
    """Any exception of a refresh is a failure of its callers."""
    assert AuthError(f"no token: {type(raised).__name__}") == get_error(
        make_cache(FakeCredentials(raised)).get_credential()
    )


def test_no_thread(monkeypatch):
    """If no thread can be started, the call fails at once."""

    def fail_to_start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail_to_start)
    cache = make_cache(FakeCredentials("one"))
    assert AuthError("no token: can't start new thread") == get_error(cache.get_credential())
    monkeypatch.undo()
    assert "one" == get_token(cache.get_credential())


@pytest.mark.parametrize(
    "fault",
    [ConnectError("dialling", "refused"), TimedOut("connect"), Closed()],
    ids=lambda fault: type(fault).__name__,
)
def test_transport_faults_keep_their_type(tmp_path, fault):
    """A network error of a token request keeps its type, so that it is retried."""
    fetch = RecordingFetch(lambda request: EffectFailed(fault))
    cache = make_cache(write_json(tmp_path, USER_INFO), fetch)
    assert fault == get_error(cache.get_credential())
    assert 1 == len(fetch.requests)


def test_transient_error_gets_one_request(tmp_path):
    """A token endpoint with a transient error gets one request, and its ``retry-after`` is kept."""
    statuses = {503: ServerError, 500: ServerError, 429: RateLimited}
    for status, kind in statuses.items():
        fetch = RecordingFetch(
            lambda request, status=status: build_reply({}, status, ("retry-after", "7"), ("set-cookie", "x"))
        )
        failed = get_error(make_cache(write_json(tmp_path, USER_INFO), fetch).get_credential())
        assert kind is type(failed)
        assert 7.0 == failed.retry_after
        assert (("retry-after", "7"),) == failed.headers
        assert f"{status}: no token: oauth2.googleapis.com answered {status}" == str(failed)
        assert 1 == len(fetch.requests)


def test_refusal(tmp_path):
    """A refused token request is an `AuthError` with the endpoint's message."""
    fetch = RecordingFetch(
        lambda request: build_reply({"error": "invalid_grant", "error_description": "Token revoked."}, 400)
    )
    failed = get_error(make_cache(write_json(tmp_path, USER_INFO), fetch).get_credential())
    assert AuthError("no token: invalid_grant: Token revoked. (RefreshError)") == failed


def test_echoed_secrets(tmp_path):
    """An endpoint that echoes secrets, or returns a token in the wrong place, puts no secret into the error."""
    long = "e" + "yJ" * 30
    echoes = [
        lambda request: build_reply({"error": f"bad test-refresh-token, {request.body.decode()}"}, 400),
        lambda request: build_reply(
            {"error": "invalid", "error_description": f"not test-client-secret or {long}"}, 401
        ),
        lambda request: HttpResponse(400, (), b"<p>test-refresh-token</p>"),
        lambda request: build_reply({"nothing": long, "refresh_token": "test-refresh-token"}, 200),
        lambda request: build_reply({"id_token": long}, 400),
        lambda request: HttpResponse(200, (), b'"' + long.encode() + b'"'),
    ]
    for echo in echoes:
        failed = get_error(make_cache(write_json(tmp_path, USER_INFO), RecordingFetch(echo)).get_credential())
        assert isinstance(failed, AuthError)
        text = f"{failed!r} {failed} {failed.__cause__!r} {failed.__context__!r}"
        assert not [secret for secret in ("test-refresh-token", "test-client-secret", long) if secret in text]


def test_garbage(tmp_path):
    """Any invalid response of a token endpoint is an `AuthError`."""
    for body in (b"", b"\xff\xfe", b"[]", b"null", b'{"access_token": 3}', b'{"access_token": "a\\nb"}', b"{"):
        for status in (200, 302, 400, 404):
            fetch = RecordingFetch(lambda request, status=status, body=body: HttpResponse(status, (), body))
            assert isinstance(get_error(make_cache(write_json(tmp_path, USER_INFO), fetch).get_credential()), AuthError)


def test_unexpired_token_survives_a_failed_refresh():
    """A token that is still valid is used if the refresh fails."""
    credentials = FakeCredentials(OSError(), token="one", ends=NOW + 120)
    assert "one" == get_token(make_cache(credentials, clock=Clock()).get_credential())
    assert 1 == credentials.refresh_count


# Closing and forking


def test_close():
    """Closing fails waiting callers, and no refresh starts after it."""
    credentials = SlowCredentials("one", "two")
    cache = make_cache(credentials)
    waiting = cache.get_credential()
    cache.close()
    cache.close()
    assert Closed() == get_error(waiting)
    assert Closed() == get_error(cache.get_credential())
    credentials.gate.set()
    join_refreshes()
    assert Closed() == get_error(cache.get_credential())
    assert 1 == credentials.refresh_count


def test_close_after_a_token():
    """A closed cache returns no cached token."""
    cache = make_cache(FakeCredentials("one"))
    await_credential(cache.get_credential())
    cache.close()
    assert Closed() == get_error(cache.get_credential())


def test_fork(monkeypatch):
    """After a fork, the child waits neither for the parent's refresh nor for its lock."""
    credentials = SlowCredentials("one", "two")
    cache = make_cache(credentials)
    parents = cache.get_credential()
    assert credentials.started.acquire(timeout=60)
    pid = os.getpid()
    with cache._get_refresh_state().lock:
        monkeypatch.setattr(os, "getpid", lambda: pid + 1)
        childs = cache.get_credential()
        assert credentials.started.acquire(timeout=60)
    credentials.gate.set()
    assert {"one", "two"} == {get_token(parents), get_token(childs)}


# Secrets


def test_secrets_are_masked(tmp_path, caplog):
    """No repr contains a token or a key, and nothing is logged."""
    caplog.set_level(0)
    fetch = make_fetch()
    cache = make_cache(write_json(tmp_path, USER_INFO), fetch)
    future = cache.get_credential()
    await_credential(future)
    join_refreshes()
    source = cache._source
    values = (future, future.result(), cache, vars(cache), cache._cached, source.get_token(NOW, 0), source)
    text = f"{values!r} {caplog.text}"
    assert not [secret for secret in ("test-token", "test-client-secret", "test-refresh-token") if secret in text]


def test_backend_headers_are_sent():
    """The backend's own headers are sent with the token."""
    backend = Vertex("p", credentials=FakeCredentials(token="one"), headers={"x-team": "blue"})
    cache = TokenCache(backend, environ={}, fetch=make_failing_fetch())
    assert {"authorization": "Bearer one", "x-team": "blue"} == read_headers(cache.get_credential())
