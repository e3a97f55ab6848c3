"""What goes over the wire, as values: requests without their credential, and whole responses."""

import re
from typing import Generic, TypeAlias, TypeVar

from genai_fn.values import Value

__all__ = [
    "Body",
    "FileSlice",
    "Headers",
    "HttpRequest",
    "HttpResponse",
    "ValueWithResponse",
    "is_credential",
    "mask_headers",
    "mask_url",
]

T_co = TypeVar("T_co", covariant=True)

Headers: TypeAlias = tuple[tuple[str, str], ...]


class FileSlice(Value):
    """`size` bytes of the file at `path`, from `offset` on: read piece by piece while they are sent."""

    path: str
    offset: int
    size: int


Body: TypeAlias = bytes | tuple[bytes, ...] | FileSlice


class HttpRequest(Value):
    """One request, all but the credential; a body may be in pieces, so that megabytes are not joined."""

    method: str
    url: str
    headers: Headers = ()
    body: Body = b""

    def __repr__(self) -> str:
        address, headers = mask_url(self.url), _mask_header_urls(self.headers)
        return f"HttpRequest({self.method} {address}, headers={headers}, body={_format_body(self.body)})"


class HttpResponse(Value):
    """One whole response, its body inflated; header names are lower case."""

    status: int
    headers: Headers = ()
    body: bytes = b""

    def get_header(self, name: str) -> str | None:
        """Find the first header of that name, written in lower case."""
        return next((value for each, value in self.headers if each == name), None)

    def __repr__(self) -> str:
        return f"HttpResponse({self.status}, headers={_mask_header_urls(self.headers)}, body={_format_body(self.body)})"


class ValueWithResponse(Value, Generic[T_co]):
    """A value, and the HTTP response that it came in."""

    value: T_co
    http: HttpResponse


def mask_headers(headers: Headers) -> Headers:
    """
    Hide the values of headers that may be credentials.

    >>> mask_headers((("authorization", "Bearer abc"), ("accept", "*/*")))
    (('authorization', '***'), ('accept', '*/*'))
    """
    return tuple((name, "***" if is_credential(name) else value) for name, value in headers)


def is_credential(name: str) -> bool:
    """Tell by the name of a header whether its value may be a credential."""
    return _CREDENTIAL_NAME.search(name) is not None


_CREDENTIAL_NAME = re.compile("auth|cookie|key|token|secret|credential|password|signature", re.IGNORECASE)


def mask_url(address: str) -> str:
    """
    Hide the values in an address that may be credentials: keys, signatures, what an upload is gone on with.

    >>> mask_url("https://host/upload?upload_id=abc&upload_protocol=resumable")
    'https://host/upload?upload_id=***&upload_protocol=resumable'
    """
    place, mark, query = address.partition("?")
    return f"{place}{mark}{'&'.join(map(_mask_query_pair, query.split('&')))}"


def _mask_query_pair(pair: str) -> str:
    name, mark, _ = pair.partition("=")
    return f"{name}=***" if mark and _CREDENTIAL_QUERY_NAME.search(name) else pair


_CREDENTIAL_QUERY_NAME = re.compile(f"(?<!page)(?<!page_)(?:{_CREDENTIAL_NAME.pattern}|upload_?id|sig$)", re.IGNORECASE)
"""A page token is none."""


def _mask_header_urls(headers: Headers) -> Headers:
    """Headers hold addresses, too: where a redirect leads, where an upload goes to."""
    return tuple((name, mask_url(value)) for name, value in mask_headers(headers))


def _format_body(body: Body) -> str:
    if isinstance(body, FileSlice):
        return repr(body)
    whole = body if isinstance(body, bytes) else b"".join(body[:1])
    size = len(body) if isinstance(body, bytes) else sum(map(len, body))
    return repr(whole) if size <= _MAX_SHOWN_BYTES else f"<{size} bytes {whole[:_MAX_SHOWN_BYTES]!r}…>"


_MAX_SHOWN_BYTES = 200
