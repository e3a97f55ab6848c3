"""Errors are values: they compare, hash, pickle, support patterns, and always have a text."""

import copy
import pickle
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import pytest

from genai_fn import Failure, errors, raise_for
from genai_fn.errors import APIError, ClientError, GenaiError, InvalidRequest, NoAnswer, ServerError

ERRORS: tuple[GenaiError, ...] = (
    APIError(302, "", "moved", (), (("location", "l"),)),
    errors.ClientError(400, "INVALID_ARGUMENT", "m", ({"@type": "t"},)),
    errors.RateLimited(429),
    errors.ServerError(500),
    errors.ConnectError("connecting", "refused"),
    errors.CertificateError("TLS handshake", "certificate: expired"),
    errors.TimedOut("idle", "reading"),
    errors.Disconnected("reading", "cut"),
    errors.Closed(),
    errors.DecodeError("an int", "$.a", "text"),
    errors.Truncated('{"a', "MAX_TOKENS"),
    errors.NoText("SAFETY", "OTHER", (), "m"),
    errors.Unsupported("Vertex AI", ("a.b", "c"), "why"),
    errors.InvalidRequest("config.a", {"b": [1]}, "an int"),
    errors.AuthError("no key"),
    errors.AsyncOnly("an async function"),
    errors.MissingExtra("httpcore2", "http1='httpcore2'", "pip install httpcore2"),
    errors.OperationFailed("batches/1", 3, "m"),
    errors.FunctionCallError("f", "m"),
    errors.BudgetExceeded(0.5, 0.25, "USD"),
    errors.CountMismatch(3, 2),
    errors.EmbeddingFailed(5, ["a text"], errors.ServerError(503)),
    errors.PageLoop("t"),
    errors.QuotaExceeded("requests per day", 50, 3600.0),
    errors.LiveClosed(1011, "r"),
    errors.NoAnswer("request", None),
)


def test_all_are_here() -> None:
    """The list of errors is complete."""
    listed_errors = {getattr(errors, name) for name in errors.__all__} - {GenaiError, errors.TransportError}
    assert {type(error) for error in ERRORS} == listed_errors


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_values(error: GenaiError) -> None:
    """An error equals another of the same class with the same fields, and nothing else."""
    for duplicate in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(duplicate) is type(error)
        assert duplicate == error
        assert hash(duplicate) == hash(error)
        assert str(duplicate) == str(error)
    assert error not in [other for other in ERRORS if other is not error]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_taken_apart(error: GenaiError) -> None:
    """A class pattern matches fields by position."""
    assert type(error).__match_args__ == tuple(field.name for field in fields(error))  # type: ignore[arg-type,attr-defined]  # dataclasses all


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_raised(error: GenaiError) -> None:
    """A raised error is the same object when caught."""
    with pytest.raises(GenaiError) as raised:
        raise error
    assert raised.value == error


@contextmanager
def _pass_exceptions() -> Generator[None]:
    yield


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_raised_through_a_context_manager(error: GenaiError) -> None:
    """An error passes unchanged through a generator-based context manager, which sets its traceback."""
    with pytest.raises(type(error)) as raised, _pass_exceptions():
        raise error
    assert raised.value is error


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_raise_for(error: GenaiError) -> None:
    """`raise_for` raises a copy, so that the error of the result keeps no traceback."""
    original = copy.copy(error)
    with pytest.raises(type(error)) as raised:
        raise_for(Failure(original))
    assert (raised.value == original, raised.value is original, original.__traceback__) == (True, False, None)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_shown_by_its_kind(error: GenaiError) -> None:
    """The repr starts with the class name, and contains no headers."""
    assert repr(error).startswith(f"{type(error).__name__}(")
    assert "location" not in repr(error)


@pytest.mark.parametrize("root", (GenaiError, errors.TransportError))
def test_roots(root: type[GenaiError]) -> None:
    """Base classes of errors are values, too."""
    assert root() == pickle.loads(pickle.dumps(root())) == copy.copy(root())
    assert hash(root()) == hash(root())


def test_what_the_network_did() -> None:
    """Every transport error has the attribute `sent`."""
    assert [hasattr(error, "sent") for error in ERRORS if isinstance(error, errors.TransportError)] == [True] * 5


def test_kinds_are_apart() -> None:
    """Errors of different classes with the same fields are not equal."""
    assert ClientError(500) != ServerError(500)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (APIError(429), "429"),
        (APIError(429, "RESOURCE_EXHAUSTED"), "429 RESOURCE_EXHAUSTED"),
        (APIError(429, message="slow down"), "429: slow down"),
        (APIError(429, "RESOURCE_EXHAUSTED", "slow down"), "429 RESOURCE_EXHAUSTED: slow down"),
    ],
)
def test_message_of_the_server(error: APIError, expected: str) -> None:
    """An error of the server is shown as what there is of its code, status and message."""
    assert str(error) == expected


@pytest.mark.parametrize(
    ("nearest", "expected"),
    [(None, "no answer to 1"), ("a\n+ b", "no answer to 1; nearest: a\n+ b"), (2, "no answer to 1; nearest: 2")],
)
def test_no_answer(nearest: Any, expected: str) -> None:
    """What comes nearest is shown only if there is something; the lines of a text are lines."""
    assert str(NoAnswer(1, nearest)) == expected


def test_closed_session() -> None:
    """The reason of a closed live session is shown, if there is one."""
    assert [str(errors.LiveClosed(1011, reason)) for reason in ("busy", "")] == [
        "closed with 1011: busy",
        "closed with 1011",
    ]


def test_invalid_request_is_a_value_error() -> None:
    """`InvalidRequest` can be caught as ValueError."""
    assert isinstance(InvalidRequest("a", 1, "text"), ValueError)


class _WithoutRepr:
    def __repr__(self) -> str:
        raise RuntimeError("not me")


def test_always_shown() -> None:
    """Every error has a short text, whatever its value is."""
    endless: list[Any] = []
    for _ in range(100_000):
        endless = [endless]
    for value in (endless, _WithoutRepr(), b"x" * 1_000_000):
        assert len(str(InvalidRequest("a", value, "b"))) < 300


def _build_advice(delay: Any) -> tuple[Any, ...]:
    return ({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},)


@pytest.mark.parametrize(
    ("details", "headers", "seconds"),
    [
        ((), {}, None),
        (_build_advice("3s"), {}, 3.0),
        (_build_advice("58.9s"), {}, 58.9),
        (_build_advice("0s"), {"retry-after": "5"}, 0.0),
        (_build_advice("3"), {"retry-after": "5"}, 5.0),
        (_build_advice(None), {"retry-after": "5"}, 5.0),
        (_build_advice("-3s"), {}, None),
        (({"@type": "type.googleapis.com/google.rpc.Help"}, *_build_advice("2s")), {}, 2.0),
        ((None, "text", 3, [], {}), {"retry-after": "5"}, 5.0),
        ((), {"Retry-After-Ms": "1500"}, 1.5),
        ((), {"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ((), {"retry-after": " 7 "}, 7.0),
        ((), {"retry-after": "0.5"}, 0.5),
        ((), {"retry-after": "-1"}, None),
        ((), {"retry-after": "1e9"}, None),
        ((), {"retry-after": "soon"}, None),
        ((), {"retry-after": "Wed, 21 Oct 2015 07:28:10 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 10.0),
        ((), {"retry-after": "Wed, 21 Oct 2015 07:27:00 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ((), {"retry-after": "Wed, 21 Oct 2015 07:28:10 GMT"}, None),
        ((), {"retry-after": "Wed, 21 Oct 2015 07:28:10 GMT", "date": "yesterday"}, None),
        ((), {"retry-after": "9" * 99 + " Nov 1994 08:49:40 GMT", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ((), {"retry-after": "Wed, 21 Oct 2015 07:28:10 -0000", "date": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
    ],
)
def test_retry_after(details: tuple[Any, ...], headers: dict[str, str], seconds: float | None) -> None:
    """`retry_after` reads the details first, then `retry-after-ms`, then `Retry-After` as seconds or a date."""
    assert APIError(429, details=details, headers=tuple(headers.items())).retry_after == seconds
