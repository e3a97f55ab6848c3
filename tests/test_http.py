"""HTTP requests and responses as values."""

import pytest

from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.ops.files.downloads import DownloadFile


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ((b"ab", b"cd"), "b'abcd'"),
        ((), "b''"),
        ((b"{" * 182, b"[" * 13, b"[" * 300), f"<495 bytes {b'{' * 182 + b'[' * 18!r}…>"),
        ((b"{", b'"apiKey": "test-', b'key"}'), 'b\'{"apiKey": "***"}\''),
    ],
    ids=("short", "empty", "long", "secret"),
)
def test_chunks_of_a_body(body: tuple[bytes, ...], shown: str) -> None:
    """The repr of a request shows the start of its body, whatever its chunks are."""
    assert repr(HttpRequest("POST", "https://h.test/", (), body)).endswith(f"body={shown})")


@pytest.mark.parametrize(
    "name", ["upload_id", "key", "X-Goog-Signature", "X-Goog-Credential", "access_token", "sig", "Signature"]
)
def test_urls_hide_credentials(name: str) -> None:
    """Credentials in the query of a URL are masked in the repr of requests, responses and operations."""
    address = f"https://h.test/a?x=1&{name}=test-key&pageToken=2&key"
    masked_address = address.replace("test-key", "***")
    assert repr(HttpRequest("GET", address)).startswith(f"HttpRequest(GET {masked_address}, ")
    assert repr(masked_address) in repr(HttpResponse(302, (("location", address),)))
    assert repr(masked_address) in repr(DownloadFile(name="abc", address=address))
