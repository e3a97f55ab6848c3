"""Servers that stop, or never stop: only a deadline ends these."""

import gzip
import zlib

from tests.cases.faults.outcomes import EVENT, JSON, SILENT
from tests.support.faults.fault import Fault, Outcomes
from tests.support.faults.identities import GOOD
from tests.support.loopback import Answer, Drip, Hang, Repeat, Send, encode_chunk, encode_head

_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = encode_head(200, (("transfer-encoding", "chunked"),))
_GZIP = encode_head(200, (("content-encoding", "gzip"),))


def _silence(name: str, *steps: Answer, outcomes: Outcomes = SILENT, **more: object) -> Fault:
    return Fault(f"silence: {name}", steps, outcomes, lasts=True, **more)


SILENCES = (
    _silence("on accept", Hang(), on_accept=True),
    _silence("in the TLS handshake", Hang(), on_accept=True, tls=GOOD, plain=True),
    _silence("in half a TLS hello", Send(b"\x16\x03\x03\x00\x5a\x02"), Hang(), on_accept=True, tls=GOOD, plain=True),
    _silence("after the request", Hang()),
    _silence("within the request's body", Hang(), reads=1),
    _silence("within the status line", Send(b"HTTP/1.1 20"), Hang()),
    _silence("within the headers", Send(_OK + b"content-le"), Hang()),
    _silence("after a 100", Send(encode_head(100)), Hang()),
    _silence("before the body", Send(_OK + b"content-length: 100\r\n\r\n"), Hang()),
    _silence("within the body", Send(_OK + b"content-length: 999\r\n\r\n" + JSON), Hang()),
    _silence("within the body, over TLS", Send(_OK + b"content-length: 999\r\n\r\n" + JSON), Hang(), tls=GOOD),
    _silence("within a body without length", Send(_OK + b"\r\n" + JSON), Hang()),
    _silence("within a chunk's size", Send(_CHUNKED + encode_chunk(JSON) + b"1"), Hang()),
    _silence("within a chunk", Send(_CHUNKED + b"fff\r\n" + JSON), Hang()),
    _silence("before the last chunk", Send(_CHUNKED + encode_chunk(JSON)), Hang()),
    _silence("within the trailers", Send(_CHUNKED + encode_chunk(JSON) + b"0\r\nx-one"), Hang()),
    _silence("within gzip", Send(_GZIP + gzip.compress(JSON)[:30]), Hang()),
    _silence("within an error", Send(b"HTTP/1.1 400 No\r\ncontent-length: 999\r\n\r\n" + b'{"error": {'), Hang()),
    _silence("within an event", Send(_CHUNKED + encode_chunk(EVENT[:30])), Hang()),
    _silence("endless status line", Drip(b"HTTP/1.1 200 " + b"x" * 50_000, 0.001)),
    _silence("endless headers, one byte at a time", Send(_OK + b"x-one: "), Drip(b"x" * 50_000, 0.001)),
    _silence("endless informational responses", Repeat(encode_head(103), 0.001)),
    _silence("endless body, one byte at a time", Send(_OK + b"content-length: 99999999\r\n\r\n"), Repeat(b" ", 0.001)),
    _silence("endless chunks, one byte at a time", Send(_CHUNKED), Repeat(encode_chunk(b" "), 0.001)),
    _silence("endless chunk size", Send(_CHUNKED), Repeat(b"0", 0.001)),
    _silence("endless comments", Send(_CHUNKED), Repeat(encode_chunk(b": hi\n\n"), 0.001)),
    _silence("endless empty events", Send(_CHUNKED), Repeat(encode_chunk(b"data:\n\n"), 0.001)),
    _silence(
        "endless empty gzip blocks",
        Send(_GZIP + zlib.compressobj(wbits=31).flush(zlib.Z_SYNC_FLUSH)),
        Repeat(b"\x00\x00\x00\xff\xff", 0.001),
    ),
    _silence("endless trailers", Send(_CHUNKED + encode_chunk(JSON) + b"0\r\n"), Repeat(b"x-one: 1\r\n", 0.001)),
)
