"""Values as Python: what is written makes the same again, says no secret, and reads well."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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

ASKED = generate("m", "hi")
TYPES = [
    kind
    for name in schema.__all__
    if isinstance(kind := getattr(schema, name), type)
    and issubclass(kind, Message | OpenEnum)
    and kind not in {Message, OpenEnum, Page}
]


def run_again(text: str) -> Any:
    """Run what was written, as a test does into which it was pasted."""
    names: dict[str, Any] = {}
    exec(text, names)  # noqa: S102  # written here, and by us
    return names["value"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (ASKED, 'generate("m", "hi")'),
        (generate("m", ["a", "b"]), 'generate("m", ["a", "b"])'),
        (ASKED | streamed, 'generate("m", "hi") | streamed'),
        (embed("m", ["a", "b"]), 'embed("m", ["a", "b"])'),
        (embed("m", ["a"]), 'embed("m", "a")'),
        (files.get("a"), 'files.get("a")'),
        (files.list({"page_size": 3}), "files.list(config=ListFilesConfig(page_size=3))"),
        (tokens.count(ASKED), 'tokens.count(generate("m", "hi"))'),
        (
            operations.get("models/v/operations/a", GenerateVideosOperation),
            'operations.get("models/v/operations/a", GenerateVideosOperation)',
        ),
        (ASKED | with_http_response, 'generate("m", "hi") | with_http_response'),
        (ASKED | with_options(deadline=5.0), 'generate("m", "hi") | with_options(deadline=5.0)'),
        (
            ASKED | with_options(retry=Retry(attempts=1), timeouts=Timeouts(idle=9.0)),
            'generate("m", "hi") | with_options(timeouts=Timeouts(idle=9.0), retry=Retry(attempts=1))',
        ),
        (OpenStream(Request(DownloadFile(name="a"))), 'OpenStream(Request(DownloadFile(name="a")))'),
        (Ask(ASKED), 'Ask(generate("m", "hi"))'),
        (Sleep(5.0), "Sleep(5.0)"),
        (FinishReason.STOP, "FinishReason.STOP"),
        (FinishReason("SOON"), 'FinishReason("SOON")'),
        (Failure(RateLimited(429)), "Failure(RateLimited(429))"),
        (Success([1, (2,), {"a": None}]), 'Success([1, (2,), {"a": None}])'),
        (TimedOut("total", "waiting"), 'TimedOut("total", "waiting")'),
        (TimedOut("total", sent=True), 'TimedOut("total", sent=True)'),
        (InvalidRequest("a", 5, "b"), 'InvalidRequest("a", 5, "b")'),
        (NoAnswer(ASKED), 'NoAnswer(generate("m", "hi"))'),
        ('it\'s "so"\n', "'it\\'s \"so\"\\n'"),
        ("it's so", '"it\'s so"'),
        (float("inf"), 'float("inf")'),
    ],
)
def test_written(value: Any, written: str) -> None:
    """Requests are their builders' calls, all else is the call of its type; what is as ever is left out."""
    assert written == write_expression(value)
    assert value == run_again(write_assignment("value", value))


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_every_type(kind: Any) -> None:
    """A value of any type of the API is written so that it comes back the same."""

    @settings(max_examples=3, suppress_health_check=list(HealthCheck))
    @given(from_type(kind))
    def check(value: Any) -> None:
        assert value == run_again(write_assignment("value", value))

    check()


@settings(max_examples=50)
@given(requests())
def test_every_request(request: Request[Any]) -> None:
    """Any request is written so that it comes back the same, but for what it hides."""
    again = run_again(write_assignment("value", request))
    assert repr(request) == repr(again)


@given(st.recursive(st.none() | st.text() | st.datetimes() | st.binary(), st.lists))
@settings(max_examples=25)
def test_any_depth(value: Any) -> None:
    """What is deep and long is broken into lines, and stays the same."""
    text = write_assignment("value", value)
    assert value == run_again(text)


def test_lines() -> None:
    """What does not fit a line stands one below the other, with commas; imports come first."""
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
    """What a request keeps secret is not written: credentials in headers, keys in tools."""
    tool = {"retrieval": {"external_api": {"api_auth": {"api_key_config": {"api_key_string": "test-key"}}}}}
    request = generate("m", "hi", {"tools": [tool]}) | with_options(headers={"x-goog-api-key": "test-key"})
    assert "test-key" not in write_expression(request)
    assert "***" in write_expression(request)
    assert "test-key" not in write_expression(NoAnswer(request))


def test_names_are_one() -> None:
    """No two public types share a name, as what is written has no other way to tell them apart."""
    assert set() == set(genai_fn.__all__) & set(schema.__all__)
