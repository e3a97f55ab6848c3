"""The implementations of HTTP/1.1: httptools, and the modules httpcore and httpcore2, which have the same names."""

from importlib import import_module
from types import ModuleType
from typing import Any

from genai_fn.forks import delay_forks
from genai_fn.http import HttpRequest
from genai_fn.interpreters.net.connect.connection import Target
from genai_fn.interpreters.net.http1.deferred_imports import defer_imports
from genai_fn.interpreters.net.http1.requests import ResponseHead, UnsendableRequestError, build_headers, build_target


def load_implementation(module: ModuleType | None) -> ModuleType:
    """Return a module, by default httptools, or httpcore if that is not installed; mask the log of httpcore."""
    if module is None:
        try:
            module = import_module("httptools")
        except ImportError:
            module = import_implementation("httpcore")
    if is_httptools(module):
        import_module("genai_fn.interpreters.net.http1.exchange")  # now, as the caller delays forks
    else:
        from genai_fn.interpreters.net.http1.log_masking import mask_log  # noqa: PLC0415  # httptools needs no logging

        mask_log(module)
    return module


def import_implementation(name: str) -> ModuleType:
    """Import httptools, httpcore or httpcore2, without trio and anyio, which httpcore needs only in async code."""
    with delay_forks, defer_imports("trio", "anyio"):
        return import_module(name)


def is_httptools(module: ModuleType) -> bool:
    """Return whether a module is httptools."""
    return hasattr(module, "HttpResponseParser")


def build_httpcore_origin(module: ModuleType, target: Target) -> Any:
    """Build httpcore's address of a server."""
    return module.Origin(_get_scheme(target), target.host.encode("ascii"), target.port)


def _get_scheme(target: Target) -> bytes:
    return b"https" if target.tls else b"http"


def build_httpcore_request(module: ModuleType, request: HttpRequest, target: Target, body: Any) -> Any:
    """Build httpcore's request, whose content is an iterator of chunks."""
    try:
        return module.Request(
            request.method.encode("ascii"),
            module.URL(
                scheme=_get_scheme(target),
                host=target.host.encode("ascii"),
                port=target.port,
                target=build_target(request.url).encode("ascii"),
            ),
            headers=build_headers(request, target),
            content=body,
        )
    except UnicodeEncodeError as error:
        raise UnsendableRequestError(f"not encodable in HTTP/1.1: {error.reason}") from None


def read_httpcore_head(response: Any) -> ResponseHead:
    """Read the status and the headers of httpcore's response."""
    headers = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers)
    return ResponseHead(response.status, tuple(headers))


def is_httpcore_reusable(connection: Any) -> bool:
    """
    Return whether the last response ended cleanly, so that another request can follow.

    Bytes after a response would be read as the response to the next request. Where they cannot be seen, because
    httpcore keeps its protocol state elsewhere, the connection is not used again.
    """
    trailing = getattr(getattr(connection, "_h11_state", None), "trailing_data", None)
    return trailing is not None and not trailing[0] and bool(connection.is_available())
