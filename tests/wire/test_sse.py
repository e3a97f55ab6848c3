"""Parsing of streamed bodies: like a simple implementation of the standard, however the body is chunked."""

import itertools
import re

import msgspec
import pytest
from hypothesis import given, strategies as st

from genai_fn.wire.sse import EventParser

TOKENS = [
    b"data:",
    b"data",
    b" ",
    b"\r",
    b"\n",
    b"\r\n",
    b"\n\n",
    b":",
    b"x",
    b'"',
    b"{",
    b"}",
    b"[",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\t",
    b"id: 1",
]


def split_body(body: bytes, positions: list[int]) -> list[bytes]:
    """Split a body at these positions; positions beyond its end count as the end."""
    boundaries = [0, *sorted(min(position, len(body)) for position in positions), len(body)]
    return [body[start:end] for start, end in itertools.pairwise(boundaries)]


def parse_events(chunks: list[bytes]) -> list[bytes]:
    """Parse a body to its end."""
    events = EventParser()
    return [*(each for piece in chunks for each in events.feed(piece)), *events.finish()]


STRAY = b"<stray>"


def is_field(line: bytes) -> bool:
    """Whether a line is a comment or a field. The name of an unknown field is one word, and its value is not JSON."""
    name, colon, value = line.partition(b":")
    is_unknown = re.fullmatch(rb"[A-Za-z_][A-Za-z0-9_.-]*", name) and not value.lstrip().startswith((b"{", b"["))
    return bool((colon and not name) or name in (b"data", b"event", b"id", b"retry") or is_unknown)


def parse_with_marker(chunks: list[bytes]) -> list[bytes]:
    """Parse a body to its end, and replace the text outside of events that has ended it by a marker."""
    events = EventParser()
    found = [*(each for piece in chunks for each in events.feed(piece)), *events.finish()]
    return [*found[:-1], STRAY] if events.has_unframed_text else found


def parse_by_standard(body: bytes) -> list[bytes]:
    """
    Parse a body by the algorithm of the WHATWG, in its simplest form, with two changes.

    https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation. An event without its
    blank line at the end of the body counts, and a line that is not a field ends the stream.
    """
    found: list[bytes] = []
    data: list[bytes] = []
    body = body.removeprefix(b"\xef\xbb\xbf")
    for line in re.split(rb"\r\n|\r|\n", body + b"\n\n"):
        field, _, value = line.partition(b":")
        if line.strip() and not is_field(line):
            return [*found, *([b"\n".join(data)] if data else []), STRAY]
        if not line and data:
            found.append(b"\n".join(data))
            data = []
        elif field == b"data":
            data.append(value.removeprefix(b" "))
    return found


@given(st.lists(st.sampled_from(TOKENS), max_size=40).map(b"".join), st.lists(st.integers(0, 80), max_size=12))
def test_standard(body: bytes, positions: list[int]) -> None:
    """A body that is not JSON is parsed as the standard says, however it is chunked."""
    if not body.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"[")):
        assert parse_with_marker(split_body(body, positions)) == parse_by_standard(body)


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=12))
def test_any_bytes(body: bytes, positions: list[int]) -> None:
    """Any bytes are parsed without an exception, and with the same result however they are chunked."""
    assert parse_events(split_body(body, positions)) == parse_events([body])


@given(
    st.lists(st.sampled_from([*TOKENS, b"\\", b",", b"]", b"1"]), max_size=40).map(b"".join),
    st.lists(st.integers(0, 80), max_size=12),
)
def test_any_json(body: bytes, positions: list[int]) -> None:
    """The same holds for bytes that start like JSON."""
    for start in (b"[", b"{", b" [{"):
        assert parse_events(split_body(start + body, positions)) == parse_events([start + body])


DOCUMENTS = st.recursive(
    st.none() | st.text(alphabet='ab"\\{}[]\n é', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='"\\{}[]', max_size=2), inner, max_size=3)
    ),
    max_leaves=6,
).map(lambda value: {"value": value})


@given(
    st.lists(DOCUMENTS, min_size=1, max_size=4),
    st.sampled_from(["array", "pretty", "lines"]),
    st.lists(st.integers(0, 200), max_size=12),
)
def test_documents(values: list[object], form: str, positions: list[int]) -> None:
    """
    The members of an array, pretty or not, and documents one after another come as they were written, wherever they are
    cut.
    """
    encoded = [msgspec.json.encode(value) for value in values]
    body = b"\n".join(encoded) if form == "lines" else b"[" + b" ,\r\n".join(encoded) + b"]\n"
    body = msgspec.json.format(body, indent=3) if form == "pretty" else body
    assert [msgspec.json.decode(each) for each in parse_events(split_body(body, positions))] == values


@given(st.lists(DOCUMENTS, min_size=1, max_size=3), st.data())
def test_truncated_array(values: list[object], data: st.DataObject) -> None:
    """A truncated array gives its complete members, then invalid JSON, so that it never looks complete."""
    body = msgspec.json.encode(values)
    *events, last = parse_events([body[: data.draw(st.integers(1, len(body) - 1))]])
    assert [msgspec.json.decode(each) for each in events] == values[: len(events)]
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(last)


@pytest.mark.parametrize("body", (b"[]", b"[ ]", b" ", b"", b"\xef\xbb\xbf", b"\xef\xbb", b": x\n\n", b"\r\n\r\n"))
def test_nothing(body: bytes) -> None:
    """An empty body has no events."""
    assert parse_events([body]) == []


@pytest.mark.parametrize("body", (b'{"a": 1}}', b'[{"a": 1}}', b'[{"a": 1}]]'))
def test_unbalanced_bracket(body: bytes) -> None:
    """An unbalanced bracket is returned, so that decoding reports it."""
    assert parse_events([body])[:2] == [b'{"a": 1}', body[-1:]]


LARGE_SIZE = 2_000_000
BODIES = {
    "one line": b"data: " + b"x" * LARGE_SIZE + b"\n\n",
    "many lines": b"data: 0123456789\n" * (LARGE_SIZE // 16) + b"\n",
    "many events": b"data: 0123456789\n\n" * (LARGE_SIZE // 16),
    "blank lines": b"\n" * LARGE_SIZE + b"data: x\n\n",
    "spaces": b" " * LARGE_SIZE,
    "one document": b'{"a": "' + b"x" * LARGE_SIZE + b'"}',
    "members": b"[" + b'{"a": 1},' * (LARGE_SIZE // 9) + b"{}]",
    "escapes": b'{"a": "' + rb"\\\"" * (LARGE_SIZE // 4) + b'"}',
    "depth": b"[" * (LARGE_SIZE // 8) + b"]" * (LARGE_SIZE // 8),
}


@pytest.mark.parametrize("name", BODIES)
def test_linear(name: str) -> None:
    """Megabytes in small chunks are parsed in linear time."""
    body = BODIES[name]
    events = EventParser()
    for position in range(0, len(body), 1024):
        events.feed(body[position : position + 1024])
        assert events.buffered_bytes <= len(body)
    events.finish()


@pytest.mark.parametrize("start", (b"data: ", b"{", b"[[", b": "))
def test_buffered_bytes(start: bytes) -> None:
    """Bytes of an incomplete event are counted; bytes of complete events are released."""
    events = EventParser()
    events.feed(start)
    for _ in range(10):
        events.feed(b"x" * 1000)
    assert events.buffered_bytes >= 10_000
    events = EventParser()
    for _ in range(100):
        events.feed(b"data: 123\n\n\n: 456\n")
    assert events.buffered_bytes == 0


PIECES = [
    b"data: 1\r\n\r\n",
    b"data: \r\n\r\n",
    b"data:2\r\n\r\n",
    b"data: 3\r\n",
    b"data: 4\n\n",
    b"data: 5\r",
    b"\r\n",
    b"\n",
]


@given(st.lists(st.sampled_from(PIECES), max_size=8))
def test_chunks_that_are_events(chunks: list[bytes]) -> None:
    """A chunk that is one whole event gives the same result as several chunks, whatever precedes and follows it."""
    assert parse_events(chunks) == parse_by_standard(b"".join(chunks))
