"""Properties of every operation, with drawn arguments; the operations are found, not listed."""

import copy
import inspect
import pickle
import re
from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from returns.result import Success

from genai_fn import ops
from genai_fn.backend import Backend, Gemini, Vertex
from genai_fn.errors import AuthError, GenaiError, InvalidRequest, Unsupported
from genai_fn.http import FileSlice, HttpRequest
from genai_fn.request import Operation, Request
from genai_fn.source_code import write_expression
from genai_fn.wire import encode
from tests.support.drawn_requests import REQUESTS, has_operation, list_operations, requests

for module in iter_modules(ops.__path__, f"{ops.__name__}."):
    import_module(module.name)

OPERATIONS: Mapping[str, type[Operation[Any]]] = {each.op: each for each in list_operations()}
KEYS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=16, max_size=24).map("test-key-{}".format)


def _build_backends(key: str = "test-key") -> tuple[Backend, ...]:
    """Return each kind of backend; those that take a key have this one."""
    return (
        Gemini(key),
        Gemini(headers={"authorization": f"Bearer {key}"}),
        Gemini(key, base_url="https://gate.test/way", api_version="v1"),
        Vertex("p", "us-central1"),
        Vertex(),
        Vertex(api_key=key),
        Vertex(base_url="https://gate.test/way", headers={"x-api-key": key}),
    )


GEMINI, VERTEX = Gemini("test-key"), Vertex("p", "us-central1")

drawn_settings = settings(
    max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
few_examples = settings(drawn_settings, max_examples=10)
each_operation = pytest.mark.parametrize("name", OPERATIONS)


def test_names_are_unique() -> None:
    """The name of an operation is unique."""
    assert len(list(list_operations())) == len(OPERATIONS) > 50


REPEATABLE_POSTS = {
    **dict.fromkeys(("batches.cancel", "tunings.cancel"), "the second changes nothing"),
    **dict.fromkeys(("tokens.compute", "tokens.count", "tokens.count.request"), "it reads"),
    **dict.fromkeys(("files.upload.query", "operations.get", "tunings.validate_reward"), "it reads"),
    **dict.fromkeys(("files.upload.start", "stores.upload.start"), "a session that nobody uses expires"),
    **dict.fromkeys(("generate", "generate.stream", "images.edit", "images.generate"), "nothing is kept"),
    **dict.fromkeys(("images.recontext", "images.segment", "images.upscale"), "nothing is kept"),
}
"""The operations that are sent again after any byte was sent although they are a POST, and why."""


def test_creating_is_not_repeatable() -> None:
    """A POST is not repeated unless the reason is listed: creating twice would leave something unknown behind."""
    posts = {name for name, kind in OPERATIONS.items() if kind.repeatable and "POST(" in inspect.getsource(kind)}
    assert posts == set(REPEATABLE_POSTS)


def test_all_are_drawn() -> None:
    """There is a strategy for every operation, and for no other."""
    assert set(REQUESTS) == set(OPERATIONS)


@each_operation
@few_examples
@given(data=st.data(), key=KEYS)
def test_encodes(name: str, data: st.DataObject, key: str) -> None:
    """On every backend it encodes to a complete request or a typed failure; it raises nothing and shows no key."""
    request = data.draw(REQUESTS[name])
    assert isinstance(request.operation, OPERATIONS[name])
    assert key not in _show(request)
    for backend in _build_backends(key):
        result = encode(request, backend)
        if isinstance(result, Success):
            http = result.unwrap()
            assert _list_placeholders(http.url + _read_body(http)) <= _list_placeholders(write_expression(request))
            assert key not in _show(http)
        else:
            error: GenaiError = result.failure()
            assert isinstance(error, Unsupported | InvalidRequest | AuthError)
            assert str(error)
            assert key not in _show(error)


@each_operation
@few_examples
@given(data=st.data())
def test_is_a_value(name: str, data: st.DataObject) -> None:
    """It equals its copy and its unpickled copy, hashes unless it contains a dict, and encodes the same."""
    request = data.draw(REQUESTS[name])
    for duplicate in (copy.copy(request), copy.deepcopy(request), pickle.loads(pickle.dumps(request))):
        assert duplicate == request
        assert repr(duplicate) == repr(request)
        assert encode(duplicate, GEMINI) == encode(request, GEMINI)
    if _contains_dict(request):
        with pytest.raises(TypeError):
            hash(request)
    else:
        assert hash(copy.deepcopy(request)) == hash(request)


@drawn_settings
@given(left=requests(), right=requests())
def test_differ(left: Request[Any], right: Request[Any]) -> None:
    """Requests are equal if and only if their operations have the same class and fields."""
    is_equal = type(left.operation) is type(right.operation) and repr(left) == repr(right)
    assert (left == right) == is_equal


def test_refusals_say_why() -> None:
    """If a backend does not have an operation, the failure has the operation's name and a reason."""
    refused = [
        (name, backend) for name in OPERATIONS for backend in (GEMINI, VERTEX) if not has_operation(name, backend.name)
    ]
    assert len(refused) > 20
    for name, backend in refused:
        error = encode(_draw_request(REQUESTS[name]), backend).failure()
        assert isinstance(error, Unsupported)
        assert error.paths == (name,)
        assert re.search(r"\w+ \w+ \w+", error.reason)


def _draw_request(strategy: st.SearchStrategy[Request[Any]]) -> Request[Any]:
    found: list[Request[Any]] = []

    @settings(drawn_settings, max_examples=1)
    @given(strategy)
    def collect(request: Request[Any]) -> None:
        found.append(request)

    collect()
    return found[0]


def _read_body(http: HttpRequest) -> str:
    if isinstance(http.body, FileSlice):
        return ""
    body = http.body if isinstance(http.body, bytes) else b"".join(http.body)
    return body.decode("utf-8", "replace")


def _list_placeholders(text: str) -> set[str]:
    """List what looks like an unfilled part of a path or body; texts of the caller may, too."""
    return set(re.findall(r"\{[a-z_]+\}", text))


def _show(value: Any) -> str:
    return f"{value!r} {value!s} {pickle.dumps(value)!r}"


def _contains_dict(value: Any) -> bool:
    if isinstance(value, msgspec.Struct):
        return any(_contains_dict(getattr(value, name)) for name in value.__struct_fields__)
    return any(map(_contains_dict, value)) if isinstance(value, tuple) else isinstance(value, dict | list)
