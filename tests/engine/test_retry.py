"""`is_retryable`, `compute_delay` and `is_stale_connection`, as tables."""

import pytest

from genai_fn.engine.retry import compute_delay, is_retryable, is_stale_connection
from genai_fn.errors import (
    APIError,
    AuthError,
    ClientError,
    Closed,
    ConnectError,
    DecodeError,
    Disconnected,
    GenaiError,
    RateLimited,
    ServerError,
    TimedOut,
    Unsupported,
)
from genai_fn.options import Retry

SENT, UNSENT = Disconnected("asking", sent=True), Disconnected("asking", sent=False)

WORTH: list[tuple[GenaiError, bool, bool]] = [
    # the error, what may be repeated, what may not happen twice
    (ClientError(400), False, False),
    (ClientError(401), False, False),
    (ClientError(404), False, False),
    (ClientError(408), True, False),
    (RateLimited(429), True, False),
    (ServerError(500), True, False),
    (ServerError(501), False, False),
    (ServerError(502), True, False),
    (ServerError(503), True, False),
    (ServerError(504), True, False),
    (APIError(302), False, False),
    (ConnectError("dialling"), True, True),
    (TimedOut("connect", "dialling"), True, True),
    (TimedOut("headers", "waiting", sent=True), False, False),
    (TimedOut("idle", "reading", sent=True), False, False),
    (TimedOut("total", "waiting for a free connection"), False, False),
    (SENT, True, False),
    (UNSENT, True, True),
    (Closed(), False, False),
    (DecodeError("JSON"), False, False),
    (AuthError("nobody"), False, False),
    (Unsupported("Vertex AI", ("a",)), False, False),
]


@pytest.mark.parametrize(("error", "repeatable", "once"), WORTH, ids=repr)
def test_worth(error: GenaiError, repeatable: bool, once: bool) -> None:
    """What may pass is tried again; what must not happen twice, only as long as nothing went out."""
    assert (is_retryable(error, repeatable=True), is_retryable(error, repeatable=False)) == (
        repeatable,
        once,
    )


BUSY = ServerError(503)
POLICY = Retry(attempts=5, initial_delay=2, max_delay=10)


@pytest.mark.parametrize(
    ("attempt", "chance", "seconds"),
    [
        (1, 0.0, 0.0),
        (1, 0.5, 1.0),
        (2, 0.5, 2.0),
        (3, 0.5, 4.0),
        (4, 0.5, 5.0),
        (4, 0.99, 9.9),
        (5, 0.5, None),
        (99, 0.5, None),
    ],
)
def test_delay(attempt: int, chance: float, seconds: float | None) -> None:
    """
    The maximum delay doubles up to `max_delay`, jitter scales it, and after the last attempt there is no delay.
    """
    assert compute_delay(BUSY, attempt, POLICY, chance) == seconds


@pytest.mark.parametrize(
    ("jitter", "chance", "seconds"),
    [(0.0, 0.0, 6.0), (0.0, 0.99, 6.0), (0.5, 0.0, 3.0), (0.5, 0.5, 4.5), (1.0, 0.0, 0.0), (1.0, 0.5, 3.0)],
)
def test_multiplier_and_jitter(jitter: float, chance: float, seconds: float) -> None:
    """The maximum delay grows by the multiplier; jitter is the fraction of it that is random."""
    policy = Retry(initial_delay=2, multiplier=3.0, jitter=jitter)
    assert compute_delay(BUSY, 2, policy, chance) == seconds


def test_multiplier_of_one() -> None:
    """A multiplier of 1 keeps the delay; no delay exceeds `max_delay`."""
    assert [compute_delay(BUSY, n, Retry(multiplier=1, jitter=0), 0.5) for n in (1, 2, 3)] == [1.0, 1.0, 1.0]
    assert compute_delay(BUSY, 3, Retry(multiplier=1e200, jitter=0), 0.5) == 60.0


def test_advice_has_no_jitter() -> None:
    """The server's advice is used unchanged, whatever the policy."""
    assert compute_delay(advice("53s"), 1, Retry(jitter=0.5, multiplier=5, max_delay=1), 0.1) == 53.0


def test_status_codes() -> None:
    """The policy selects the retried status codes; network errors do not depend on them."""
    policy = Retry(status_codes=(418, 503))
    retried = [is_retryable(ClientError(code), policy, repeatable=True) for code in (418, 429, 503)]
    assert retried == [True, False, True]
    assert not is_retryable(ClientError(418), policy, repeatable=False)
    assert is_retryable(SENT, Retry(status_codes=()), repeatable=True)


def test_endless() -> None:
    """The thousandth attempt is no overflow."""
    assert compute_delay(BUSY, 1000, Retry(attempts=2000), 1.0) == 60.0


def advice(delayed: object, kind: str = "type.googleapis.com/google.rpc.RetryInfo") -> ServerError:
    """Build a 503 with details."""
    return ServerError(503, details=({"@type": "type.googleapis.com/other"}, {"@type": kind, "retryDelay": delayed}))


DATE = ("date", "Sun, 06 Nov 1994 08:49:37 GMT")


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (advice("53s"), 53.0),
        (advice("58.912s"), 58.912),
        (advice("0s"), 0.0),
        (advice("7s", "google.rpc.RetryInfo"), 7.0),
        (advice("7s", "type.googleapis.com/other"), None),
        (advice("-7s"), None),
        (advice("7"), None),
        (advice("inf"), None),
        (advice("1e9s"), None),
        (advice(7), None),
        (advice(None), None),
        (ServerError(503, details=("RetryInfo", None, 7)), None),
        (ServerError(503, headers=(("Retry-After", " 7 "),)), 7.0),
        (ServerError(503, headers=(("retry-after", "7.5"),)), 7.5),
        (ServerError(503, headers=(("retry-after", "7"), ("retry-after-ms", "250"))), 0.25),
        (ServerError(503, headers=(("retry-after-ms", "soon"), ("retry-after", "7"))), 7.0),
        (ServerError(503, headers=(("retry-after", "-7"),)), None),
        (ServerError(503, headers=(("retry-after", "nan"),)), None),
        (ServerError(503, headers=(("retry-after", "9" * 400),)), None),
        (ServerError(503, headers=(("retry-after", "\N{ARABIC-INDIC DIGIT SEVEN}"),)), None),
        (ServerError(503, headers=(("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT"), DATE)), 3.0),
        (ServerError(503, headers=(("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"), DATE)), 0.0),
        (ServerError(503, headers=(("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT"),)), None),
        (ServerError(503, headers=(("retry-after", "tomorrow"), DATE)), None),
        (ServerError(503, headers=(("retry-after", "Sun, 06 Nov 1994 08:49:40"), DATE)), None),
        (ServerError(503, headers=(("retry-after", "9" * 99 + " Nov 1994 08:49:40 GMT"), DATE)), None),
        (ServerError(503), None),
    ],
    ids=repr,
)
def test_advice(error: APIError, seconds: float | None) -> None:
    """RetryInfo takes precedence over retry-after-ms, and that over Retry-After; invalid values are ignored."""
    assert error.retry_after == seconds
    assert compute_delay(error, 1, POLICY, 0.5) == (1.0 if seconds is None else seconds)


def test_advice_before_the_details() -> None:
    """The details come before the headers."""
    both = ServerError(503, details=advice("3s").details, headers=(("retry-after", "9"),))
    assert both.retry_after == 3.0


def test_advice_after_the_last() -> None:
    """Advice gives no attempt that the policy does not."""
    assert compute_delay(advice("1s"), 5, POLICY, 0.5) is None


@pytest.mark.parametrize(
    ("error", "reused", "repeatable", "expected"),
    [
        (SENT, True, True, True),
        (UNSENT, True, True, True),
        (SENT, False, True, False),
        (SENT, True, False, False),
        (BUSY, True, True, False),
        (TimedOut("headers"), True, True, False),
        (Closed(), True, True, False),
    ],
    ids=repr,
)
def test_lost_in_reuse(error: GenaiError, reused: bool, repeatable: bool, expected: bool) -> None:
    """Only a kept connection that had died is no attempt, and only for what may be sent twice."""
    assert is_stale_connection(error, reused=reused, repeatable=repeatable) == expected
