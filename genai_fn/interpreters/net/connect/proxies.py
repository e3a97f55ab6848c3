"""Finds the proxy for a host: the configured one, or the one in the environment."""

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from genai_fn.interpreters.net.connect.addresses import format_address
from genai_fn.values import Value


class Proxy(Value):
    """A proxy's address and login; ``str`` and ``repr`` leave out user and password."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Proxy({self})"

    def __str__(self) -> str:
        return f"{self.scheme}://{format_address(self.host, self.port)}"

    @property
    def basic_authorization(self) -> str:
        """The value of the header ``Proxy-Authorization``; ``""`` without user and password."""
        return (
            f"Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode()}" if self.user or self.password else ""
        )


def find_proxy(scheme: str, host: str, port: int, configured: str | None, environ: Mapping[str, str]) -> Proxy | None:
    """
    Find the proxy for a host: the configured one, else the environment's unless ``NO_PROXY`` exempts the host.

    If `configured` is an empty string, there is no proxy. Raises ``ValueError`` if the address is invalid.

    >>> find_proxy("https", "example.com", 443, None, {"HTTPS_PROXY": "http://10.0.0.1:3128", "NO_PROXY": ".test"})
    Proxy(http://10.0.0.1:3128)
    """
    if configured is not None:
        return parse_proxy(configured) if configured else None
    found = next((environ[name] for name in _get_variable_names(scheme, environ) if environ.get(name)), "")
    if not found or _is_exempt(host, port, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
        return None
    return parse_proxy(found)


def parse_proxy(text: str) -> Proxy:
    """
    Parse a proxy's address; the default scheme is ``http``.

    The message of its ``ValueError`` does not repeat the text, which may contain a password.
    """
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        f"{user}{password}".encode()  # the environment may contain lone surrogates
    except ValueError:
        raise ValueError(_INVALID_PROXY) from None
    if parts.scheme not in _DEFAULT_PORTS or not host:
        raise ValueError(_INVALID_PROXY)
    return Proxy(parts.scheme, host, _DEFAULT_PORTS[parts.scheme] if port is None else port, user, password)


_INVALID_PROXY = "not the address of an http or socks5 proxy"
_DEFAULT_PORTS = {"http": 80, "socks5": 1080, "socks5h": 1080}


def _get_variable_names(scheme: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Exclude ``HTTP_PROXY`` in a CGI script, where a request header sets it (https://httpoxy.org)."""
    if scheme == "https":
        return ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    plain = ("http_proxy",) if "REQUEST_METHOD" in environ else ("http_proxy", "HTTP_PROXY")
    return (*plain, "all_proxy", "ALL_PROXY")


def _is_exempt(host: str, port: int, no_proxy: str) -> bool:
    return any(_is_covered(entry.strip().lower(), host.lower(), port) for entry in no_proxy.split(",") if entry.strip())


def _is_covered(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    name, own_port = _split_entry(entry)
    name = name.removeprefix("*").lstrip(".")
    return own_port in {"", str(port)} and (host == name or (bool(name) and host.endswith(f".{name}")))


def _split_entry(entry: str) -> tuple[str, str]:
    """Split ``[::1]:80``, ``::1``, ``example.com:80`` or ``example.com`` into host and port."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":")
    name, _, port = entry.partition(":")
    return (entry, "") if ":" in port else (name, port)
