"""HTTP requests and responses as values, and masking of the credentials in them."""

import functools
import re
from typing import Generic, TypeAlias, TypeVar

from genai_fn.errors import FailedTarget
from genai_fn.values import Value

__all__ = [
    "Body",
    "FileSlice",
    "Headers",
    "HttpRequest",
    "HttpResponse",
    "ValueWithResponse",
    "is_credential",
    "is_secret_field",
    "mask_headers",
    "mask_json_fields",
    "mask_url",
]

T_co = TypeVar("T_co", covariant=True)

Headers: TypeAlias = tuple[tuple[str, str], ...]


class FileSlice(Value):
    """A slice of a file as a request body: `size` bytes from `offset`, read in chunks while they are sent."""

    path: str
    offset: int
    size: int


Body: TypeAlias = bytes | tuple[bytes, ...] | FileSlice


class HttpRequest(Value):
    """
    An HTTP request. Its ``repr`` masks credentials in the URL and headers.

    Args:
        method: HTTP method.

        url: Absolute URL.

        headers: Pairs of names and values.

        body: Bytes, a tuple of chunks, or a slice of a file.

    >>> from genai_fn import Gemini, encode, models
    >>> encode(models.get("gemini-2.5-flash"), Gemini("a-key")).unwrap().url
    'https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash'
    >>> HttpRequest("GET", "https://host/v1?key=abc", (("x-goog-api-key", "abc"),))
    HttpRequest(GET https://host/v1?key=***, headers=(('x-goog-api-key', '***'),), body=b'')
    """

    method: str
    url: str
    headers: Headers = ()
    body: Body = b""

    def __repr__(self) -> str:
        url, headers = mask_url(self.url), _mask_header_urls(self.headers)
        return f"HttpRequest({self.method} {url}, headers={headers}, body={_format_body(self.body)})"


class HttpResponse(Value):
    """
    An HTTP response with its complete body. Its ``repr`` masks credentials in headers.

    Args:
        status: Status code.

        headers: Pairs of names and values; names are in lower case.

        body: Decompressed body.

    >>> from genai_fn import Gemini, decode, models
    >>> response = HttpResponse(200, (("content-type", "application/json"),), b'{"name": "models/m"}')
    >>> decode(models.get("m"), response, Gemini("a-key")).unwrap().name
    'models/m'
    >>> response.get_header("content-type")
    'application/json'
    """

    status: int
    headers: Headers = ()
    body: bytes = b""

    def get_header(self, name: str) -> str | None:
        """Return the value of the first header with a name, given in lower case, or None."""
        return next((value for each, value in self.headers if each == name), None)

    def __repr__(self) -> str:
        return f"HttpResponse({self.status}, headers={_mask_header_urls(self.headers)}, body={_format_body(self.body)})"


class ValueWithResponse(Value, Generic[T_co], repr_omit_defaults=True):
    """
    A value together with its HTTP response, as ``| with_http_response`` returns it.

    Args:
        value: The decoded value.

        http: The response that it was decoded from.

        failed_targets: What the middleware `fallback` has tried before, in order; empty without one.

    >>> from genai_fn import Offline, models, with_http_response
    >>> answer = Offline()(models.get("gemini-2.5-flash") | with_http_response).unwrap()
    >>> answer.value.name, answer.http.status
    ('models/gemini-2.5-flash', 200)
    """

    value: T_co
    http: HttpResponse
    failed_targets: tuple[FailedTarget, ...] = ()


def mask_headers(headers: Headers) -> Headers:
    """
    Mask the values of headers that may be credentials.

    >>> mask_headers((("authorization", "Bearer abc"), ("accept", "*/*")))
    (('authorization', '***'), ('accept', '*/*'))
    """
    return tuple((name, "***" if is_credential(name) else value) for name, value in headers)


@functools.lru_cache(1024)
def is_credential(name: str) -> bool:
    """Whether the value of a header may be a credential, judged by its name."""
    return _CREDENTIAL_NAME.search(name) is not None


_CREDENTIAL_NAME = re.compile("auth|cookie|key|token|secret|credential|password|signature", re.IGNORECASE)


def mask_url(url: str) -> str:
    """
    Mask the query parameters of a URL that may be credentials: keys, signatures, ids of upload sessions.

    >>> mask_url("https://host/upload?upload_id=abc&upload_protocol=resumable")
    'https://host/upload?upload_id=***&upload_protocol=resumable'
    """
    place, mark, query = url.partition("?")
    return f"{place}{mark}{'&'.join(map(_mask_query_pair, query.split('&')))}"


def _mask_query_pair(pair: str) -> str:
    name, mark, _ = pair.partition("=")
    return f"{name}=***" if mark and re.search(_CREDENTIAL_QUERY_NAME, name) else pair


_CREDENTIAL_QUERY_NAME = f"(?i)(?<!page)(?<!page_)(?:{_CREDENTIAL_NAME.pattern}|upload_?id|sig$)"
"""Page tokens are not credentials. It is compiled at its first use."""


def _mask_header_urls(headers: Headers) -> Headers:
    """Mask headers, and the URLs in them, such as the targets of redirects and uploads."""
    return tuple((name, mask_url(value)) for name, value in mask_headers(headers))


def _format_body(body: Body) -> str:
    if isinstance(body, FileSlice):
        return repr(body)
    chunks = (body,) if isinstance(body, bytes) else body
    size = sum(map(len, chunks))
    start = b"".join(chunk[:_MAX_SHOWN_BYTES] for chunk in chunks[: _MAX_SHOWN_BYTES + 1])
    shown = mask_json_fields(start[:_MAX_SHOWN_BYTES])
    return repr(shown) if size <= _MAX_SHOWN_BYTES else f"<{size} bytes {shown!r}…>"


_MAX_SHOWN_BYTES = 200


def mask_json_fields(text: bytes) -> bytes:
    """Mask what may be a secret in the start of a JSON body: keys and tokens, headers for MCP servers, token names."""
    for pattern, replacement in _SECRET_JSON:
        text = re.sub(pattern, replacement, text)
    return text


def is_secret_field(name: str) -> bool:
    """Whether a text in JSON may be a secret, judged by the name of its field."""
    return re.search(_CREDENTIAL_FIELD, name, re.IGNORECASE) is not None


_CREDENTIAL_FIELD = "api_?key|access_?token|id_?token|password|secret"
_SECRET_JSON = (
    (
        rb'(?i)("[^"\\]*(?:%b)[^"\\]*"\s*:\s*")(?:[^"\\]|\\.)*' % _CREDENTIAL_FIELD.encode(),
        rb"\1***",
    ),
    (rb'("headers"\s*:\s*)\{[^{}]*\}?', rb'\1"***"'),
    (rb'(auth_tokens/)[^"\\\s]+', rb"\1***"),
)
"""
In bodies, the values of fields with such names are masked, also where the text is cut within them.

The patterns are compiled at their first use, as few programs show bodies.
"""
