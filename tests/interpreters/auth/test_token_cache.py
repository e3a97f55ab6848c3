"""Tokens: who shares a refresh, when it comes, and what becomes of its failures."""

import os
import threading
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
    USER,
    Clock,
    Duck,
    Fetching,
    Slow,
    bearer,
    error,
    got,
    granting,
    headers,
    nobody,
    reply,
    settled,
    tokens,
    written,
)

# Sharing


def test_many_callers_one_refresh():
    """However many ask, one refresh serves them all."""
    slow = Slow("one", "two")
    shared = tokens(slow)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: shared.get_credential(), range(60)))
        slow.gate.set()
    assert {"one"} == {bearer(answer) for answer in answers}
    assert 1 == slow.refreshed


def test_cancelled_caller():
    """A caller who leaves takes the refresh from nobody."""
    slow = Slow("one")
    shared = tokens(slow)
    leaving, staying = shared.get_credential(), shared.get_credential()
    assert leaving.cancel()
    slow.gate.set()
    assert "one" == bearer(staying)
    assert leaving.cancelled()
    assert "one" == bearer(shared.get_credential())


def test_all_callers_leave():
    """The refresh goes on when all have left, and serves who comes later."""
    slow = Slow("one")
    shared = tokens(slow)
    assert shared.get_credential().cancel()
    slow.gate.set()
    settled()
    assert "one" == bearer(shared.get_credential())
    assert 1 == slow.refreshed


def test_timed_out_caller():
    """A caller out of time leaves at once, while the refresh hangs."""
    slow = Slow("one")
    shared = tokens(slow)
    with pytest.raises(TimeoutError):
        shared.get_credential().result(0.001)
    slow.gate.set()
    settled()


def test_fresh_is_done_at_once():
    """While a token is good, the answer is there before anybody waits."""
    duck = Duck("one")
    shared = tokens(duck)
    got(shared.get_credential())
    settled()
    again = shared.get_credential()
    assert again.done()
    assert "one" == bearer(again)
    assert 1 == duck.refreshed


def test_done_answer_survives_cancel():
    """Cancelling an answer that is there changes nothing for the next caller."""
    shared = tokens(Duck("one"))
    got(shared.get_credential())
    assert not shared.get_credential().cancel()
    assert "one" == bearer(shared.get_credential())


def test_callbacks_that_raise(caplog):
    """What one caller's callback raises reaches no other caller."""
    slow = Slow("one")
    shared = tokens(slow)
    first, second = shared.get_credential(), shared.get_credential()
    first.add_done_callback(lambda: 1 / 0)
    slow.gate.set()
    assert "one" == bearer(second)
    settled()


# Renewal


def test_renewed_before_the_end():
    """Close to its end, a token still serves at once while the next one is fetched, once."""
    clock = Clock()
    slow = Slow("one", "two")
    shared = tokens(slow, clock=clock)
    slow.gate.set()
    assert "one" == bearer(shared.get_credential())
    settled()
    slow.gate.clear()
    clock.now += HOUR - 225
    slow.begun = threading.Semaphore(0)
    assert [True, True, True] == [shared.get_credential().done() for _ in range(3)]
    assert slow.begun.acquire(timeout=60)
    assert "one" == bearer(shared.get_credential())
    slow.last(HOUR, clock)
    slow.gate.set()
    settled()
    assert "two" == bearer(shared.get_credential())
    assert 2 == slow.refreshed


def test_not_renewed_too_early():
    """A token with more than 225 seconds left is left alone."""
    clock = Clock()
    duck = Duck("one", "two")
    shared = tokens(duck, clock=clock)
    got(shared.get_credential())
    settled()
    clock.now += HOUR - 226
    assert "one" == bearer(shared.get_credential())
    settled()
    assert 1 == duck.refreshed


@pytest.mark.parametrize("left", [9.0, 0.0, -100.0])
def test_ended(left):
    """A token that has ended, or would on its way, is not handed out."""
    clock = Clock()
    duck = Duck("one", "two")
    shared = tokens(duck, clock=clock)
    got(shared.get_credential())
    settled()
    clock.now += HOUR - left
    assert "two" == bearer(shared.get_credential())


def test_failed_renewal():
    """When a renewal fails the old token serves on, and the next try waits a little."""
    clock = Clock()
    duck = Duck("one", OSError("broken"), "three")
    shared = tokens(duck, clock=clock)
    got(shared.get_credential())
    settled()
    seen = []
    for step in (HOUR - 100, 1, 5):
        clock.now += step
        seen.append((bearer(shared.get_credential()), duck.refreshed))
        settled()
    assert ["one", "one", "one"] == [token for token, _ in seen]
    assert 3 == duck.refreshed
    assert "three" == bearer(shared.get_credential())


def test_short_lived_tokens():
    """Tokens that never last long are not fetched again at each request."""
    clock = Clock()
    duck = Duck(*"abcdef", ends=NOW + 60)
    shared = tokens(duck, clock=clock)
    for _ in range(20):
        bearer(shared.get_credential())
        settled()
    assert 1 == duck.refreshed


def test_endless_token_is_looked_at_again():
    """A token without an end is read anew now and then, as its owner may have replaced it."""
    clock = Clock()
    duck = Duck(token="one", ends=None)
    shared = tokens(duck, clock=clock)
    assert "one" == bearer(shared.get_credential())
    settled()
    duck.token = "two"
    clock.now += 700
    assert "two" == bearer(shared.get_credential())
    assert 0 == duck.refreshed


def test_refreshed_by_others():
    """A token that somebody else has refreshed in the meantime is taken as it is."""
    clock = Clock()
    duck = Duck(token="one")
    shared = tokens(duck, clock=clock)
    assert "one" == bearer(shared.get_credential())
    settled()
    duck.token = "two"
    duck.last(2 * HOUR, clock)
    clock.now += HOUR
    assert "two" == bearer(shared.get_credential())
    assert 0 == duck.refreshed


# Failures


def test_failure_is_not_remembered():
    """A failed refresh is told to who waited; the next to ask starts another."""
    shared = tokens(Duck(OSError("broken"), "two"))
    assert AuthError("no token: broken (OSError)") == error(shared.get_credential())
    assert "two" == bearer(shared.get_credential())


def test_all_who_wait_hear_of_it():
    """One failure reaches everyone who waited for that refresh."""
    slow = Slow(ValueError())
    shared = tokens(slow)
    answers = [shared.get_credential() for _ in range(5)]
    slow.gate.set()
    assert [AuthError("no token: ValueError")] * 5 == [error(answer) for answer in answers]


@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_nothing_escapes(raised):
    """Nobody waits for ever, whatever a refresh raises."""
    assert AuthError(f"no token: {type(raised).__name__}") == error(tokens(Duck(raised)).get_credential())


def test_no_thread(monkeypatch):
    """Where no thread can be started, there is no token, and no waiting."""

    def full(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", full)
    shared = tokens(Duck("one"))
    assert AuthError("no token: can't start new thread") == error(shared.get_credential())
    monkeypatch.undo()
    assert "one" == bearer(shared.get_credential())


@pytest.mark.parametrize(
    "fault",
    [ConnectError("dialling", "refused"), TimedOut("connect"), Closed()],
    ids=lambda fault: type(fault).__name__,
)
def test_transport_faults_keep_their_type(tmp_path, fault):
    """A fault of the network on the way to a token stays one, so that it can be tried again."""
    fetch = Fetching(lambda request: EffectFailed(fault))
    shared = tokens(written(tmp_path, USER), fetch)
    assert fault == error(shared.get_credential())
    assert 1 == len(fetch.requests)


def test_overload_is_for_our_own_retry(tmp_path):
    """A token endpoint in trouble is asked once, and its advice is passed on."""
    answers = {503: ServerError, 500: ServerError, 429: RateLimited}
    for status, kind in answers.items():
        fetch = Fetching(lambda request, status=status: reply({}, status, ("retry-after", "7"), ("set-cookie", "x")))
        failed = error(tokens(written(tmp_path, USER), fetch).get_credential())
        assert kind is type(failed)
        assert 7.0 == failed.retry_after
        assert (("retry-after", "7"),) == failed.headers
        assert f"{status}: no token: oauth2.googleapis.com answered {status}" == str(failed)
        assert 1 == len(fetch.requests)


def test_refusal(tmp_path):
    """A refused grant is an AuthError that says what the endpoint said."""
    fetch = Fetching(lambda request: reply({"error": "invalid_grant", "error_description": "Token revoked."}, 400))
    failed = error(tokens(written(tmp_path, USER), fetch).get_credential())
    assert AuthError("no token: invalid_grant: Token revoked. (RefreshError)") == failed


def test_echoed_secrets(tmp_path):
    """An endpoint that echoes what it was sent, or misplaces a token, spills no secret into the error."""
    long = "e" + "yJ" * 30
    echoes = [
        lambda request: reply({"error": f"bad test-refresh-token, {request.body.decode()}"}, 400),
        lambda request: reply({"error": "invalid", "error_description": f"not test-client-secret or {long}"}, 401),
        lambda request: HttpResponse(400, (), b"<p>test-refresh-token</p>"),
        lambda request: reply({"nothing": long, "refresh_token": "test-refresh-token"}, 200),
        lambda request: reply({"id_token": long}, 400),
        lambda request: HttpResponse(200, (), b'"' + long.encode() + b'"'),
    ]
    for echo in echoes:
        failed = error(tokens(written(tmp_path, USER), Fetching(echo)).get_credential())
        assert isinstance(failed, AuthError)
        shown = f"{failed!r} {failed} {failed.__cause__!r} {failed.__context__!r}"
        assert not [word for word in ("test-refresh-token", "test-client-secret", long) if word in shown]


def test_garbage(tmp_path):
    """Whatever a token endpoint sends, the answer is an error of ours."""
    for body in (b"", b"\xff\xfe", b"[]", b"null", b'{"access_token": 3}', b'{"access_token": "a\\nb"}', b"{"):
        for status in (200, 302, 400, 404):
            fetch = Fetching(lambda request, status=status, body=body: HttpResponse(status, (), body))
            assert isinstance(error(tokens(written(tmp_path, USER), fetch).get_credential()), AuthError)


def test_unexpired_token_survives_a_failed_refresh():
    """Credentials whose token is good for a while yet are used though they cannot be refreshed."""
    duck = Duck(OSError(), token="one", ends=NOW + 120)
    assert "one" == bearer(tokens(duck, clock=Clock()).get_credential())
    assert 1 == duck.refreshed


# Closing and forking


def test_close():
    """Closing sends away those who wait, and nothing is begun after it."""
    slow = Slow("one", "two")
    shared = tokens(slow)
    waiting = shared.get_credential()
    shared.close()
    shared.close()
    assert Closed() == error(waiting)
    assert Closed() == error(shared.get_credential())
    slow.gate.set()
    settled()
    assert Closed() == error(shared.get_credential())
    assert 1 == slow.refreshed


def test_close_after_a_token():
    """A closed source hands out no token that it still has."""
    shared = tokens(Duck("one"))
    got(shared.get_credential())
    shared.close()
    assert Closed() == error(shared.get_credential())


def test_fork(monkeypatch):
    """After a fork, a child waits neither for the parent's refresh nor for its lock."""
    slow = Slow("one", "two")
    shared = tokens(slow)
    parents = shared.get_credential()
    assert slow.begun.acquire(timeout=60)
    pid = os.getpid()
    with shared._get_refresh_state().lock:
        monkeypatch.setattr(os, "getpid", lambda: pid + 1)
        childs = shared.get_credential()
        assert slow.begun.acquire(timeout=60)
    slow.gate.set()
    assert {"one", "two"} == {bearer(parents), bearer(childs)}


# Secrets


def test_no_secret_shows(tmp_path, caplog):
    """No repr of anything on the way holds a token or a key, and nothing is logged."""
    caplog.set_level(0)
    fetch = granting()
    shared = tokens(written(tmp_path, USER), fetch)
    answer = shared.get_credential()
    got(answer)
    settled()
    held, source = shared._cached, shared._source
    grant = source.get_token(NOW, 0)
    shown = f"{answer!r} {answer.result()!r} {shared!r} {vars(shared)!r} {held!r} {grant!r} {source!r} {caplog.text}"
    assert not [word for word in ("test-token", "test-client-secret", "test-refresh-token") if word in shown]


def test_backend_headers_come_along():
    """The backend's own headers are sent beside the token."""
    backend = Vertex("p", credentials=Duck(token="one"), headers={"x-team": "blue"})
    shared = TokenCache(backend, environ={}, fetch=nobody())
    assert {"authorization": "Bearer one", "x-team": "blue"} == headers(shared.get_credential())
