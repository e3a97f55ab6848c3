"""Error statuses, redirects, and advice when to retry."""

import msgspec

from genai_fn.errors import APIError, ClientError, DecodeError, RateLimited, ServerError
from tests.cases.faults.outcomes import (
    FOLLOWED,
    REDIRECTED,
    REFUSED,
    TRUNCATED,
    contain_error,
    fail_after_retries,
    fail_once,
    send_body,
)
from tests.support.faults.fault import ATTEMPTS, CHUNK, MEMORY, PATH, Fault, Outcome, Outcomes

_MESSAGE = {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}
_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


def _status(status: int, outcomes: Outcomes, body: bytes = b"") -> Fault:
    return Fault(f"status: {status}", send_body(body, status=status), outcomes)


def _error(name: str, body: object, outcomes: Outcomes, status: int = 400) -> Fault:
    encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Fault(f"error: {name}", send_body(encoded, status=status), outcomes)


def _redirect(name: str, location: str, outcomes: Outcomes, status: int = 302) -> Fault:
    return Fault(f"redirect: {name}", send_body(b"", ("location", location), status=status), outcomes)


def _advice(name: str, headers: tuple[tuple[str, str], ...], outcomes: Outcomes, details: object = ()) -> Fault:
    body = {"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED", "details": details}}
    return Fault(f"advice: {name}", send_body(msgspec.json.encode(body), *headers, status=429), outcomes)


def _delay(delay: object) -> list[object]:
    return [{"@type": _RETRY_INFO, "retryDelay": delay}]


SLOW = fail_after_retries(RateLimited, "429 RESOURCE_EXHAUSTED: slow")
TOO_LONG = fail_once(RateLimited, "429 RESOURCE_EXHAUSTED: slow")
"""The wait would pass the deadline."""

ENDLESS_REDIRECT: Outcomes = {**REDIRECTED, MEMORY: Outcome(APIError, 6), PATH: Outcome(APIError, 6)}
UNFOLLOWED_308: Outcomes = {**REDIRECTED, CHUNK: Outcome(DecodeError, 4, "progress of the upload")}
"""A 308 answers a chunk of an upload with its progress, which is none."""

STATUSES = (
    *(_status(status, TRUNCATED) for status in (201, 203, 226, 299)),
    *(_status(status, fail_once(APIError)) for status in (300, 304, 305, 306, 399)),
    *(_status(status, REFUSED) for status in (400, 401, 403, 404, 407, 409, 410, 416, 418, 421, 426, 431, 451, 499)),
    *(_status(status, fail_after_retries(ClientError)) for status in (408, 429)),
    *(_status(status, fail_after_retries(ServerError)) for status in (500, 502, 503, 504)),
    *(_status(status, fail_once(ServerError)) for status in (501, 505, 511, 529, 599)),
    *(_status(status, fail_once(APIError)) for status in (600, 999)),
    _error(
        "HTML",
        b"<!doctype html><title>Bad gateway</title>" * 100,
        fail_after_retries(ServerError, "502: <"),
        502,
    ),
    _error("empty object", b"{}", REFUSED),
    _error("null", {"error": None}, REFUSED),
    _error("text", {"error": "invalid_grant", "error_description": "expired"}, REFUSED, 401),
    _error("flat", {"code": 401, "message": "Jwt is missing"}, REFUSED, 401),
    _error("in a list", [{"error": _MESSAGE}], REFUSED),
    _error("code of another status", {"error": {**_MESSAGE, "code": 503}}, REFUSED),
    _error("code as text", {"error": {**_MESSAGE, "code": "400"}}, REFUSED),
    _error("details that are no list", {"error": {**_MESSAGE, "details": "no"}}, REFUSED),
    _error("message that is no text", {"error": {**_MESSAGE, "message": ["no"]}}, REFUSED),
    _error("message of 900 KB", {"error": {**_MESSAGE, "message": "x" * 900_000}}, REFUSED),
    _error("deep", b'{"error": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", REFUSED),
    _error("not UTF-8", b'{"error": {"message": "\xff\xfe"}}', REFUSED),
    _error("UTF-16", '{"error": {"message": "no"}}'.encode("utf-16"), REFUSED),
    _error("with a byte order mark", b"\xef\xbb\xbf" + msgspec.json.encode({"error": _MESSAGE}), REFUSED),
    _error("cut", msgspec.json.encode({"error": _MESSAGE})[:-9], REFUSED),
    _error(
        "echo of the key",
        {
            "error": {
                **_MESSAGE,
                "message": "Consumer 'api_key:test-key' has been suspended",
                "details": [{"metadata": {"containerInfo": "test-key", "test-key": "a"}}],
            }
        },
        REFUSED,
        403,
    ),
    _error("echo of the key in HTML", b"<p>key=test-key</p>", REFUSED, 403),
    _error("in a 200", {"error": _MESSAGE}, contain_error(ClientError), 200),
    _error(
        "503 in a 200",
        {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}},
        contain_error(ServerError, ATTEMPTS),
        200,
    ),
    _error("in a list in a 200", [{"error": _MESSAGE}], contain_error(ClientError), 200),
    _redirect("to itself", "/v1beta/files/abc:download?alt=media", ENDLESS_REDIRECT),
    _redirect("to nowhere", "", REDIRECTED),
    _redirect("to a port that refuses", "http://127.0.0.1:1/", FOLLOWED, 307),
    _redirect("to another scheme", "ftp://127.0.0.1/x", REDIRECTED),
    _redirect("to a file", "file:///etc/passwd", REDIRECTED, 301),
    _redirect("to JavaScript", "javascript:alert(1)", REDIRECTED),
    _redirect("to half an address", "http://[::1", REDIRECTED),
    _redirect("to a port out of range", "http://127.0.0.1:99999/", FOLLOWED),
    _redirect("to a host with a NUL", "http://a\x7fb/", UNFOLLOWED_308, 308),
    _redirect("with user and password", "http://test-key:x@127.0.0.1:1/", FOLLOWED, 303),
    _redirect("with the key", "http://127.0.0.1:1/?key=test-key", FOLLOWED),
    Fault("redirect: without a location", send_body(b"", status=302), REDIRECTED),
    _advice("none", (), SLOW),
    _advice("0 seconds", (("retry-after", "0"),), SLOW),
    _advice("negative", (("retry-after", "-5"),), SLOW),
    _advice("an hour", (("retry-after", "3600"),), TOO_LONG),
    _advice("of 400 digits", (("retry-after", "9" * 400),), SLOW),
    _advice("not a number", (("retry-after", "nan"),), SLOW),
    _advice("a date without a date", (("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"),), SLOW),
    _advice(
        "a date that is past",
        (("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), ("date", "Thu, 22 Oct 2015 07:28:00 GMT")),
        SLOW,
    ),
    _advice("a date that is none", (("retry-after", "Wed, 99 Oct 99999 99:99:99 GMT"), ("date", "x")), SLOW),
    _advice("milliseconds", (("retry-after-ms", "1"),), SLOW),
    _advice("RetryInfo", (), SLOW, _delay("0.001s")),
    _advice("RetryInfo that is a number", (), SLOW, _delay(7)),
    _advice("RetryInfo that is negative", (), SLOW, _delay("-3s")),
    _advice("RetryInfo of a day", (), TOO_LONG, _delay("86400s")),
    _advice("RetryInfo that is a list", (), SLOW, _delay(["1s"])),
)
