"""Every operation with drawn arguments and replies: google-genai 1.51.0 and genai_fn do the same."""

import inspect
import json
import logging
import math
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pydantic
import pytest
from hypothesis import HealthCheck, given, reject, settings

from genai_fn.backend import build_bearer_credential, build_own_credential
from genai_fn.errors import GenaiError, InvalidRequest, Unsupported
from genai_fn.http import FileSlice, HttpResponse
from genai_fn.results import Success
from genai_fn.wire import decode, encode, prepare_request, sign_request
from tests.cases.differences import (
    DIFFERENCES,
    ELSEWHERE,
    MADE_UP,
    NAMELESS,
    READS_MORE,
    WHOLE_VALUE_DIFFERENCES,
    find_difference,
    is_no_answer,
)
from tests.support.drawn_arguments import CALLS, Arguments, DrawnCall
from tests.support.drawn_replies import draw_replies, to_plain_data
from tests.support.drawn_requests import has_operation
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import PLACES

BY_NAME = {call.name: call for call in CALLS}
drawn = {"deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck)}

EVERYWHERE = [(call, backend) for call in CALLS for backend in PLACES]
SENT = [each for each in EVERYWHERE if (each[0].name, each[1]) not in WHOLE_VALUE_DIFFERENCES]
READ = [each for each in EVERYWHERE if has_operation(each[0].name, each[1])]


def _name(value: Any) -> str:
    return getattr(value, "name", value)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Suppress google-genai's log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


# What goes out


@pytest.mark.parametrize(("call", "backend"), SENT, ids=_name)
def test_same_wire(call: DrawnCall, backend: str) -> None:
    """Drawn arguments send the same request as google-genai, or both refuse them, with the same field."""
    compared: list[Arguments] = []

    @settings(max_examples=call.examples, **drawn)
    @given(call.given)
    def agree(arguments: Arguments) -> None:
        if find_difference(call.name, arguments, backend):
            reject()
        theirs = oracle.sent(PLACES[backend][0], lambda client: call.theirs(client, arguments))
        if _is_no_value(theirs):
            reject()
        compared.append(arguments)
        _check_agreement(call, arguments, backend, theirs)

    agree()
    assert len(compared) >= call.examples


def _is_no_value(theirs: oracle.Wire | oracle.Refused) -> bool:
    """Whether arguments that are drawn by our types are no values of theirs."""
    return isinstance(theirs, oracle.Refused) and issubclass(theirs.error, pydantic.ValidationError)


def _check_agreement(call: DrawnCall, arguments: Arguments, backend: str, theirs: oracle.Wire | oracle.Refused) -> None:
    if isinstance(theirs, oracle.Wire):
        assert _select_compared_parts(theirs, spelled=call.spelled) == _encode_ours(call, arguments, backend)
    elif theirs.unsupported:
        error = encode(call.ours(arguments), PLACES[backend][1]).failure()
        assert isinstance(error, Unsupported), error
        if not any(words in theirs.message for words in NAMELESS):
            assert _field(theirs.message) in [_last(path) for path in error.paths]
        assert error.reason or not theirs.message.startswith("This method")
    else:
        assert isinstance(_get_refused_field(call, arguments, backend), InvalidRequest | Unsupported)


def _encode_ours(call: DrawnCall, arguments: Arguments, backend: str) -> Mapping[str, Any]:
    at = PLACES[backend][1]
    http = sign_request(
        encode(call.ours(arguments), at).unwrap(), build_own_credential(at) or build_bearer_credential(at, "test-token")
    )
    assert not isinstance(http.body, FileSlice)
    body = http.body if isinstance(http.body, bytes) else b"".join(http.body)
    headers = {name.lower(): value for name, value in http.headers}
    wire = oracle.Wire(http.method, http.url, headers, msgspec.json.decode(body) if body else None)
    return _select_compared_parts(wire, spelled=call.spelled)


def _select_compared_parts(wire: oracle.Wire, *, spelled: bool) -> Mapping[str, Any]:
    """Return the parts of a request that the service reads; parameters in any order."""
    url = urlsplit(wire.url)
    headers = {name: value for name, value in wire.headers.items() if name.startswith("x-goog-") or name in _OURS}
    headers.pop("x-goog-api-client", None)
    return {
        "method": wire.method,
        "host": (url.scheme, url.netloc),
        "path": url.path,
        "query": sorted(parse_qsl(url.query, keep_blank_values=True)),
        "headers": headers | ({"content-type": wire.headers["content-type"]} if wire.body else {}),
        "body": _mask_generated_names(oracle.normal(wire.body, spelled=spelled)),
    }


_OURS = ("authorization",)


def _mask_generated_names(body: Any) -> Any:
    text = json.dumps(body)
    for pattern in MADE_UP:
        text = re.sub(pattern, "…", text)
    return json.loads(text)


def _get_refused_field(call: DrawnCall, arguments: Arguments, backend: str) -> GenaiError:
    try:
        return encode(call.ours(arguments), PLACES[backend][1]).failure()
    except InvalidRequest as error:
        return error


def _field(message: str) -> str:
    return message.partition(" ")[0].replace("additionalProperties", "additional_properties")


def _last(path: str) -> str:
    return path.rpartition(".")[2].partition("[")[0]


@pytest.mark.parametrize("name", DIFFERENCES)
def test_differences_hold(name: str) -> None:
    """Each difference in the table exists, and its own example shows it."""
    each = DIFFERENCES[name]
    call, arguments = BY_NAME[each.operation], dict(each.given)
    assert each.is_met(each.operation, arguments, each.backend)
    theirs = oracle.sent(PLACES[each.backend][0], lambda client: call.theirs(client, arguments))
    try:
        _check_agreement(call, arguments, each.backend, theirs)
    except Exception:  # whatever it is that differs
        return
    pytest.fail(f"no difference any more: {each.why}")


# What is read


@pytest.mark.parametrize(("call", "backend"), READ, ids=_name)
def test_same_values(call: DrawnCall, backend: str) -> None:
    """Drawn replies decode to all values that google-genai reads, and to more only where the table states it."""
    place, at = PLACES[backend]
    arguments, answer = _draw_call(call, backend)
    request = call.ours(arguments)
    compared: list[Any] = []

    @settings(max_examples=20, **drawn)
    @given(draw_replies(answer.wire_type, ELSEWHERE.get((call.name, backend), frozenset())))
    def agree(reply: Any) -> None:
        reply_body = _fit_reply(reply, call.name, backend)
        if is_no_answer(call.name, backend, reply_body):
            reject()
        theirs = oracle.parsed(place, lambda client: call.theirs(client, arguments), reply_body)
        if isinstance(theirs, Exception):
            reject()  # no value of theirs
        compared.append(reply_body)
        ours = decode(request, HttpResponse(200, (), json.dumps(reply_body).encode()), at).unwrap()
        listed = {type(ours).__struct_fields__[-1]: theirs.page} if hasattr(theirs, "page") else theirs
        surplus = list(
            _list_unlike_paths(
                to_plain_data(listed),
                _without_token(to_plain_data(ours)) if listed is not theirs else to_plain_data(ours),
            )
        )
        assert [each for each in surplus if not _is_in_table(call.name, backend, *each)] == []

    agree()
    assert compared


def _draw_call(call: DrawnCall, backend: str) -> tuple[Arguments, Any]:
    """Find arguments that the backend takes, and how their response is decoded."""
    at = PLACES[backend][1]
    found: list[tuple[Arguments, Any]] = []

    @settings(max_examples=30, **drawn)
    @given(call.given)
    def look(arguments: Arguments) -> None:
        if not found and not find_difference(call.name, arguments, backend):
            if _is_no_value(oracle.sent(PLACES[backend][0], lambda client: call.theirs(client, arguments))):
                return
            try:
                prepared = prepare_request(call.ours(arguments), at)
            except InvalidRequest:
                return
            if isinstance(prepared, Success):
                found.append((arguments, prepared.unwrap().reader))

    look()
    return found[0]


def _fit_reply(reply: dict[str, Any], name: str, backend: str) -> dict[str, Any]:
    """Adapt a reply to the call."""
    reply_body = {
        key: value for key, value in reply.items() if key != "automaticFunctionCallingHistory"
    }  # 1.51.0's own
    if name in ("videos.generate", "operations.get") and backend == "gemini" and "response" in reply_body:
        inner = reply_body["response"]  # there, all is one level deeper
        return {**reply_body, "response": {key: each for key, each in inner.items() if key == "generateVideoResponse"}}
    if name != "embed":
        return reply_body
    vectors = "embeddings" if backend == "gemini" else "predictions"  # as many as there were contents: one
    return {**reply_body, vectors: (reply_body.get(vectors) or [{"embeddings": {}}])[:1]}


def _without_token(page: Any) -> Any:
    return {name: each for name, each in page.items() if name != "next_page_token"}


def _list_unlike_paths(theirs: Any, ours: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in {**theirs, **ours}:
            yield from _list_unlike_paths(theirs.get(name), ours.get(name), f"{path}.{name}")
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for one, other in zip(theirs, ours, strict=True):
            yield from _list_unlike_paths(one, other, f"{path}[]")
    elif theirs != ours:
        yield path, theirs, ours


def _is_in_table(name: str, backend: str, path: str, theirs: Any, ours: Any) -> bool:
    is_more = theirs is None or (isinstance(theirs, list) and all(each in ours for each in theirs))
    return is_more and any(
        fnmatchcase(name, operation) and fnmatchcase(backend, where) and fnmatchcase(path, f"*{place}")
        for operation, where, place in READS_MORE
    )


# How many


def test_enough_cases() -> None:
    """With the tables, at least 1,500 cases compare two requests."""
    by_hand = sum(_cases(function) for function in _count_table_cases())
    assert by_hand > 500
    assert by_hand + sum(call.examples for call, _ in SENT) >= 1500


def _count_table_cases() -> Iterator[Any]:
    here = Path(__file__).parent
    for path in sorted(here.rglob("test_*.py")):
        module = import_module(".".join(("tests.ops", *path.relative_to(here).with_suffix("").parts)))
        for name, function in inspect.getmembers(module, inspect.isfunction):
            mine = name.startswith("test_") and function.__module__ == module.__name__ and path != Path(__file__)
            if mine and re.search(r"\b(agrees|oracle\.sent)\(", inspect.getsource(function)):
                yield function


def _cases(function: Any) -> int:
    marks = [mark for mark in getattr(function, "pytestmark", []) if mark.name == "parametrize"]
    return math.prod(len(mark.args[1]) for mark in marks)
