"""Faults of content encodings."""

import gzip
import zlib

from tests.cases.faults.outcomes import CORRUPT, JSON, TOO_LARGE, TRUNCATED, UNKNOWN_ENCODING, WELL_FORMED, send_body
from tests.support.faults.fault import Fault, Outcomes

_GZIPPED = gzip.compress(JSON, mtime=0)
_EXTRA = b"\x1f\x8b\x08\x04" + bytes(6) + b"\xff\xff" + bytes(100)
_NAMED = b"\x1f\x8b\x08\x08" + bytes(6) + b"x" * 100_000


def _encoding(name: str, encoding: str, body: bytes, outcomes: Outcomes) -> Fault:
    return Fault(f"encoding: {name}", send_body(body, ("content-encoding", encoding)), outcomes)


ENCODINGS = (
    _encoding("gzip", "gzip", _GZIPPED, WELL_FORMED),
    _encoding("gzip in upper case", "GZIP", _GZIPPED, WELL_FORMED),
    _encoding("x-gzip", "x-gzip", _GZIPPED, WELL_FORMED),
    _encoding("zlib as deflate", "deflate", zlib.compress(JSON), WELL_FORMED),
    _encoding("raw deflate", "deflate", zlib.compress(JSON)[2:-4], CORRUPT),
    _encoding("two members", "gzip", gzip.compress(JSON[:9]) + gzip.compress(JSON[9:]), WELL_FORMED),
    _encoding("not gzip", "gzip", JSON, CORRUPT),
    _encoding("half of gzip", "gzip", _GZIPPED[: len(_GZIPPED) // 2], CORRUPT),
    _encoding("head of gzip", "gzip", _GZIPPED[:10], CORRUPT),
    _encoding("one byte of gzip", "gzip", _GZIPPED[:1], CORRUPT),
    _encoding("nothing as gzip", "gzip", b"", TRUNCATED),
    _encoding("gzip without its checksum", "gzip", _GZIPPED[:-8], CORRUPT),
    _encoding("gzip with a wrong checksum", "gzip", _GZIPPED[:-8] + bytes(4) + _GZIPPED[-4:], CORRUPT),
    _encoding("gzip with a wrong size", "gzip", _GZIPPED[:-4] + b"\xff" * 4, CORRUPT),
    _encoding("gzip with a wrong method", "gzip", _GZIPPED[:2] + b"\x07" + _GZIPPED[3:], CORRUPT),
    _encoding("gzip with reserved flags", "gzip", _GZIPPED[:3] + b"\xe0" + _GZIPPED[4:], CORRUPT),
    _encoding("gzip with half of an extra field", "gzip", _EXTRA, CORRUPT),
    _encoding("gzip with a name without end", "gzip", _NAMED, CORRUPT),
    _encoding("gzip and more", "gzip", _GZIPPED + b"more", CORRUPT),
    _encoding("gzip and zeros", "gzip", _GZIPPED + bytes(10), CORRUPT),
    _encoding("gzip with a damaged byte", "gzip", _GZIPPED[:20] + b"\xff" + _GZIPPED[21:], CORRUPT),
    _encoding("gzip of gzip, said once", "gzip", gzip.compress(_GZIPPED), TRUNCATED),
    _encoding("gzip twice", "gzip, gzip", gzip.compress(_GZIPPED), UNKNOWN_ENCODING),
    _encoding("br", "br", b"\x8b\x02\x80hi\x03", UNKNOWN_ENCODING),
    _encoding("zstd", "zstd", b"\x28\xb5\x2f\xfd\x20\x02\x11\x00\x00hi", UNKNOWN_ENCODING),
    _encoding("unknown", "x-nothing", JSON, UNKNOWN_ENCODING),
    _encoding("identity", "identity", JSON, WELL_FORMED),
    _encoding("empty", "", JSON, WELL_FORMED),
    _encoding("bomb of 50 MB", "gzip", gzip.compress(bytes(50_000_000), 1), TOO_LARGE),
    _encoding("bomb of a thousand members", "gzip", gzip.compress(bytes(100_000)) * 1000, TOO_LARGE),
    Fault(
        "encoding: gzip and identity, in two headers",
        send_body(_GZIPPED, ("content-encoding", "gzip"), ("content-encoding", "identity")),
        UNKNOWN_ENCODING,
    ),
)
