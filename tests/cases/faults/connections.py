"""Faults before a response: TCP and TLS."""

from tests.cases.faults.outcomes import (
    CUT_AT_END,
    CUT_LATE,
    CUT_WITHIN_ITEM,
    DISTRUSTED,
    JSON,
    NO_CONNECTION,
    NO_RESPONSE,
    NO_TLS,
    REFUSED,
    WELL_FORMED,
    send_body,
)
from tests.support.faults.fault import Fault
from tests.support.faults.identities import GOOD
from tests.support.loopback import Close, Raw, Reset, Send

_ALERT = b"\x15\x03\x03\x00\x02\x02\x28"  # handshake_failure
_UNKNOWN_ALERT = b"\x15\x03\x03\x00\x02\x02\xff"
_SERVER_HELLO = b"\x16\x03\x03\x00\x5a\x02\x00\x00\x56\x03\x03"  # and the rest is missing

CONNECTIONS = (
    Fault("resets on accept", Reset(), NO_CONNECTION, on_accept=True),
    Fault("closes on accept", Close(), NO_CONNECTION, on_accept=True),
    Fault("closes abruptly on accept", Close(abrupt=True), NO_CONNECTION, on_accept=True),
    Fault("sends garbage on accept", Raw(b"\x00\x01garbage\r\n\r\n"), NO_CONNECTION, on_accept=True),
    Fault("greets as an SMTP server", Raw(b"220 mail ESMTP ready\r\n"), NO_CONNECTION, on_accept=True),
    Fault(
        "answers 400 on accept", Raw(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"), REFUSED, on_accept=True
    ),
    Fault("resets after the request", Reset(), NO_RESPONSE),
    Fault("closes after the request", Close(), NO_RESPONSE),
    Fault("closes abruptly after the request", Close(abrupt=True), NO_RESPONSE),
    Fault("resets within the request's body", Reset(), NO_RESPONSE, reads=1),
    Fault("closes within the request's body", Close(), NO_RESPONSE, reads=1),
    Fault("answers 413 within the request's body", (send_body(b"", status=413), Close()), REFUSED, reads=1),
    Fault(
        "TLS: speaks plain HTTP", Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), NO_TLS, tls=GOOD, plain=True, on_accept=True
    ),
    Fault("TLS: sends an alert", Raw(_ALERT), NO_TLS, tls=GOOD, plain=True, on_accept=True),
    Fault("TLS: sends an unknown alert", Raw(_UNKNOWN_ALERT), NO_TLS, tls=GOOD, plain=True, on_accept=True),
    Fault("TLS: sends half of a hello", Raw(_SERVER_HELLO), NO_TLS, tls=GOOD, plain=True, on_accept=True),
    Fault(
        "TLS: sends a huge record",
        Raw(b"\x16\x03\x03\xff\xff" + b"x" * 70_000),
        NO_TLS,
        tls=GOOD,
        plain=True,
        on_accept=True,
    ),
    Fault("TLS: sends zeros", Raw(bytes(1000)), NO_TLS, tls=GOOD, plain=True, on_accept=True),
    Fault("TLS: resets the handshake", Reset(), NO_CONNECTION, tls=GOOD, plain=True, on_accept=True),
    Fault("TLS: closes the handshake", Close(), NO_TLS, tls=GOOD, plain=True, on_accept=True),
    Fault("TLS: certificate of another authority", Close(), DISTRUSTED, tls="another authority"),
    Fault("TLS: certificate of another host", Close(), DISTRUSTED, tls="another host"),
    Fault("TLS: expired certificate", Close(), DISTRUSTED, tls="expired"),
    Fault("TLS: certificate not valid yet", Close(), DISTRUSTED, tls="not valid yet"),
    Fault("TLS: asks for a client certificate", Close(), NO_CONNECTION, tls="asks for a certificate"),
    Fault("TLS: offers TLS 1.1", Close(), NO_TLS, tls="TLS 1.1"),
    Fault("TLS: offers only HTTP/2", Close(), NO_TLS, tls="only HTTP/2"),
    Fault("TLS: closes without close_notify after the request", Close(abrupt=True), NO_RESPONSE, tls=GOOD),
    Fault("TLS: closes after the request", Close(), NO_RESPONSE, tls=GOOD),
    Fault(
        "TLS: closes without close_notify in a body without length",
        (Send(b"HTTP/1.1 200 OK\r\n\r\n" + JSON), Close(abrupt=True)),
        CUT_AT_END,
        tls=GOOD,
    ),
    Fault(
        "TLS: closes with close_notify after a body without length",
        (Send(b"HTTP/1.1 200 OK\r\n\r\n" + JSON), Close()),
        WELL_FORMED,
        tls=GOOD,
    ),
    Fault(
        "TLS: closes without close_notify in a sized body",
        (Send(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n" + JSON), Close(abrupt=True)),
        CUT_LATE,
        tls=GOOD,
    ),
    Fault(
        "TLS: closes without close_notify in chunks",
        (Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n[1, 2"), Close(abrupt=True)),
        CUT_WITHIN_ITEM,
        tls=GOOD,
    ),
)
