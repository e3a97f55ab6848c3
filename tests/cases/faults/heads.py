"""Faults of status lines, headers and informational responses."""

from tests.cases.faults.outcomes import CUT_AT_ONCE, CUT_LATE, JSON, NO_RESPONSE, WELL_FORMED
from tests.support.faults.fault import Fault, Outcomes
from tests.support.loopback import Close, Raw, Reset, Send

_OK = b"HTTP/1.1 200 OK\r\n"
_SIZED = _OK + b"content-length: %d\r\n" % len(JSON)


def _head(name: str, data: bytes, outcomes: Outcomes) -> Fault:
    return Fault(f"status line: {name}", Raw(data), outcomes)


def _header(name: str, lines: bytes, outcomes: Outcomes) -> Fault:
    """A response that is well-formed but for some header lines."""
    return Fault(f"header: {name}", Raw(_SIZED + lines + b"\r\n" + JSON), outcomes)


def _length(name: str, lines: bytes, outcomes: Outcomes) -> Fault:
    """A response whose length is stated by these lines."""
    return Fault(f"length: {name}", Raw(_OK + lines + b"\r\n" + JSON), outcomes)


def _info(name: str, before: bytes, outcomes: Outcomes) -> Fault:
    """A response after informational ones."""
    return Fault(f"1xx: {name}", Raw(before + _SIZED + b"\r\n" + JSON), outcomes)


_REST = b"content-length: %d\r\n\r\n" % len(JSON) + JSON
HEADS = (
    _head("nothing but line ends", b"\r\n\r\n\r\n", NO_RESPONSE),
    _head("line ends before it", b"\r\n\r\nHTTP/1.1 200 OK\r\n" + _REST, NO_RESPONSE),
    _head("blanks before it", b"  HTTP/1.1 200 OK\r\n" + _REST, NO_RESPONSE),
    _head("no phrase", b"HTTP/1.1 200\r\n" + _REST, WELL_FORMED),
    _head("empty phrase", b"HTTP/1.1 200 \r\n" + _REST, WELL_FORMED),
    _head("bare LF", b"HTTP/1.1 200 OK\n" + _REST.replace(b"\r\n", b"\n"), WELL_FORMED),
    _head("bare CR", b"HTTP/1.1 200 OK\r" + _REST.replace(b"\r\n", b"\r"), NO_RESPONSE),
    _head("lower case", b"http/1.1 200 ok\r\n" + _REST, NO_RESPONSE),
    _head("HTTP/1.0", b"HTTP/1.0 200 OK\r\n" + _REST, WELL_FORMED),
    _head("HTTP/0.9", JSON, NO_RESPONSE),
    _head("HTTP/2", b"HTTP/2 200\r\n" + _REST, NO_RESPONSE),
    _head("HTTP/3.0", b"HTTP/3.0 200 OK\r\n" + _REST, WELL_FORMED),
    _head("HTTP/1.10", b"HTTP/1.10 200 OK\r\n" + _REST, NO_RESPONSE),
    _head("preface of HTTP/2", b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64", NO_RESPONSE),
    _head("ICY", b"ICY 200 OK\r\n" + _REST, NO_RESPONSE),
    _head("RTSP", b"RTSP/1.0 200 OK\r\n" + _REST, NO_RESPONSE),
    _head("SSH", b"SSH-2.0-OpenSSH_9.6\r\n", NO_RESPONSE),
    _head("a TLS alert", b"\x15\x03\x01\x00\x02\x02\x46", NO_RESPONSE),
    _head("status of two digits", b"HTTP/1.1 99 No\r\n" + _REST, NO_RESPONSE),
    _head("status of four digits", b"HTTP/1.1 2000 OK\r\n" + _REST, NO_RESPONSE),
    _head("negative status", b"HTTP/1.1 -200 OK\r\n" + _REST, NO_RESPONSE),
    _head("status 000", b"HTTP/1.1 000 OK\r\n" + _REST, NO_RESPONSE),
    _head("status in letters", b"HTTP/1.1 2OO OK\r\n" + _REST, NO_RESPONSE),
    _head("NUL in the phrase", b"HTTP/1.1 200 O\x00K\r\n" + _REST, NO_RESPONSE),
    _head("Latin-1 in the phrase", b"HTTP/1.1 200 \xc4\xd6\r\n" + _REST, WELL_FORMED),
    _head("phrase of 200 KB", b"HTTP/1.1 200 " + b"x" * 200_000 + b"\r\n" + _REST, NO_RESPONSE),
    _head("no end, 2 MB", b"x" * 2_000_000, NO_RESPONSE),
    _head("zeros", bytes(100_000), NO_RESPONSE),
    _head("half, then closes", b"HTTP/1.1 20", NO_RESPONSE),
    Fault("status line: half, then resets", (Send(b"HTTP/1.1 20"), Reset()), NO_RESPONSE),
    Fault("header: half, then closes", Raw(_OK + b"content-le"), NO_RESPONSE),
    Fault("header: half, then resets", (Send(_OK + b"content-le"), Reset()), NO_RESPONSE),
    Fault("header: no end of the head", Raw(_SIZED), NO_RESPONSE),
    _header("no colon", b"nothing\r\n", NO_RESPONSE),
    _header("blank before the colon", b"x-one : 1\r\n", NO_RESPONSE),
    _header("blank in the name", b"x one: 1\r\n", NO_RESPONSE),
    _header("empty name", b": 1\r\n", NO_RESPONSE),
    _header("folded", b"x-one: 1\r\n  2\r\n", WELL_FORMED),
    _header("folded first", b" x-one: 1\r\n", NO_RESPONSE),
    _header("NUL in the value", b"x-one: a\x00b\r\n", NO_RESPONSE),
    _header("CR in the value", b"x-one: a\rb\r\n", NO_RESPONSE),
    _header("LF in the value", b"x-one: a\nx-two: b\r\n", WELL_FORMED),
    _header("control characters in the value", b"x-one: \x01\x1b[31m\r\n", WELL_FORMED),
    _header("Latin-1 in the value", b"x-one: \xe4\xff\r\n", WELL_FORMED),
    _header("UTF-8 in the name", "x-ö: 1\r\n".encode(), NO_RESPONSE),
    _header("value of 50 KB", b"x-one: " + b"x" * 50_000 + b"\r\n", WELL_FORMED),
    _header("value of 200 KB", b"x-one: " + b"x" * 200_000 + b"\r\n", NO_RESPONSE),
    _header("1,000 lines", b"x-one: 1\r\n" * 1000, WELL_FORMED),
    _header("100,000 lines", b"x-one: 1\r\n" * 100_000, NO_RESPONSE),
    _header("two content types", b"content-type: text/html\r\ncontent-type: application/json\r\n", WELL_FORMED),
    _header("content type of HTML", b"content-type: text/html\r\n", WELL_FORMED),
    _header("charset of UTF-16", b"content-type: application/json; charset=utf-16\r\n", WELL_FORMED),
    _header("upgrade", b"connection: upgrade\r\nupgrade: h2c\r\n", WELL_FORMED),
    _header("connection: close and keep-alive", b"connection: close, keep-alive\r\n", WELL_FORMED),
    _header("echo of the key", b"x-key: test-key\r\nwww-authenticate: key test-key\r\n", WELL_FORMED),
    _length("not a number", b"content-length: x\r\n", NO_RESPONSE),
    _length("empty", b"content-length:\r\n", NO_RESPONSE),
    _length("negative", b"content-length: -1\r\n", NO_RESPONSE),
    _length("with a sign", b"content-length: +%d\r\n" % len(JSON), NO_RESPONSE),
    _length("hexadecimal", b"content-length: 0x%x\r\n" % len(JSON), NO_RESPONSE),
    _length("with an underscore", b"content-length: 1_0\r\n", NO_RESPONSE),
    _length("with a fraction", b"content-length: 10.0\r\n", NO_RESPONSE),
    _length("in Arabic digits", "content-length: ٨\r\n".encode(), NO_RESPONSE),
    _length("of 20 digits", b"content-length: 99999999999999999999\r\n", CUT_LATE),
    _length("of 5,000 digits", b"content-length: " + b"9" * 5000 + b"\r\n", NO_RESPONSE),
    _length("two that differ", b"content-length: 1\r\ncontent-length: 2\r\n", NO_RESPONSE),
    _length("two that agree", b"content-length: %d\r\n" % len(JSON) * 2, WELL_FORMED),
    _length("a list that agrees", b"content-length: %d, %d\r\n" % (len(JSON), len(JSON)), WELL_FORMED),
    _length("a list that differs", b"content-length: 1, 2\r\n", NO_RESPONSE),
    _length(
        "with chunks that are none", b"content-length: %d\r\ntransfer-encoding: chunked\r\n" % len(JSON), CUT_AT_ONCE
    ),
    _length("transfer-encoding: gzip", b"transfer-encoding: gzip\r\n", NO_RESPONSE),
    _length("transfer-encoding: gzip, chunked", b"transfer-encoding: gzip, chunked\r\n", NO_RESPONSE),
    _length("transfer-encoding: chunked twice", b"transfer-encoding: chunked, chunked\r\n", NO_RESPONSE),
    _length("transfer-encoding: xchunked", b"transfer-encoding: xchunked\r\n", NO_RESPONSE),
    _length("transfer-encoding: identity", b"transfer-encoding: identity\r\n", NO_RESPONSE),
    _length("transfer-encoding: chunked, in two lines", b"transfer-encoding: chunked\r\n" * 2, NO_RESPONSE),
    _info("100", b"HTTP/1.1 100 Continue\r\n\r\n", WELL_FORMED),
    _info("102 and 103", b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", WELL_FORMED),
    _info("199", b"HTTP/1.1 199 Odd\r\n\r\n", WELL_FORMED),
    _info("500 times 100", b"HTTP/1.1 100 Continue\r\n\r\n" * 500, WELL_FORMED),
    _info("100 with a length", b"HTTP/1.1 100 Continue\r\ncontent-length: 5\r\n\r\n", WELL_FORMED),
    _info("100 with a body", b"HTTP/1.1 100 Continue\r\ncontent-length: 5\r\n\r\nhello", NO_RESPONSE),
    _info("101", b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n", NO_RESPONSE),
    Fault("1xx: 100, then closes", (Send(b"HTTP/1.1 100 Continue\r\n\r\n"), Close()), NO_RESPONSE),
    Fault("1xx: 103, then resets", (Send(b"HTTP/1.1 103 Early Hints\r\n\r\n"), Reset()), NO_RESPONSE),
)
