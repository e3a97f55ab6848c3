"""Faults of lengths, chunks and trailers, and bytes that do not belong to the response."""

from tests.cases.faults.outcomes import (
    CUT_AT_ONCE,
    CUT_LATE,
    CUT_WITHIN_ITEM,
    JSON,
    PARTIAL,
    REDIRECTED,
    REFUSED,
    TOO_LARGE,
    TRUNCATED,
    WELL_FORMED,
    send_body,
)
from tests.support.faults.fault import Fault, Outcomes
from tests.support.loopback import Close, Raw, Reset, Send, encode_chunk, encode_head

_OK = encode_head(200)
_CHUNKED = encode_head(200, (("transfer-encoding", "chunked"),))
_HALF = JSON[: len(JSON) // 2]
_SMUGGLED = b"HTTP/1.1 200 OK\r\ncontent-length: 47\r\n\r\n" + b'{"candidates":[{"content":{"parts":[{"text":""}'
_LONGER = encode_head(200, (("content-length", str(len(JSON) + 10)),))


def _chunks(name: str, data: bytes, outcomes: Outcomes) -> Fault:
    return Fault(f"chunks: {name}", Raw(_CHUNKED + data), outcomes)


def _stray(name: str, *steps: Send, outcomes: Outcomes) -> Fault:
    """Bytes after a response; the connection stays open."""
    return Fault(f"stray: {name}", steps, outcomes)


_END = b"0\r\n\r\n"
BODIES = (
    Fault("body: shorter than its length, closes", (Send(_LONGER + JSON), Close()), CUT_LATE),
    Fault("body: shorter than its length, resets", (Send(_LONGER + JSON), Reset()), CUT_LATE),
    Fault("body: none of its length, closes", (Send(_LONGER), Close()), CUT_AT_ONCE),
    Fault("body: none of its length, resets", (Send(_LONGER), Reset()), CUT_AT_ONCE),
    Fault("body: half, length of the half", send_body(_HALF), TRUNCATED),
    Fault("body: no length, whole", Raw(_OK + JSON), WELL_FORMED),
    Fault("body: no length, half", Raw(_OK + _HALF), TRUNCATED),
    Fault("body: no length, nothing", Raw(_OK), TRUNCATED),
    Fault("body: no length, resets", (Send(_OK + _HALF), Reset()), CUT_WITHIN_ITEM),
    Fault("body: HTTP/1.0 without length", Raw(b"HTTP/1.0 200 OK\r\n\r\n" + JSON), WELL_FORMED),
    Fault("body: over the limit", send_body(b'"' + b"x" * 1_000_000), TOO_LARGE),
    Fault("body: over the limit, without length", Raw(_OK + b'"' + b"x" * 1_500_000), TOO_LARGE),
    Fault("body: of a 204", Raw(encode_head(204) + JSON), TRUNCATED),
    Fault("body: of a 304", Raw(encode_head(304) + JSON), REDIRECTED),
    Fault("body: of a 205", send_body(JSON, status=205), WELL_FORMED),
    Fault(
        "body: of a 206 that was not asked for", send_body(JSON, ("content-range", "bytes 0-9/99"), status=206), PARTIAL
    ),
    _chunks("size not hexadecimal", b"zz\r\nhello\r\n", CUT_AT_ONCE),
    _chunks("negative size", b"-5\r\nhello\r\n", CUT_AT_ONCE),
    _chunks("size with 0x", b"0x5\r\nhello\r\n" + _END, CUT_AT_ONCE),
    _chunks("size with a sign", b"+5\r\nhello\r\n" + _END, CUT_AT_ONCE),
    _chunks("empty size", b"\r\nhello\r\n" + _END, CUT_AT_ONCE),
    _chunks("size of 17 digits", b"10000000000000005\r\nhello\r\n", CUT_WITHIN_ITEM),
    _chunks("size of 30 digits", b"1" * 30 + b"\r\nhello\r\n", CUT_AT_ONCE),
    _chunks("size of 4 GB", b"ffffffff\r\nhello", CUT_WITHIN_ITEM),
    _chunks("size line of 200 KB", b"5;" + b"x" * 200_000 + b"\r\nhello\r\n" + _END, CUT_AT_ONCE),
    _chunks("size in upper case with zeros", b"00%X\r\n" % len(JSON) + JSON + b"\r\n" + _END, WELL_FORMED),
    _chunks("size with blanks", b"%x  \r\n" % len(JSON) + JSON + b"\r\n" + _END, WELL_FORMED),
    _chunks("extension", b"%x;a=b\r\n" % len(JSON) + JSON + b"\r\n" + _END, WELL_FORMED),
    _chunks("extension with line feed", b"%x;a\nb\r\n" % len(JSON) + JSON + b"\r\n" + _END, CUT_AT_ONCE),
    _chunks("bare LF", b"%x\n" % len(JSON) + JSON + b"\n0\n\n", CUT_AT_ONCE),
    _chunks("no line end after a chunk", b"%x\r\n" % len(JSON) + JSON + _END, CUT_LATE),
    _chunks("longer than its size", b"5\r\n" + JSON + b"\r\n" + _END, CUT_WITHIN_ITEM),
    _chunks("shorter than its size", b"%x\r\n" % (len(JSON) + 3) + JSON + b"\r\n" + _END, CUT_LATE),
    _chunks("one byte each", b"".join(encode_chunk(bytes((each,))) for each in JSON) + _END, WELL_FORMED),
    _chunks("no last chunk", encode_chunk(JSON), CUT_LATE),
    _chunks("last chunk without its line end", encode_chunk(JSON) + b"0\r\n", CUT_LATE),
    _chunks("last chunk cut", encode_chunk(JSON) + b"0", CUT_LATE),
    _chunks("ends within a size", encode_chunk(_HALF) + b"1", CUT_WITHIN_ITEM),
    _chunks("ends within a chunk", encode_chunk(JSON)[:-9], CUT_WITHIN_ITEM),
    _chunks("only the last one", _END, TRUNCATED),
    _chunks("trailers", encode_chunk(JSON) + b"0\r\nx-one: 1\r\ngrpc-status: 13\r\n\r\n", WELL_FORMED),
    _chunks("trailer with a length", encode_chunk(JSON) + b"0\r\ncontent-length: 3\r\n\r\n", WELL_FORMED),
    _chunks("trailer without a colon", encode_chunk(JSON) + b"0\r\nnothing\r\n\r\n", CUT_LATE),
    _chunks("trailers of 200 KB", encode_chunk(JSON) + b"0\r\n" + b"x-one: 1\r\n" * 20_000 + b"\r\n", CUT_LATE),
    _chunks("trailer cut", encode_chunk(JSON) + b"0\r\nx-one", CUT_LATE),
    Fault(
        "chunks: resets after the last chunk's size",
        (Send(_CHUNKED + encode_chunk(JSON) + b"0\r\n"), Reset()),
        CUT_LATE,
    ),
    Fault("chunks: resets within a chunk", (Send(_CHUNKED + encode_chunk(JSON)[:-9]), Reset()), CUT_WITHIN_ITEM),
    _stray("a line end", send_body(JSON), Send(b"\r\n"), outcomes=WELL_FORMED),
    _stray("a second response", Send(send_body(JSON).data + _SMUGGLED), outcomes=WELL_FORMED),
    _stray(
        "a second response after chunks", Send(_CHUNKED + encode_chunk(JSON) + _END + _SMUGGLED), outcomes=WELL_FORMED
    ),
    _stray("a second response in its own segment", send_body(JSON), Send(_SMUGGLED), outcomes=WELL_FORMED),
    _stray("a 408 after the response", Send(send_body(JSON).data + encode_head(408)), outcomes=WELL_FORMED),
    _stray("more than the length", Send(send_body(JSON).data + b"more"), outcomes=WELL_FORMED),
    _stray("a NUL", Send(send_body(JSON).data + b"\x00"), outcomes=WELL_FORMED),
    _stray("a second response after an error", Send(send_body(b"{}", status=400).data + _SMUGGLED), outcomes=REFUSED),
    _stray("a second response after a 204", Send(encode_head(204) + _SMUGGLED), outcomes=TRUNCATED),
    Fault("stray: a second response, then resets", (Send(send_body(JSON).data + _SMUGGLED), Reset()), WELL_FORMED),
    Fault("stray: closes the connection that it promised to keep", (send_body(JSON), Close()), WELL_FORMED),
    Fault("stray: resets the connection that it promised to keep", (send_body(JSON), Reset()), WELL_FORMED),
)
