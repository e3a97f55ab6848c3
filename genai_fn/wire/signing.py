"""Adds the credential to an encoded request."""

from genai_fn.backend import Credential, extract_origin
from genai_fn.http import Headers, HttpRequest

__all__ = ["sign_request"]


def sign_request(request: HttpRequest, credential: Credential) -> HttpRequest:
    """
    Add the headers of a credential to a request.

    The request is returned unchanged if its origin (scheme, host, port) is not the credential's. A header that the
    request already has is not added.
    """
    if not _has_origin(request.url, credential.origin):
        return request
    signed: Headers = credential.headers.reveal()
    present = {name.lower() for name, _ in request.headers}
    added = tuple([pair for pair in signed if pair[0].lower() not in present])
    return HttpRequest(request.method, request.url, (*request.headers, *added), request.body)


def _has_origin(url: str, origin: str) -> bool:
    try:
        return extract_origin(url) == origin
    except ValueError:  # an address that the server sent may be malformed
        return False
