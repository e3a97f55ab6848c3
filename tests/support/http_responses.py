"""Responses as `ResponseParser` and as h11 read them."""

from collections.abc import Iterable

import h11

from genai_fn.interpreters.net.http1.response_parser import RemoteProtocolError, ResponseParser

ParsedResponse = tuple[int | None, tuple[tuple[str, str], ...], bytes, bool, bool]
"""Status, headers, body, whether the connection is reusable, and whether the response is malformed or cut."""


def parse(data: bytes, sizes: Iterable[int], method: str = "GET") -> ParsedResponse:
    """Parse a response in pieces of the given sizes and a last one, after which the server closes the connection."""
    parser, body, is_malformed = ResponseParser(method), b"", False
    pieces, start = [], 0
    for size in sizes:
        pieces.append(data[start : start + size])
        start += size
    pieces.append(data[start:])
    try:
        for piece in filter(None, pieces):
            parser.receive_data(piece)
            if parser.read_head() is not None:
                body += parser.read_body() or b""
        if not parser.is_complete:
            parser.receive_data(b"")
            parser.read_head()
            while chunk := parser.read_body():
                body += chunk
    except RemoteProtocolError:
        is_malformed = True
    try:
        head = parser.read_head()
    except RemoteProtocolError:
        return None, (), body, False, True
    while not is_malformed and (chunk := parser.read_body()):
        body += chunk
    return head.status if head else None, head.headers if head else (), body, parser.is_reusable, is_malformed


def parse_with_h11(data: bytes, method: str = "GET") -> ParsedResponse:
    """Parse a response with h11."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    status, headers, body, is_over, is_closed = None, (), b"", False, False
    try:
        while not is_over:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                is_closed = True
                connection.receive_data(b"")
            elif isinstance(event, h11.Response):
                status = event.status_code
                headers = tuple((name.decode().lower(), value.decode("latin-1")) for name, value in event.headers)
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                is_over = isinstance(event, h11.EndOfMessage | h11.ConnectionClosed)
    except h11.RemoteProtocolError:
        return status, headers, body, False, True
    is_reusable = connection.their_state is h11.DONE and not connection.trailing_data[0] and not is_closed
    return status, headers, body, is_reusable, False
