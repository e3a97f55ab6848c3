"""Recordings of every operation: any answer is replayed unchanged, for an equal request only."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from msgspec.structs import replace
from returns.result import Failure, Success

from genai_fn import errors, ops, streamed
from genai_fn.effects import CallFunction
from genai_fn.errors import GenaiError
from genai_fn.ops.files.uploads import UploadProgress
from genai_fn.request import Operation, Request
from genai_fn.schema import AuthToken, SafetyRating
from genai_fn.testing import Fake
from genai_fn.testing.recordings.interpreters import recording
from genai_fn.testing.recordings.replay import Replay
from genai_fn.testing.recordings.scrub import KnownSecrets, mask_session_url
from genai_fn.testing.recordings.serialize import RecordedCall, record_request
from genai_fn.testing.strategies import from_type, json, requests, texts
from tests.support.drawn_requests import list_operations

for module in iter_modules(ops.__path__, f"{ops.__name__}."):
    import_module(module.name)

OPERATIONS: Mapping[str, type[Operation[Any]]] = {each.op: each for each in list_operations()}
each_operation = pytest.mark.parametrize("name", OPERATIONS)
few_examples = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))

_headers = st.just((("x-goog-request-id", "1"),))
_api: dict[str, Any] = {
    "code": st.integers(100, 599),
    "status": texts,
    "message": texts,
    "details": st.lists(json, max_size=2).map(tuple),
    "headers": _headers,
}
_FIELDS: dict[str, Any] = {
    **dict.fromkeys(("APIError", "ClientError", "RateLimited", "ServerError"), _api),
    "AuthError": {"message": texts},
    "BudgetExceeded": {
        "needed": st.floats(0, 9),
        "remaining": st.floats(-9, 9),
        "unit": st.sampled_from(["USD", "tokens"]),
    },
    "CertificateError": {"doing": texts, "reason": texts, "sent": st.booleans()},
    "Closed": {"doing": texts, "sent": st.booleans()},
    "ConnectError": {"doing": texts, "reason": texts, "sent": st.booleans()},
    "QuotaExceeded": {
        "quota": st.text(max_size=9),
        "limit": st.none() | st.integers(0, 9),
        "retry_after": st.none() | st.floats(0, 99),
    },
    "CountMismatch": {"expected": st.integers(0, 9), "got": st.integers(0, 9)},
    "DecodeError": {"expected": texts, "path": texts, "text": texts},
    "Disconnected": {"doing": texts, "reason": texts, "sent": st.booleans()},
    "EmbeddingFailed": {
        "index": st.integers(0, 9),
        "text": json,
        "error": st.builds(errors.ServerError, st.integers(500, 599), texts) | st.builds(errors.Closed),
    },
    "FunctionCallError": {"name": texts, "message": texts},
    "GenaiError": {},
    "InvalidRequest": {"path": texts, "value": json, "expected": texts},
    "LiveClosed": {"code": st.integers(1000, 4999), "reason": texts},
    "NoText": {
        "finish_reason": texts,
        "block_reason": st.none(),
        "safety_ratings": st.lists(from_type(SafetyRating), max_size=2).map(tuple),
        "message": texts,
    },
    "AsyncOnly": {"message": texts},
    "MissingExtra": {"package": texts, "needed_by": texts, "command": texts},
    "OperationFailed": {"subject": texts, "code": st.none() | st.integers(0, 16), "message": texts},
    "PageLoop": {"token": texts},
    "TimedOut": {"phase": st.sampled_from(["connect", "headers", "idle", "total", "poll"]), "doing": texts},
    "TransportError": {},
    "Truncated": {"text": texts, "finish_reason": st.none() | texts},
    "Unsupported": {"backend": texts, "paths": st.lists(texts, max_size=2).map(tuple), "reason": texts},
}


def draw_answers(request: Request[Any]) -> Any:
    """Return a strategy for answers of the operation's type."""
    bases = [each for base in type(request.operation).__mro__ for each in getattr(base, "__orig_bases__", ())]
    kind = next(kind for base in bases for kind in get_args(base))
    if kind is UploadProgress:
        return st.builds(
            UploadProgress, st.booleans(), st.none() | st.integers(0, 2**40), st.binary() | texts.map(str.encode)
        )
    return st.none() if kind is type(None) else from_type(kind)


def mask_answer(answer: Any, name: str) -> Any:
    """Return an answer with its secrets masked, as in a recording."""
    if name.endswith("upload.start"):
        return mask_session_url(answer)
    is_token = isinstance(answer, AuthToken) and answer.name is not None
    return replace(answer, name="auth_tokens/***") if is_token else answer


@each_operation
@few_examples
@given(data=st.data())
def test_answers_are_replayed(name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A replay gives the recorded answer of any operation, also in chunks."""
    path = tmp_path_factory.mktemp("recorded") / "calls.jsonl"
    request = data.draw(requests(name))
    answer = data.draw(draw_answers(request))
    run = recording(Fake(lambda request: Success(answer)), path)
    run(request)
    assert Success(mask_answer(answer, name)) == Replay(path)(request)
    if request.operation.get_streaming_operation() is not None:
        with run.stream(request | streamed) as found:
            recorded = list(found)
        with Replay(path).stream(request | streamed) as found:
            assert recorded == list(found)


def build_recorded_call(request: Request[Any]) -> RecordedCall:
    effects = record_request(request, KnownSecrets(), in_chunks=False)
    try:
        effect = next(effects)
        while isinstance(effect, CallFunction):
            effect = effects.send(effect.function(*effect.args))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # what the generator returns
    raise AssertionError(effect)


@each_operation
@few_examples
@given(data=st.data())
def test_keys_are_unique(name: str, data: st.DataObject) -> None:
    """Two requests have the same key in a recording if and only if they are equal."""
    left, right = data.draw(requests(name)), data.draw(requests(name))
    assert (left == right) == (build_recorded_call(left).key == build_recorded_call(right).key)
    assert build_recorded_call(left) == build_recorded_call(left)


def test_all_errors_are_drawn() -> None:
    """The table has the fields of every error class except `NoAnswer`."""
    assert set(errors.__all__) == {*_FIELDS, "NoAnswer"}


@pytest.mark.parametrize("name", _FIELDS)
@few_examples
@given(data=st.data())
def test_errors_are_replayed(name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every error is replayed as an equal error."""
    path = tmp_path_factory.mktemp("recorded") / "calls.jsonl"
    error: GenaiError = getattr(errors, name)(**{each: data.draw(strategy) for each, strategy in _FIELDS[name].items()})
    request = data.draw(requests("files.get"))
    assert Failure(error) == recording(Fake({"files.get": error}), path)(request)
    assert Failure(error) == Replay(path)(request)


def test_foreign_errors(tmp_path: Path) -> None:
    """An error of another class is replayed as its nearest base class; a value that is not JSON, as its repr."""

    class OtherError(errors.ServerError):
        pass

    path = tmp_path / "calls.jsonl"
    request = Request(OPERATIONS["files.get"](name="a"))  # type: ignore[call-arg]  # this one has it
    run = recording(Fake({"files.get": [OtherError(500, "ODD"), errors.InvalidRequest("here", {"set"}, "JSON")]}), path)
    run(request)
    run(request)
    replay = Replay(path)
    assert Failure(errors.ServerError(500, "ODD")) == replay(request)
    assert "here: expected JSON, got ['set']" == str(replay(request).failure())
