"""The outcomes that many faults have in common, and the bytes that responses are made of."""

import msgspec

from genai_fn.errors import (
    APIError,
    ClientError,
    ConnectError,
    DecodeError,
    Disconnected,
    GenaiError,
    NoText,
    TimedOut,
    TransportError,
)
from tests.support.faults.fault import (
    ATTEMPTS,
    CHUNK,
    MEMORY,
    OPERATIONS,
    PATH,
    START,
    STREAM,
    SUCCESS,
    UNARY,
    Outcome,
    Outcomes,
)
from tests.support.loopback import Send, encode_head
from tests.support.loopback_replies import build_text_response

JSON = msgspec.json.encode(build_text_response("hi"))
"""The body of a correct response."""

EVENT = b"data: " + JSON + b"\n\n"
"""A correct event."""


def send_body(body: bytes, *headers: tuple[str, str], status: int = 200) -> Send:
    """Build the step that sends a response with ``content-length``."""
    return Send(encode_head(status, (*headers, ("content-length", str(len(body))))) + body)


def fail_once(error: type[GenaiError], fragment: str = "") -> Outcomes:
    """Every operation fails with its first attempt."""
    return dict.fromkeys(OPERATIONS, Outcome(error, 1, fragment))


def fail_after_retries(error: type[GenaiError], fragment: str = "") -> Outcomes:
    """Every operation is retried. A chunk is not sent again: its upload asks for the progress, which is retried."""
    return {
        **dict.fromkeys(OPERATIONS, Outcome(error, ATTEMPTS, fragment)),
        CHUNK: Outcome(error, 1 + ATTEMPTS, fragment),
    }


def fail_connecting(error: type[GenaiError], fragment: str = "", attempts: int = ATTEMPTS) -> Outcomes:
    """No connection is usable, so an upload does not get to its chunks."""
    return {each: Outcome(error, attempts, fragment) for each in OPERATIONS if each != CHUNK}


_NO_UPLOAD = {
    START: Outcome(DecodeError, 1, "expected a URL in the header x-goog-upload-url"),
    CHUNK: Outcome(DecodeError, 1, "expected active or final in the header x-goog-upload-status"),
}
WELL_FORMED: Outcomes = {**dict.fromkeys(OPERATIONS, SUCCESS), **_NO_UPLOAD}
"""The response is read. As the start of an upload, and the end of one, it lacks what an upload needs."""

NO_RESPONSE = fail_after_retries(Disconnected, "disconnected while sending a request to")
"""There is no response, or one that is not HTTP."""

SILENT = fail_once(TimedOut, "timed out")
"""The deadline ends the operation, and is not followed by another attempt."""

_CUT = Outcome(Disconnected, 1, "disconnected while reading from")
CUT_LATE: Outcomes = {
    **dict.fromkeys(OPERATIONS, _CUT),
    CHUNK: Outcome(Disconnected, 2, "disconnected while reading from"),
}
"""The body is cut. Once a part of it was used, it is not requested again."""

_CUT_EARLY = Outcome(Disconnected, ATTEMPTS, "disconnected while reading from")
CUT_WITHIN_ITEM: Outcomes = {**CUT_LATE, STREAM: _CUT_EARLY}
"""The body is cut before the first item of a stream, which may be requested again."""

CUT_AT_ONCE: Outcomes = {**CUT_WITHIN_ITEM, PATH: _CUT_EARLY}
"""The body is cut before its first byte."""


def fail_unless_data(fragment: str, error: type[GenaiError] = DecodeError) -> Outcomes:
    """The body is not the expected JSON. For a download it is data."""
    failure = Outcome(error, 1, fragment)
    return {
        UNARY: failure,
        STREAM: failure,
        START: Outcome(DecodeError),
        CHUNK: Outcome(DecodeError),
        MEMORY: SUCCESS,
        PATH: SUCCESS,
    }


TRUNCATED = fail_unless_data("expected")
MALFORMED = fail_unless_data("malformed")
WRONG_TYPE = fail_unless_data("expected `")
TOO_DEEP = fail_unless_data("expected")
NO_TEXT: Outcomes = {**fail_unless_data("no text", NoText), **_NO_UPLOAD}
"""The body is JSON of the right type that contains no text."""

STREAM_READS: Outcomes = {**fail_unless_data("expected"), STREAM: SUCCESS}
"""The body is not JSON, and yet a stream can read it."""

CORRUPT = fail_once(DecodeError, "gzip")
"""The body cannot be decompressed."""

TOO_LARGE: Outcomes = {**fail_once(DecodeError, "at most 1000000 bytes"), PATH: SUCCESS}
"""The body exceeds ``max_response_bytes``, which does not bound a download to a path."""

REFUSED = fail_once(ClientError)
"""An error of the server that is not retried."""


def contain_error(error: type[GenaiError], attempts: int = 1) -> Outcomes:
    """A response of status 200 contains an error."""
    failure = Outcome(error, attempts)
    return {UNARY: failure, STREAM: failure, **_NO_UPLOAD, MEMORY: SUCCESS, PATH: SUCCESS}


REDIRECTED = fail_once(APIError, "30")
"""A redirect is an error, except for downloads."""

FOLLOWED: Outcomes = {**REDIRECTED, **dict.fromkeys((MEMORY, PATH), Outcome(ConnectError))}
"""A download follows the redirect, to where nobody listens."""

NO_CONNECTION = fail_connecting(TransportError)
"""The connection breaks before the request: while connecting, sending or reading, as it happens."""

NO_TLS = fail_connecting(ConnectError, "TLS handshake with 127.0.0.1")
"""The handshake fails, and is tried again."""

DISTRUSTED = fail_connecting(ConnectError, "certificate: ", attempts=1)
"""The certificate is not accepted, which another attempt would not change."""

CUT_AT_END = CUT_LATE
"""TLS ends without ``close_notify``, and so without proof that the body is whole."""

UNKNOWN_ENCODING = fail_once(DecodeError)
"""The body has an encoding that was not asked for and is not understood."""

PARTIAL: Outcomes = {**WELL_FORMED, **dict.fromkeys((START, CHUNK, MEMORY, PATH), Outcome(DecodeError, 1, "206"))}
"""A part of the body that was not asked for is no download."""
