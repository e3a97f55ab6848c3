"""Protocol errors of resumable uploads."""

from genai_fn.errors import ConnectError, DecodeError
from tests.support.faults.fault import CHUNK, START, Fault, Outcome
from tests.support.loopback import Reply


def _address(name: str, outcome: Outcome, *headers: tuple[str, str]) -> Fault:
    return Fault(f"upload: {name}", Reply(200, headers, b"{}"), {START: outcome})


def _progress(name: str, outcome: Outcome, *headers: tuple[str, str], body: bytes = b"", status: int = 200) -> Fault:
    return Fault(f"upload: {name}", Reply(status, headers, body), {CHUNK: outcome})


_NO_ADDRESS = Outcome(DecodeError, 1, "expected a URL in the header x-goog-upload-url")
_UNREACHABLE = Outcome(ConnectError)
_STALLED = Outcome(DecodeError, 4, "expected progress of the upload")
_STALLED_LATE = Outcome(DecodeError, 5, "expected progress of the upload")
_WRONG_SIZE = Outcome(DecodeError, 1, "expected the number of bytes received, of 64")
_NO_STATUS = Outcome(DecodeError, 1, "expected active or final in the header x-goog-upload-status")
_URL, _STATUS, _SIZE = "x-goog-upload-url", "x-goog-upload-status", "x-goog-upload-size-received"
UPLOADS = (
    _address("no address", _NO_ADDRESS),
    _address("empty address", _NO_ADDRESS, (_URL, "")),
    _address("relative address", _NO_ADDRESS, (_URL, "/session")),
    _address("address that refuses", _UNREACHABLE, (_URL, "http://127.0.0.1:1/session")),
    _address("address of another scheme", _NO_ADDRESS, (_URL, "ftp://127.0.0.1/session")),
    _address("address of a file", _NO_ADDRESS, (_URL, "file:///etc/passwd")),
    _address("half an address", _UNREACHABLE, (_URL, "http://[::1")),
    _address("address with a port out of range", _UNREACHABLE, (_URL, "http://127.0.0.1:99999/")),
    _address("address with a control character", _UNREACHABLE, (_URL, "http://127.0.0.1\x7f/")),
    _address("two addresses", _UNREACHABLE, (_URL, "http://127.0.0.1:1/a"), (_URL, "http://127.0.0.1:1/b")),
    _progress("no progress", _STALLED, (_STATUS, "active"), (_SIZE, "0")),
    _progress("more than was sent", _WRONG_SIZE, (_STATUS, "active"), (_SIZE, "65")),
    _progress("negative progress", _WRONG_SIZE, (_STATUS, "active"), (_SIZE, "-1")),
    _progress("progress that is no number", Outcome(DecodeError), (_STATUS, "active"), (_SIZE, "x")),
    _progress("progress of 400 digits", _WRONG_SIZE, (_STATUS, "active"), (_SIZE, "9" * 400)),
    _progress("all received, never final", _STALLED_LATE, (_STATUS, "active"), (_SIZE, "64")),
    _progress("no status", _NO_STATUS),
    _progress("unknown status", _NO_STATUS, (_STATUS, "odd")),
    _progress("cancelled", _NO_STATUS, (_STATUS, "cancelled")),
    _progress("final without a file", Outcome(DecodeError), (_STATUS, "final")),
    _progress("final with half of a file", Outcome(DecodeError), (_STATUS, "final"), body=b'{"file": {'),
    _progress("final with a list", Outcome(DecodeError), (_STATUS, "final"), body=b"[]"),
    _progress("final with null", Outcome(DecodeError), (_STATUS, "final"), body=b'{"file": null}'),
    _progress("308 without a range", _STALLED, status=308),
    _progress("308 with a range out of bounds", _WRONG_SIZE, ("range", "bytes=0-999"), status=308),
    _progress("308 with an odd range", _STALLED, ("range", "bytes=5-9"), status=308),
)
