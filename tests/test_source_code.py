"""Values as Python code: running it gives an equal value; it contains no secrets and is well formatted."""

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from msgspec import Struct

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
    batched,
    both,
    calling,
    collected,
    each,
    embed,
    embed_many,
    explained,
    files,
    gather,
    generate,
    items,
    joined,
    live,
    models,
    operations,
    partial,
    retry_invalid,
    returning,
    schema,
    streamed,
    text,
    tokens,
    until_done,
    with_config,
    with_http_response,
    with_model,
    with_options,
    with_tools,
)
from genai_fn.ops.files.downloads import DownloadFile
from genai_fn.request import Request
from genai_fn.schema import FinishReason, GenerateVideosOperation, Message, ModelContent, OpenEnum
from genai_fn.schema.base import Page
from genai_fn.source_code import write_assignment, write_expression, write_short
from genai_fn.testing import Ask, OpenStream, Sleep
from genai_fn.testing.strategies import requests
from tests.support.check_each import check_each
from tests.support.drawn_examples import DrawnValues

REQUEST = generate("m", "hi")
TYPES = [
    kind
    for name in schema.__all__
    if isinstance(kind := getattr(schema, name), type)
    and issubclass(kind, Message | OpenEnum)
    and kind not in {Message, OpenEnum, Page}
]


def run_source(source: str, **names: Any) -> Any:
    """Run written source, as a test does after pasting, and return its variable ``value``."""
    exec(source, names)  # noqa: S102  # source from write_assignment
    return names["value"]


class Outer:
    """A class with a class inside of it."""

    class Inner(Struct):
        """A class of a program."""

        size: int


@pytest.mark.parametrize(
    ("value", "expected"),
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
        (Outer.Inner, "Outer.Inner"),
        (Outer.Inner(3), "Outer.Inner(3)"),
        (list[Outer.Inner] | None, "list[Outer.Inner] | None"),
        (dict[str, tuple[Outer.Inner, ...]], "dict[str, tuple[Outer.Inner, ...]]"),
        (tuple[()], "tuple[()]"),
    ],
)
def test_written(value: Any, expected: str) -> None:
    """A request is written as a builder call, another value as a constructor call, both without default values."""
    assert expected == write_expression(value)
    assert value == run_source(write_assignment("value", value))


@check_each(DrawnValues(TYPES, 3))
def test_every_type(drawn: tuple[Any, Any]) -> None:
    """The source of a value of any API type evaluates to an equal value."""
    _, value = drawn
    assert value == run_source(write_assignment("value", value))


@settings(max_examples=50)
@given(requests())
def test_every_request(request: Request[Any]) -> None:
    """The source of any request evaluates to the same request, except for masked secrets."""
    copy = run_source(write_assignment("value", request))
    assert Struct.__repr__(request) == Struct.__repr__(copy)


@given(st.recursive(st.none() | st.text() | st.datetimes() | st.binary(), st.lists))
@settings(max_examples=25)
def test_any_depth(value: Any) -> None:
    """Nested values that are wrapped over lines evaluate to an equal value."""
    assert value == run_source(write_assignment("value", value))


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


def add(a: int) -> int:
    """Add one."""
    return a + 1


@genai_fn.flow
def shout(question: str, times: int = 1) -> Any:
    yield from ()
    return Success(question * times)


PIPELINES: list[tuple[Any, str]] = [
    (REQUEST, 'generate("m", "hi")'),
    (REQUEST | text, 'generate("m", "hi") | text'),
    (REQUEST | streamed | text | joined, 'generate("m", "hi") | streamed | text | joined'),
    (REQUEST | calling(add, max_calls=3) | text, 'generate("m", "hi") | calling(add, max_calls=3) | text'),
    (REQUEST | streamed | each(print) | collected, 'generate("m", "hi") | streamed | each(print) | collected'),
    ((REQUEST | text).map(len), '(generate("m", "hi") | text).map(len)'),
    (REQUEST.bind(shout), 'generate("m", "hi").bind(shout)'),
    (models.list() | items, "models.list() | items"),
    (files.get("a") | until_done(every=5), 'files.get("a") | until_done(every=5)'),
    (gather([REQUEST | text]) | collected, 'gather(generate("m", "hi") | text) | collected'),
    (both(REQUEST, files.get("a")), 'both(generate("m", "hi"), files.get("a"))'),
    (both(REQUEST, REQUEST, REQUEST), 'both(generate("m", "hi"), generate("m", "hi"), generate("m", "hi"))'),
    (gather(REQUEST, REQUEST, concurrency=2), 'gather(generate("m", "hi"), generate("m", "hi"), concurrency=2)'),
    (gather(), "gather()"),
    (shout("a", times=2), 'shout("a", times=2)'),
    (shout("a").map(len), 'shout("a").map(len)'),
    (live.connect("m"), 'live.connect("m")'),
    (live.connect("m") | with_options(api_version="v1"), 'live.connect("m") | with_options(api_version="v1")'),
    ((REQUEST | text) | with_options(deadline=5.0), 'generate("m", "hi") | text | with_options(deadline=5.0)'),
    (embed_many("m", ["a"], batch_size=5), 'embed_many("m", ("a",), batch_size=5)'),
    (text, "text"),
    (text | joined, "text | joined"),
    (streamed | (text | joined), "streamed | (text | joined)"),
    (until_done(timeout=60), "until_done(timeout=60)"),
    (returning(bool), "returning(bool)"),
    (calling(add, max_calls=3), "calling(add, max_calls=3)"),
    (partial(int), "partial(int)"),
    (retry_invalid(int, attempts=2), "retry_invalid(int, 2)"),
    (REQUEST | text | explained, 'generate("m", "hi") | text | explained'),
    (REQUEST | text | with_model("n"), 'generate("n", "hi") | text'),
    (with_model("n"), 'with_model("n")'),
    (gather([REQUEST]) | batched(every=5), 'gather(generate("m", "hi")) | batched(every=5)'),
    (batched(on_job=print), "batched(on_job=print)"),
    (with_config({"top_k": 5}, temperature=0.2), 'with_config({"top_k": 5}, temperature=0.2)'),
    (with_tools(add), "with_tools(add)"),
    (with_options(api_version="v1", deadline=5.0), 'with_options(api_version="v1", deadline=5.0)'),
]


@pytest.mark.parametrize(("value", "source"), PIPELINES, ids=[source for _, source in PIPELINES])
def test_repr(value: Any, source: str) -> None:
    """The repr of a request, flow, stream, session or modifier is its source, which builds an equal value."""
    assert source == repr(value)
    assert value == run_source(write_assignment("value", value))
    assert source in str(NoAnswer(value))


def test_short_repr() -> None:
    """A repr cuts long texts and bytes, and masks secrets; a written expression contains the whole texts."""
    picture = schema.Part(inline_data=schema.Blob(data=b"x" * 10_000, mime_type="image/png"))
    request = generate("m", ["a" * 1000, picture])
    assert len(repr(request | text)) < 500
    assert "…" in repr(request)
    assert "a" * 1000 in write_expression(request)
    tool = {"retrieval": {"external_api": {"api_auth": {"api_key_config": {"api_key_string": "test-key"}}}}}
    with_tool, with_key = generate("m", "hi", {"tools": [tool]}), with_options(headers={"x-goog-api-key": "test-key"})
    secrets: list[Any] = [with_tool | with_key | text, with_key, with_config(with_tool.operation.config)]
    assert "test-key" not in repr(secrets)
    assert "test-key" not in write_expression(secrets)


def test_repr_never_raises() -> None:
    """The repr of a flow does not raise if values of the user cannot be compared or passed to ``isinstance``."""

    class Incomparable:
        def __eq__(self, other: object) -> bool:
            raise ZeroDivisionError

        __hash__ = object.__hash__

    class Opaque:
        @property
        def __class__(self) -> Any:
            raise ZeroDivisionError

    assert repr(shout(Incomparable())).startswith("shout(")  # type: ignore[arg-type]  # the rule is about such values
    assert repr(shout(Opaque())).startswith("Flow(")  # type: ignore[arg-type]  # the rule is about such values


def test_secrets() -> None:
    """Secrets of a request are masked: credentials in headers, keys in tools."""
    tool = {"retrieval": {"external_api": {"api_auth": {"api_key_config": {"api_key_string": "test-key"}}}}}
    request = generate("m", "hi", {"tools": [tool]}) | with_options(headers={"x-goog-api-key": "test-key"})
    assert "test-key" not in write_expression(request)
    assert "***" in write_expression(request)
    assert "test-key" not in write_expression(NoAnswer(request))


@pytest.mark.parametrize(
    "modifier",
    (
        with_config({"tools": [{"google_maps": {"auth_config": {"api_key_config": {"api_key_string": "test-key"}}}}]}),
        with_config(tools=({"exaAiSearch": {"apiKey": "test-key"}},)),
        with_tools({"mcp_servers": [{"streamable_http_transport": {"headers": {"authorization": "test-key"}}}]}),
        with_options(extra_body={"tools": [{"access_token": "test-key"}]}),
    ),
)
def test_secrets_in_dicts(modifier: Any) -> None:
    """Secrets in the dicts that a modifier was passed are masked, as those of the types that they become."""
    for value in (modifier, [modifier]):
        assert "test-key" not in write_short(value)
        assert "test-key" not in write_expression(value)
    assert "test-key" not in repr(generate("m", "hi") | modifier)


def test_names_are_unique() -> None:
    """No two public types share a name: the source refers to types by name only."""
    assert set() == set(genai_fn.__all__) & set(schema.__all__)
