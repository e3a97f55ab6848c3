"""Values as Python code: running it gives an equal value; it contains no secrets and is well formatted."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import genai_fn
from genai_fn import (
    Failure,
    InvalidRequest,
    NoAnswer,
    RateLimited,
    Retry,
    Success,
    TimedOut,
    Timeouts,
    embed,
    files,
    generate,
    operations,
    schema,
    streamed,
    tokens,
    with_http_response,
    with_options,
)
from genai_fn.ops.files.downloads import DownloadFile
from genai_fn.request import Request
from genai_fn.schema import FinishReason, GenerateVideosOperation, Message, ModelContent, OpenEnum
from genai_fn.schema.base import Page
from genai_fn.testing import Ask, OpenStream, Sleep
from genai_fn.testing.source_code import write_assignment, write_expression
from genai_fn.testing.strategies import from_type, requests

REQUEST = generate("m", "hi")
TYPES = [
    kind
    for name in schema.__all__
    if isinstance(kind := getattr(schema, name), type)
    and issubclass(kind, Message | OpenEnum)
    and kind not in {Message, OpenEnum, Page}
]


def run_source(text: str) -> Any:
    """Run written source, as a test does after pasting, and return its variable ``value``."""
    names: dict[str, Any] = {}
    exec(text, names)  # noqa: S102  # source from write_assignment
    return names["value"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (REQUEST, 'generate("m", "hi")'),
        (generate("m", ["a", "b"]), 'generate("m", ["a", "b"])'),
        (REQUEST | streamed, 'generate("m", "hi") | streamed'),
        (embed("m", ["a", "b"]), 'embed("m", ["a", "b"])'),
        (embed("m", ["a"]), 'embed("m", "a")'),
        (files.get("a"), 'files.get("a")'),
        (files.list({"page_size": 3}), "files.list(config=ListFilesConfig(page_size=3))"),
        (tokens.count(REQUEST), 'tokens.count(generate("m", "hi"))'),
        (
            operations.get("models/v/operations/a", GenerateVideosOperation),
            'operations.get("models/v/operations/a", GenerateVideosOperation)',
        ),
        (REQUEST | with_http_response, 'generate("m", "hi") | with_http_response'),
        (REQUEST | with_options(deadline=5.0), 'generate("m", "hi") | with_options(deadline=5.0)'),
        (
            REQUEST | with_options(retry=Retry(attempts=1), timeouts=Timeouts(idle=9.0)),
            'generate("m", "hi") | with_options(timeouts=Timeouts(idle=9.0), retry=Retry(attempts=1))',
        ),
        (OpenStream(Request(DownloadFile(name="a"))), 'OpenStream(Request(DownloadFile(name="a")))'),
        (Ask(REQUEST), 'Ask(generate("m", "hi"))'),
        (Sleep(5.0), "Sleep(5.0)"),
        (FinishReason.STOP, "FinishReason.STOP"),
        (FinishReason("SOON"), 'FinishReason("SOON")'),
        (Failure(RateLimited(429)), "Failure(RateLimited(429))"),
        (Success([1, (2,), {"a": None}]), 'Success([1, (2,), {"a": None}])'),
        (TimedOut("total", "waiting"), 'TimedOut("total", "waiting")'),
        (TimedOut("total", sent=True), 'TimedOut("total", sent=True)'),
        (InvalidRequest("a", 5, "b"), 'InvalidRequest("a", 5, "b")'),
        (NoAnswer(REQUEST), 'NoAnswer(generate("m", "hi"))'),
        ('it\'s "so"\n', "'it\\'s \"so\"\\n'"),
        ("it's so", '"it\'s so"'),
        (float("inf"), 'float("inf")'),
    ],
)
def test_written(value: Any, written: str) -> None:
    """A request is written as a builder call, another value as a constructor call, both without default values."""
    assert written == write_expression(value)
    assert value == run_source(write_assignment("value", value))


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_every_type(kind: Any) -> None:
    """The source of a value of any API type evaluates to an equal value."""

    @settings(max_examples=3, suppress_health_check=list(HealthCheck))
    @given(from_type(kind))
    def check(value: Any) -> None:
        assert value == run_source(write_assignment("value", value))

    check()


@settings(max_examples=50)
@given(requests())
def test_every_request(request: Request[Any]) -> None:
    """The source of any request evaluates to the same request, except for masked secrets."""
    copy = run_source(write_assignment("value", request))
    assert repr(request) == repr(copy)


@given(st.recursive(st.none() | st.text() | st.datetimes() | st.binary(), st.lists))
@settings(max_examples=25)
def test_any_depth(value: Any) -> None:
    """Nested values that are wrapped over lines evaluate to an equal value."""
    text = write_assignment("value", value)
    assert value == run_source(text)


def test_lines() -> None:
    """Items that do not fit on one line get a line each with a trailing comma; imports come first."""
    value = [(generate("m", ["a" * 30, ModelContent("b" * 30)]), "c" * 30)]
    assert write_assignment("value", value) == (
        f"""\
from genai_fn import generate
from genai_fn.schema import Content, Part

value = [
    (
        generate(
            "m",
            (
                Content(parts=(Part(text="{"a" * 30}"),), role="user"),
                Content(parts=(Part(text="{"b" * 30}"),), role="model"),
            ),
        ),
        "{"c" * 30}",
    ),
]"""
    )


def test_secrets() -> None:
    """Secrets of a request are masked: credentials in headers, keys in tools."""
    tool = {"retrieval": {"external_api": {"api_auth": {"api_key_config": {"api_key_string": "test-key"}}}}}
    request = generate("m", "hi", {"tools": [tool]}) | with_options(headers={"x-goog-api-key": "test-key"})
    assert "test-key" not in write_expression(request)
    assert "***" in write_expression(request)
    assert "test-key" not in write_expression(NoAnswer(request))


def test_names_are_unique() -> None:
    """No two public types share a name: the source refers to types by name only."""
    assert set() == set(genai_fn.__all__) & set(schema.__all__)
