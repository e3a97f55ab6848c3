"""
Refuses requests of web pages, which a browser sends to any address, also to the machine that it runs on.

Two attacks are possible without it. A page sends requests without reading their responses, such as a reset: browsers
name the page in ``Origin``. And a page reads them, after its own host name resolves to a local address (DNS rebinding):
then ``Host`` is that name.
"""

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from genai_fn.http import Headers

__all__ = ["find_refusal"]


def find_refusal(headers: Headers, allowed_hosts: Collection[str]) -> str | None:
    """
    Return why a request may come from a web page of someone else; None if it does not.

    Accepted in ``Host`` are IP addresses, ``localhost`` and allowed names; in ``Origin``, which programs do not send,
    this machine, allowed names, and the origin of the emulator itself.

    >>> find_refusal((("host", "127.0.0.1:80"),), ()), find_refusal((("host", "localhost"),), ())
    (None, None)
    >>> find_refusal((("host", "127.0.0.1:80"), ("origin", "https://example.com")), ())
    "the page 'https://example.com' is not allowed"
    """
    values = dict(headers)
    host, origin = values.get("host"), values.get("origin")
    allowed = {each.lower() for each in allowed_hosts}
    if host is not None and not _is_known_host(_parse_host(f"//{host}"), allowed):
        return f"the host {host[:_MAX_SHOWN]!r} is not allowed"
    if origin is not None and not _is_known_origin(origin, host, allowed):
        return f"the page {origin[:_MAX_SHOWN]!r} is not allowed"
    if origin is None and values.get("sec-fetch-site") == "cross-site":
        return "a page elsewhere is not allowed"
    return None


_MAX_SHOWN = 100


def _is_known_host(name: str, allowed: Collection[str]) -> bool:
    """Whether no page can choose the name: an address does not resolve, and ``localhost`` only to this machine."""
    return name in allowed or _is_localhost(name) or _is_address(name)


def _is_known_origin(origin: str, host: str | None, allowed: Collection[str]) -> bool:
    name = _parse_host(origin)
    is_own = host is not None and origin.partition("://")[2].lower() == host.lower()
    return is_own or name in allowed or _is_localhost(name) or (_is_address(name) and ip_address(name).is_loopback)


def _parse_host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:  # a malformed IPv6 address
        return ""


def _is_localhost(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")  # RFC 6761, 6.3


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
