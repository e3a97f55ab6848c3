"""The address of a live session, ``ws://…`` or ``wss://…``, as the handshake needs it, which is an HTTP request."""

from genai_fn.interpreters.net.connect.connection import parse_target


def build_http_url(url: str) -> str:
    """
    Replace ``ws`` by ``http``.

    >>> build_http_url("wss://example.com/a")
    'https://example.com/a'
    """
    return url.replace("ws", "http", 1)


def build_host_header(url: str) -> str:
    """
    Build the header ``Host``: the host, and the port unless it is the default one.

    >>> build_host_header("wss://example.com:443/a"), build_host_header("ws://example.com:443/a")
    ('example.com', 'example.com:443')
    """
    return parse_target(build_http_url(url)).host_header
