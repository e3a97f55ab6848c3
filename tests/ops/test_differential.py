"""Every operation with drawn arguments and replies: google-genai 1.51.0 and genai_fn do the same."""

import inspect
import json
import logging
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pydantic
import pytest
from hypothesis import HealthCheck, Phase, given, reject, settings

from genai_fn.backend import build_bearer_credential, build_own_credential
from genai_fn.errors import GenaiError, InvalidRequest, Unsupported
from genai_fn.http import FileSlice, HttpResponse
from genai_fn.results import Success
from genai_fn.wire import decode, encode, prepare_request, sign_request
from tests.cases.differences import (
    DIFFERENCES,
    GENERATED_TEXTS,
    OTHER_BACKEND_MEMBERS,
    READS_MORE,
    REFUSALS_WITHOUT_FIELD,
    WHOLE_VALUE_DIFFERENCES,
    find_difference,
    is_empty_reply,
)
from tests.support.drawn_arguments import CALLS, Arguments, DrawnCall
from tests.support.drawn_replies import draw_replies, to_plain_data
from tests.support.drawn_requests import has_operation
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import BACKENDS

BY_NAME = {call.name: call for call in CALLS}
SETTINGS = {"deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck)}

ALL_CALLS = [(call, backend) for call in CALLS for backend in BACKENDS]
COMPARED_CALLS = [each for each in ALL_CALLS if (each[0].name, each[1]) not in WHOLE_VALUE_DIFFERENCES]
DECODED_CALLS = [each for each in ALL_CALLS if has_operation(each[0].name, each[1])]


def _get_name(value: Any) -> str:
    return getattr(value, "name", value)


@pytest.fixture(autouse=True)
def suppress_log() -> Iterator[None]:
    """Suppress google-genai's log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


# Requests


@pytest.mark.parametrize(("call", "backend"), COMPARED_CALLS, ids=_get_name)
def test_same_wire(call: DrawnCall, backend: str) -> None:
    """Drawn arguments send the same request as google-genai, or both refuse them, with the same field."""
    compared_arguments: list[Arguments] = []

    @settings(max_examples=call.examples, **SETTINGS)
    @given(call.strategy)
    def check_arguments(arguments: Arguments) -> None:
        if find_difference(call.name, arguments, backend):
            reject()
        theirs = oracle.capture_request(BACKENDS[backend][0], lambda client: call.theirs(client, arguments))
        if _is_no_value(theirs):
            reject()
        compared_arguments.append(arguments)
        _check_same_request(call, arguments, backend, theirs)

    check_arguments()
    assert len(compared_arguments) >= call.examples


def _is_no_value(theirs: oracle.SentRequest | oracle.RefusedCall) -> bool:
    """Whether arguments that are drawn by our types are no values of theirs."""
    return isinstance(theirs, oracle.RefusedCall) and issubclass(theirs.error, pydantic.ValidationError)


def _check_same_request(
    call: DrawnCall, arguments: Arguments, backend: str, theirs: oracle.SentRequest | oracle.RefusedCall
) -> None:
    if isinstance(theirs, oracle.SentRequest):
        assert _select_compared_parts(theirs, exact_names=call.exact_names) == _encode_ours(call, arguments, backend)
    elif theirs.unsupported:
        error = encode(call.ours(arguments), BACKENDS[backend][1]).failure()
        assert isinstance(error, Unsupported), error
        if not any(phrase in theirs.message for phrase in REFUSALS_WITHOUT_FIELD):
            assert _get_refused_name(theirs.message) in [_get_field_name(path) for path in error.paths]
        assert error.reason or not theirs.message.startswith("This method")
    else:
        assert isinstance(_get_error(call, arguments, backend), InvalidRequest | Unsupported)


def _encode_ours(call: DrawnCall, arguments: Arguments, backend: str) -> Mapping[str, Any]:
    our_backend = BACKENDS[backend][1]
    http = sign_request(
        encode(call.ours(arguments), our_backend).unwrap(),
        build_own_credential(our_backend) or build_bearer_credential(our_backend, "test-token"),
    )
    assert not isinstance(http.body, FileSlice)
    body = http.body if isinstance(http.body, bytes) else b"".join(http.body)
    headers = {name.lower(): value for name, value in http.headers}
    request = oracle.SentRequest(http.method, http.url, headers, msgspec.json.decode(body) if body else None)
    return _select_compared_parts(request, exact_names=call.exact_names)


def _select_compared_parts(request: oracle.SentRequest, *, exact_names: bool) -> Mapping[str, Any]:
    """Return the parts of a request that the service reads; parameters in any order."""
    url = urlsplit(request.url)
    headers = {
        name: value
        for name, value in request.headers.items()
        if name.startswith("x-goog-") or name in _COMPARED_HEADERS
    }
    headers.pop("x-goog-api-client", None)
    return {
        "method": request.method,
        "host": (url.scheme, url.netloc),
        "path": url.path,
        "query": sorted(parse_qsl(url.query, keep_blank_values=True)),
        "headers": headers | ({"content-type": request.headers["content-type"]} if request.body else {}),
        "body": _mask_generated_names(oracle.normalize(request.body, exact_names=exact_names)),
    }


_COMPARED_HEADERS = ("authorization",)


def _mask_generated_names(body: Any) -> Any:
    text = json.dumps(body)
    for pattern in GENERATED_TEXTS:
        text = re.sub(pattern, "…", text)
    return json.loads(text)


def _get_error(call: DrawnCall, arguments: Arguments, backend: str) -> GenaiError:
    try:
        return encode(call.ours(arguments), BACKENDS[backend][1]).failure()
    except InvalidRequest as error:
        return error


def _get_refused_name(message: str) -> str:
    return message.partition(" ")[0].replace("additionalProperties", "additional_properties")


def _get_field_name(path: str) -> str:
    return path.rpartition(".")[2].partition("[")[0]


@pytest.mark.parametrize("name", DIFFERENCES)
def test_differences_hold(name: str) -> None:
    """Each difference in the table exists, and its own example shows it."""
    each = DIFFERENCES[name]
    call, arguments = BY_NAME[each.operation], dict(each.arguments)
    assert each.is_met(each.operation, arguments, each.backend)
    theirs = oracle.capture_request(BACKENDS[each.backend][0], lambda client: call.theirs(client, arguments))
    try:
        _check_same_request(call, arguments, each.backend, theirs)
    except Exception:  # any assertion or error shows the difference
        return
    pytest.fail(f"the libraries no longer differ: {each.reason}")


# Responses


@pytest.mark.parametrize(("call", "backend"), DECODED_CALLS, ids=_get_name)
def test_same_values(call: DrawnCall, backend: str) -> None:
    """Drawn replies decode to all values that google-genai reads, and to more only where the table states it."""
    their_backend, our_backend = BACKENDS[backend]
    arguments, reader = _draw_call(call, backend)
    request = call.ours(arguments)
    compared_replies: list[Any] = []

    @settings(max_examples=20, **SETTINGS)
    @given(draw_replies(reader.wire_type, OTHER_BACKEND_MEMBERS.get((call.name, backend), frozenset())))
    def check_reply(reply: Any) -> None:
        reply_body = _fit_reply(reply, call.name, backend)
        if is_empty_reply(call.name, backend, reply_body):
            reject()
        theirs = oracle.parse_reply(their_backend, lambda client: call.theirs(client, arguments), reply_body)
        if isinstance(theirs, Exception):
            reject()  # google-genai cannot decode it
        compared_replies.append(reply_body)
        ours = decode(request, HttpResponse(200, (), json.dumps(reply_body).encode()), our_backend).unwrap()
        their_value = {type(ours).__struct_fields__[-1]: theirs.page} if hasattr(theirs, "page") else theirs
        surplus = list(
            _list_differing_paths(
                to_plain_data(their_value),
                _remove_page_token(to_plain_data(ours)) if their_value is not theirs else to_plain_data(ours),
            )
        )
        assert [each for each in surplus if not _is_in_table(call.name, backend, *each)] == []

    check_reply()
    assert compared_replies


def _draw_call(call: DrawnCall, backend: str) -> tuple[Arguments, Any]:
    """Find arguments that the backend takes, and how their response is decoded."""
    our_backend = BACKENDS[backend][1]
    found: list[tuple[Arguments, Any]] = []

    @settings(max_examples=30, phases=[Phase.generate], **SETTINGS)
    @given(call.strategy)
    def draw(arguments: Arguments) -> None:
        assert not found  # ends the search
        if not find_difference(call.name, arguments, backend):
            if _is_no_value(
                oracle.capture_request(BACKENDS[backend][0], lambda client: call.theirs(client, arguments))
            ):
                return
            try:
                result = prepare_request(call.ours(arguments), our_backend)
            except InvalidRequest:
                return
            if isinstance(result, Success):
                found.append((arguments, result.unwrap().reader))

    with suppress(AssertionError):
        draw()
    return found[0]


def _fit_reply(reply: dict[str, Any], name: str, backend: str) -> dict[str, Any]:
    """Adapt a reply to the call."""
    reply_body = {
        key: value for key, value in reply.items() if key != "automaticFunctionCallingHistory"
    }  # a field that only 1.51.0 adds
    if name in ("videos.generate", "operations.get") and backend == "gemini" and "response" in reply_body:
        inner = reply_body["response"]  # on Gemini, the response is one level deeper
        return {**reply_body, "response": {key: each for key, each in inner.items() if key == "generateVideoResponse"}}
    if name != "embed":
        return reply_body
    vectors = "embeddings" if backend == "gemini" else "predictions"  # one vector, as there is one content
    return {**reply_body, vectors: (reply_body.get(vectors) or [{"embeddings": {}}])[:1]}


def _remove_page_token(page: Any) -> Any:
    return {name: each for name, each in page.items() if name != "next_page_token"}


def _list_differing_paths(theirs: Any, ours: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in {**theirs, **ours}:
            yield from _list_differing_paths(theirs.get(name), ours.get(name), f"{path}.{name}")
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for their_item, our_item in zip(theirs, ours, strict=True):
            yield from _list_differing_paths(their_item, our_item, f"{path}[]")
    elif theirs != ours:
        yield path, theirs, ours


def _is_in_table(name: str, backend: str, path: str, theirs: Any, ours: Any) -> bool:
    is_more = theirs is None or (isinstance(theirs, list) and all(each in ours for each in theirs))
    return is_more and any(
        fnmatchcase(name, operation) and fnmatchcase(backend, backend_pattern) and fnmatchcase(path, f"*{path_end}")
        for operation, backend_pattern, path_end in READS_MORE
    )


# Number of cases


def test_enough_cases() -> None:
    """With the tables, at least 1,500 cases compare two requests."""
    table_count = sum(_count_cases(function) for function in _list_table_tests())
    assert table_count > 500
    assert table_count + sum(call.examples for call, _ in COMPARED_CALLS) >= 1500


def _list_table_tests() -> Iterator[Any]:
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("test_*.py")):
        module = import_module(".".join(("tests.ops", *path.relative_to(folder).with_suffix("").parts)))
        for name, function in inspect.getmembers(module, inspect.isfunction):
            is_own_test = name.startswith("test_") and function.__module__ == module.__name__ and path != Path(__file__)
            if is_own_test and re.search(
                r"\b(check_same_request|oracle\.capture_request)\(", inspect.getsource(function)
            ):
                yield function


def _count_cases(function: Any) -> int:
    marks = [mark for mark in getattr(function, "pytestmark", []) if mark.name == "parametrize"]
    return math.prod(len(mark.args[1]) for mark in marks)
