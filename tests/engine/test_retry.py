"""`is_retryable`, `is_fatal_error`, `compute_delay` and `is_stale_connection`, as tables."""

import pytest

from genai_fn.engine.retry import compute_delay, is_fatal_error, is_retryable, is_stale_connection, is_unauthenticated
from genai_fn.errors import (
    APIError,
    AsyncOnly,
    AuthError,
    BudgetExceeded,
    CertificateError,
    ClientError,
    Closed,
    ConnectError,
    DecodeError,
    Disconnected,
    EmbeddingFailed,
    GenaiError,
    InvalidRequest,
    MissingExtra,
    QuotaExceeded,
    RateLimited,
    ServerError,
    TimedOut,
    Unsupported,
)
from genai_fn.options import Retry

SENT, UNSENT = Disconnected("asking", sent=True), Disconnected("asking", sent=False)

RETRYABLE: list[tuple[GenaiError, bool, bool]] = [
    # the error; whether it is retried for a repeatable operation, and for an unrepeatable one
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
    (CertificateError("TLS handshake"), False, False),
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


@pytest.mark.parametrize(("error", "repeatable", "unrepeatable"), RETRYABLE, ids=repr)
def test_is_retryable(error: GenaiError, repeatable: bool, unrepeatable: bool) -> None:
    """Temporary errors are retried; those of unrepeatable operations only if nothing was sent."""
    assert (is_retryable(error, repeatable=True), is_retryable(error, repeatable=False)) == (
        repeatable,
        unrepeatable,
    )


_DAILY_QUOTA = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "EmbedContentRequestsPerDayPerProject-FreeTier"}],
}

FATAL: list[tuple[GenaiError, bool]] = [
    (ClientError(400, "INVALID_ARGUMENT", "the text is empty"), False),
    (ClientError(400, "INVALID_ARGUMENT", "API key not valid", ({"reason": "API_KEY_INVALID"},)), True),
    (ClientError(400, "FAILED_PRECONDITION", "User location is not supported for the API use."), True),
    (ClientError(401, "UNAUTHENTICATED"), True),
    (ClientError(402), True),
    (ClientError(403, "PERMISSION_DENIED"), True),
    (ClientError(404, "NOT_FOUND"), True),
    (ClientError(405), True),
    (ClientError(408), False),
    (ClientError(413), False),
    (RateLimited(429, "RESOURCE_EXHAUSTED", "wait"), False),
    (RateLimited(429, "RESOURCE_EXHAUSTED", "wait", (_DAILY_QUOTA,)), True),
    (RateLimited(429, "RESOURCE_EXHAUSTED", "Quota exceeded for metric: m, limit: 0"), True),
    (ServerError(500), False),
    (ServerError(501, "UNIMPLEMENTED"), True),
    (ServerError(503), False),
    (ConnectError("dialling"), False),
    (CertificateError("TLS handshake"), True),
    (TimedOut("total", "waiting"), False),
    (SENT, False),
    (Closed(), True),
    (DecodeError("JSON"), False),
    (AuthError("nobody"), True),
    (BudgetExceeded(2, 1, "USD"), True),
    (QuotaExceeded("requests per day", 10, 60.0), True),
    (QuotaExceeded("requests per minute", 10), False),
    (MissingExtra("google-auth", "Vertex", "pip install google-auth"), True),
    (AsyncOnly("an async function"), True),
    (InvalidRequest("contents[0]", 5, "a text"), False),
    (Unsupported("Vertex AI", ("contents",)), False),
    (Unsupported("Vertex AI", ("contents[0].parts[1]", "contents[2].role")), False),
    (Unsupported("Vertex AI", ("contents[0].parts[1]", "config.title")), True),
    (Unsupported("Vertex AI", ("files.upload",)), True),
    (EmbeddingFailed(5, "a", ServerError(503)), False),
    (EmbeddingFailed(5, "a", ClientError(403)), True),
]


@pytest.mark.parametrize(("error", "is_fatal"), FATAL, ids=repr)
def test_is_fatal_error(error: GenaiError, is_fatal: bool) -> None:
    """An error is fatal if every other request to the model would meet it, now and later."""
    assert is_fatal_error(error) is is_fatal


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


@pytest.mark.parametrize(
    ("policy", "chance", "seconds"),
    [
        (Retry(), 0.0, 53.0),
        (Retry(), 0.5, 53.5),
        (Retry(jitter=0.0), 0.5, 53.0),
        (Retry(jitter=0.5, initial_delay=4), 0.5, 54.0),
    ],
)
def test_jitter_of_advice(policy: Retry, chance: float, seconds: float) -> None:
    """The policy's jitter is added to the server's advice, so that callers do not return all at once, nor too early."""
    assert compute_delay(build_advice("53s"), 1, policy, chance) == seconds


@pytest.mark.parametrize("advised", ["0s", "0.01s"])
def test_advice_of_zero(advised: str) -> None:
    """An advised delay of nothing is at least 0.1 s."""
    assert compute_delay(build_advice(advised), 1, Retry(), 0.0) == 0.1


def build_quota_failure(message: str = "", **violation: object) -> RateLimited:
    """Build a 429 with one violation of a quota."""
    details = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}
    return RateLimited(429, "RESOURCE_EXHAUSTED", message, ({"@type": "x"}, details))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (build_quota_failure(quotaId="GenerateRequestsPerMinutePerProjectPerModel-FreeTier", quotaValue="15"), True),
        (build_quota_failure(quotaId="GenerateRequestsPerDayPerProjectPerModel-FreeTier", quotaValue="50"), False),
        (build_quota_failure(quotaId="GenerateTokensPerMinute", quotaValue="0"), False),
        (build_quota_failure(quotaId="GenerateTokensPerMinute", quotaValue=0), False),
        (build_quota_failure(quotaId=7, quotaValue=None), True),
        (build_quota_failure("Quota exceeded for metric: generate_requests, limit: 0, model: m"), False),
        (build_quota_failure("Quota exceeded for metric: generate_requests, limit: 0.5"), True),
        (build_quota_failure("Quota exceeded for metric: generate_requests, limit: 10"), True),
        (RateLimited(429, details=({"@type": "x", "violations": [{"quotaId": "PerDay"}]},)), True),
        (RateLimited(429, details=("QuotaFailure", {"@type": "google.rpc.QuotaFailure", "violations": {}})), True),
        (RateLimited(429, details=({"@type": "google.rpc.QuotaFailure", "violations": ["PerDay", None]},)), True),
    ],
    ids=repr,
)
def test_exhausted_quota(error: RateLimited, expected: bool) -> None:
    """A quota for a day and a quota of zero are not retried, whatever the server advises; one for a minute is."""
    assert is_retryable(error, repeatable=True) == expected


@pytest.mark.parametrize(("error", "expected"), [(ClientError(401), True), (ClientError(403), False), (SENT, False)])
def test_unauthenticated(error: GenaiError, expected: bool) -> None:
    """Only status 401 means that the credential is refused."""
    assert is_unauthenticated(error) == expected


def test_status_codes() -> None:
    """The policy selects the retried status codes; network errors do not depend on them."""
    policy = Retry(status_codes=(418, 503))
    is_retried = [is_retryable(ClientError(code), policy, repeatable=True) for code in (418, 429, 503)]
    assert is_retried == [True, False, True]
    assert not is_retryable(ClientError(418), policy, repeatable=False)
    assert is_retryable(SENT, Retry(status_codes=()), repeatable=True)


def test_endless() -> None:
    """The delay of the thousandth attempt does not overflow."""
    assert compute_delay(BUSY, 1000, Retry(attempts=2000), 1.0) == 60.0


def build_advice(delay: object, kind: str = "type.googleapis.com/google.rpc.RetryInfo") -> ServerError:
    """Build a 503 with details."""
    return ServerError(503, details=({"@type": "type.googleapis.com/other"}, {"@type": kind, "retryDelay": delay}))


DATE = ("date", "Sun, 06 Nov 1994 08:49:37 GMT")


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (build_advice("53s"), 53.0),
        (build_advice("58.912s"), 58.912),
        (build_advice("0s"), 0.0),
        (build_advice("7s", "google.rpc.RetryInfo"), 7.0),
        (build_advice("7s", "type.googleapis.com/other"), None),
        (build_advice("-7s"), None),
        (build_advice("7"), None),
        (build_advice("inf"), None),
        (build_advice("1e9s"), None),
        (build_advice(7), None),
        (build_advice(None), None),
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
    assert compute_delay(error, 1, POLICY, 0.5) == 1.0 + (0.0 if seconds is None else max(seconds, 0.1))


def test_advice_before_the_details() -> None:
    """The details of an error take precedence over its headers."""
    error = ServerError(503, details=build_advice("3s").details, headers=(("retry-after", "9"),))
    assert error.retry_after == 3.0


def test_advice_after_the_last() -> None:
    """Advice does not add attempts to those of the policy."""
    assert compute_delay(build_advice("1s"), 5, POLICY, 0.5) is None


@pytest.mark.parametrize(
    ("error", "was_reused", "repeatable", "expected"),
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
def test_stale_connection(error: GenaiError, was_reused: bool, repeatable: bool, expected: bool) -> None:
    """Only a lost kept-alive connection does not count as an attempt, and only for repeatable operations."""
    assert is_stale_connection(error, reused=was_reused, repeatable=repeatable) == expected
