"""The head of a request as it is sent, and requests that would be read as something else."""

from typing import Any

import pytest

from genai_fn.http import Headers, HttpRequest
from genai_fn.interpreters.net.connect.connection import Target
from genai_fn.interpreters.net.http1.requests import HeadEncoder, UnsendableRequestError

TARGET = Target("example.com", 443, tls=True)


def build_request(headers: Headers = (), method: str = "POST", path: str = "/v1") -> HttpRequest:
    """Build a request with a body of five bytes."""
    return HttpRequest(method, f"https://example.com{path}", headers, b"hello")


def encode_head(request: HttpRequest) -> bytes:
    """Encode the head of a request to the target."""
    return HeadEncoder(TARGET).encode(request)


def test_head() -> None:
    """The head has the host of the URL, the headers in their order, and the length of the body."""
    request = build_request((("X-One", "a b\t\xe4"), ("Host", "other"), ("X-Empty", "")), path="/v1/a?b=c#d")
    assert encode_head(request) == (
        b"POST /v1/a?b=c HTTP/1.1\r\nHost: example.com\r\nX-One: a b\t\xe4\r\nX-Empty: \r\nContent-Length: 5\r\n\r\n"
    )


def test_own_length() -> None:
    """A length that the caller states is sent if it is right."""
    head = encode_head(build_request((("content-length", "5"),)))
    assert head.lower().count(b"content-length: 5\r\n") == 1


@pytest.mark.parametrize(
    "headers",
    (
        (("X-One", "test-secret\r\nX-Two: 1"),),
        (("X-One", "test-secret\n"),),
        (("X-One", "test-secret\r"),),
        (("X-One", "test-secret\0"),),
        (("X-One", "test-secret\x7f"),),
        (("X-One", " test-secret"),),
        (("X-One", "test-secret\t"),),
        (("X-One", "test-secret\u2028"),),
        (("X One", "test-secret"),),
        (("X-One:", "test-secret"),),
        (("", "test-secret"),),
        (("X-One\r\nX-Two", "test-secret"),),
        (("Content-Length", "4"),),
        (("Content-Length", "+5"),),
        (("Content-Length", "5"), ("content-length", "5")),
        (("Transfer-Encoding", "chunked"),),
    ),
)
def test_refused_headers(headers: Headers) -> None:
    """A header that would end early, or contradict the length of the body, is refused, and not shown."""
    with pytest.raises(UnsendableRequestError) as raised:
        encode_head(build_request(headers))
    assert "test-secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET /other", "/"), ("", "/"), ("GET\r\n", "/"), ("GET", "/a b"), ("GET", "/\x7f"), ("GET", "/\xe4")],
)
def test_refused_lines(method: str, path: str) -> None:
    """A method or a path with a blank or a control character is refused."""
    with pytest.raises(UnsendableRequestError):
        encode_head(build_request(method=method, path=path))


def test_heads_of_one_connection() -> None:
    """An encoder that has encoded other requests encodes each as a new one does, with the length of its own body."""
    requests = [
        HttpRequest(method, f"https://example.com{path}", headers, body)
        for method in ("POST", "GET")
        for path in ("/a", "/b?c")
        for headers in ((("X-One", "1"),), (("X-One", "2"),), (("x-one", "1"), ("X-Two", "")))
        for body in (b"", b"hello")
    ]
    encoder = HeadEncoder(TARGET)
    heads = [encoder.encode(each) for request in requests for each in (request, requests[0], request)]
    assert heads == [encode_head(each) for request in requests for each in (request, requests[0], request)]


def test_own_length_of_another_body() -> None:
    """A length that the caller states is compared with the body of each request."""
    encoder, headers = HeadEncoder(TARGET), (("content-length", "5"),)
    assert encoder.encode(build_request(headers)) == encode_head(build_request(headers))
    with pytest.raises(UnsendableRequestError):
        encoder.encode(HttpRequest("POST", "https://example.com/v1", headers, b"longer"))


def test_own_pairs() -> None:
    """Headers may be any sequence of pairs, and one that has changed is encoded again."""
    encoder, headers = HeadEncoder(TARGET), [("X-One", "1")]
    request: Any = HttpRequest("POST", "https://example.com/v1", headers, b"hello")  # type: ignore[arg-type]  # a list
    assert encoder.encode(request) == encode_head(build_request((("X-One", "1"),)))
    headers.append(("X-Two", "2"))
    assert encoder.encode(request) == encode_head(build_request((("X-One", "1"), ("X-Two", "2"))))
