"""Responses as httptools parses them: in one piece or byte by byte, valid ones as h11 does, others refused."""

import gc

import pytest
from hypothesis import given, strategies as st

from genai_fn.interpreters.net.http1 import response_parser
from genai_fn.interpreters.net.http1.response_parser import MAX_HEAD_BYTES, RemoteProtocolError, ResponseParser
from tests.support.http_responses import parse, parse_with_h11

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
VALID = {
    "length": OK + b"Content-Length: 5\r\nX-One: \xe4 b \r\n\r\nhello",
    "empty": OK + b"Content-Length: 0\r\n\r\n",
    "chunks": CHUNKED + b"5\r\nhello\r\n00A;a=b\r\n0123456789\r\n0\r\n\r\n",
    "trailers": CHUNKED + b"1\r\na\r\n0\r\nX-Two: 1\r\nX-Three:\r\n\r\n",
    "no chunks": CHUNKED + b"0\r\n\r\n",
    "until the end": OK + b"\r\nhello\r\n",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok",
    "close": OK + b"Connection: x, Close\r\nContent-Length: 2\r\n\r\nok",
    "204": b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
    "no phrase": b"HTTP/1.1 503\r\nContent-Length: 2\r\n\r\nno",
    "1xx": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nLink: a\r\n\r\n" + OK + b"content-length: 1\r\n\r\na",
    "two headers": OK + b"A: 1\r\nA: 2\r\nContent-Length: 0\r\n\r\n",
    "upgrade offered": OK + b"Upgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 1\r\n\r\na",
    "cut length": OK + b"Content-Length: 5\r\n\r\nhel",
    "cut chunks": CHUNKED + b"5\r\nhello\r\n",
    "cut head": OK + b"Content-",
}


@pytest.mark.parametrize("name", VALID)
def test_as_h11(name: str) -> None:
    """What h11 accepts, or finds cut short, is the same to the byte."""
    assert parse(VALID[name], []) == parse_with_h11(VALID[name])


@pytest.mark.parametrize("stray", (b"\r\n", b"\n", b"H", b"\0", b" ", OK + b"\r\n", b"0\r\n\r\n", b"\r\n\r\n"))
@pytest.mark.parametrize("name", ("length", "empty", "chunks", "trailers", "no chunks", "204", "304", "1xx"))
def test_stray_bytes(name: str, stray: bytes) -> None:
    """Bytes after a response are not in its body, and the connection is not used again, however they arrive."""
    whole = VALID[name]
    expected = (*parse(whole, [])[:3], False, False)
    assert parse(whole, [])[3:] == (True, False)
    assert parse(whole + stray, []) == expected
    assert parse(whole + stray, [len(whole)]) == expected
    assert parse(whole + stray, [1] * len(whole)) == expected


@pytest.mark.parametrize("stray", (b"\n", b"H", CHUNKED))
def test_many_stray_bytes(stray: bytes) -> None:
    """A complete response stays complete, however many bytes come after it, and in however many reads."""
    whole, many = VALID["chunks"], stray * (3 * MAX_HEAD_BYTES // len(stray))
    expected = (*parse(whole, [])[:3], False, False)
    assert parse(whole + many, []) == expected
    assert parse(whole + many, [len(whole)]) == expected


REFUSED = {
    "length and chunks": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
    "the same length twice": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "a list of lengths": OK + b"Content-Length: 2, 2\r\n\r\nok",
    "a length with a sign": OK + b"Content-Length: +2\r\n\r\nok",
    "no length": OK + b"Content-Length:\r\n\r\nok",
    "a length of 19 digits": OK + b"Content-Length: 1000000000000000000\r\n\r\n",
    "another encoding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "almost chunked": OK + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "folded": OK + b"A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n",
    "folded length": OK + b"Content-Length:\r\n 2\r\n\r\nok",
    "blank before the colon": OK + b"Content-Length : 2\r\n\r\nok",
    "blank before a name": OK + b" Content-Length: 2\r\n\r\nok",
    "no colon": OK + b"Content-Length\r\n\r\n",
    "LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "LF in a head": OK + b"A: 1\nContent-Length: 0\r\n\r\n",
    "CR in a value": OK + b"A: 1\rContent-Length: 0\r\n\r\n",
    "NUL in a value": OK + b"A: \0\r\nContent-Length: 0\r\n\r\n",
    "NUL in the phrase": b"HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n",
    "control character in the phrase": b"HTTP/1.1 200 O\x0bK\r\nContent-Length: 0\r\n\r\n",
    "line end before": b"\r\n" + OK + b"Content-Length: 0\r\n\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n",
    "status 099": b"HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n",
    "101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    "101 without upgrade": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "100 with a body": b"HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nok" + OK + b"Content-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    """A response whose end is ambiguous, or that is malformed, is refused before its head is returned."""
    for sizes in ([], [1] * len(REFUSED[name])):
        assert parse(REFUSED[name], sizes) == (None, (), b"", False, True)


@pytest.mark.parametrize(
    "chunks",
    (
        b"zz\r\n",
        b"-1\r\n",
        b"0x1\r\na\r\n",
        b"\r\na\r\n",
        b"1\na\n0\n\n",
        b"1;a\nb\r\na\r\n",
        b"11111111111111111\r\na",
        b"1\r\nab\r\n",
        b"1\r\na0\r\n\r\n",
        b"1\r\na\r\n0\r\nnothing\r\n\r\n",
        b"1\r\na\r\n0\r\nA : 1\r\n\x01\r\n",
        b"1\r\na\r\n0\r\nContent-Length: 1\r\n\r\n",
        b"1\r\na\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n",
    ),
)
def test_malformed_chunks(chunks: bytes) -> None:
    """Malformed chunks end the body with an error, after what precedes them."""
    for sizes in ([], [1] * (len(CHUNKED) + len(chunks))):
        status, _, body, is_reusable, is_malformed = parse(CHUNKED + chunks, sizes)
        assert (status, is_reusable, is_malformed) == (200, False, True)
        assert body in {b"", b"a"}


@pytest.mark.parametrize("method", ("HEAD", "GET"))
def test_head(method: str) -> None:
    """A response to HEAD has no body, whatever length it states."""
    data = OK + b"Content-Length: 5\r\n\r\n"
    assert parse(data, [], method) == parse_with_h11(data, method)


@pytest.mark.parametrize(
    "data",
    (
        OK + b"A: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n",
        OK + b"A: 1\r\n" * (MAX_HEAD_BYTES // 6),
        b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_HEAD_BYTES // 25 + 1),
        CHUNKED + b"1;" + b"x" * (MAX_HEAD_BYTES + (1 << 16)) + b"\r\na\r\n0\r\n\r\n",
        CHUNKED + b"0\r\n" + b"A: 1\r\n" * (MAX_HEAD_BYTES // 3) + b"\r\n",
    ),
    ids=("value", "lines", "1xx", "extension", "trailers"),
)
def test_limits(data: bytes) -> None:
    """A head, informational responses, and what is between chunks are limited in size."""
    assert parse(data, [])[3:] == (False, True)
    assert parse(data, [1000] * (len(data) // 1000))[3:] == (False, True)


def test_errors_contain_nothing_received() -> None:
    """The text of an error contains nothing that the server has sent, which may be a credential."""
    for data in REFUSED.values():
        parser = ResponseParser("GET")
        parser.receive_data(data.replace(b"A:", b"test-secret:").replace(b"OK", b"test-secret"))
        parser.receive_data(b"")
        with pytest.raises(RemoteProtocolError) as raised:
            parser.read_head()
        assert "test-secret" not in str(raised.value)
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize("callback", ("on_header", "on_headers_complete", "on_message_begin", "on_body"))
def test_interrupted_callback(callback: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt while httptools calls back is raised as it is; httptools would turn it into its own error."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(response_parser._Callbacks, callback, interrupt)
    with pytest.raises(KeyboardInterrupt):
        ResponseParser("GET").receive_data(VALID["chunks"])


def test_no_cyclic_garbage() -> None:
    """A parser is freed without the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        for data in VALID.values():
            parse(data, [1, 2, 3])
        assert gc.collect() == 0
    finally:
        gc.enable()


@given(st.sampled_from(sorted({**VALID, **REFUSED})), st.lists(st.integers(1, 40), max_size=60))
def test_any_split(name: str, sizes: list[int]) -> None:
    """The result does not depend on how the bytes are split."""
    data = {**VALID, **REFUSED}[name]
    assert parse(data, sizes) == parse(data, [])
