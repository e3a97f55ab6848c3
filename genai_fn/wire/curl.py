"""Writes requests as curl commands for a POSIX shell, with masked credentials."""

import base64
import re
from typing import Any

from returns.result import Failure, Result, Success

from genai_fn.backend import Backend, build_bearer_credential, build_own_credential
from genai_fn.errors import GenaiError
from genai_fn.http import Body, FileSlice, HttpRequest
from genai_fn.request import Request
from genai_fn.wire.encoding import apply_address_options, prepare_request
from genai_fn.wire.secret_values import hide_credentials
from genai_fn.wire.signing import sign_request

__all__ = ["write_command", "write_curl"]


def write_curl(request: Request[Any], backend: Backend) -> Result[str, GenaiError]:
    """Write the HTTP request of a request, with its credential masked, or return why it cannot be encoded."""
    prepared = prepare_request(request, backend)
    if isinstance(prepared, Failure):
        return prepared
    addressed = apply_address_options(backend, request.options)
    credential = build_own_credential(addressed) or build_bearer_credential(addressed, "***")
    value = prepared.unwrap()
    hidden = hide_credentials(sign_request(value.http, credential), request.operation)
    return Success(write_command(hidden, is_streamed=value.reader.is_streamed))


def write_command(http: HttpRequest, *, is_streamed: bool = False) -> str:
    r"""
    Write an HTTP request as it is as a curl command, which sends the same method, URL, headers and body.

    >>> print(write_command(HttpRequest("POST", "https://host/v1", (("a", "it's"),), b'{"b":1}')))
    curl -X POST 'https://host/v1' \
      -H 'a: it'\''s' \
      -H 'accept:' \
      -H 'user-agent:' \
      -H 'content-type:' \
      --data-binary '{"b":1}'
    """
    options = ["--globoff"] if _GLOB.search(http.url) else []
    names = {name.lower(): value for name, value in http.headers}
    if is_streamed:
        options.append("--no-buffer")
    elif "gzip" in names.get("accept-encoding", ""):
        options.append("--compressed")
    options += [f"-H {_quote_header(name, value)}" for name, value in http.headers if name.lower() != "host"]
    options += [f"-H '{name}:'" for name in ("accept", "user-agent") if name not in names]
    source, data = _write_body(http.body)
    if data or http.method in _METHODS_WITH_BODY:
        options += ["-H 'content-type:'"] if "content-type" not in names else []
        options += ["-H 'expect:'"] if _is_large(http.body) else []
        options.append(f"--data-binary {data or _quote('')}")
    method = "" if http.method == "GET" and not data else f"-X {http.method} "
    return f"{source}curl " + " \\\n  ".join((method + _quote(http.url), *options))


_GLOB = re.compile(r"[\[\]{}]")
_METHODS_WITH_BODY = {"POST", "PATCH", "PUT"}
"""Those that state a length of 0 if there is no body."""


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _quote_header(name: str, value: str) -> str:
    """Quote a header. An empty one ends with a semicolon; bytes beyond ASCII are octal escapes of ``printf``."""
    if not value:
        return _quote(f"{name};")
    line = f"{name}: {value}"
    if line.isascii():
        return _quote(line)
    encoded = line.encode("latin-1", "replace")
    escaped = "".join(f"\\{each:03o}" if each >= 0x80 or each in b"\\%'" else chr(each) for each in encoded)
    return f"\"$(printf '{escaped}')\""


def _write_body(body: Body) -> tuple[str, str]:
    """Return the commands before curl that write a body to its input, and the value of ``--data-binary``."""
    if isinstance(body, FileSlice):
        return f"tail -c +{body.offset + 1} -- {_quote(body.path)} | head -c {body.size} | ", "@-"
    whole = body if isinstance(body, bytes) else b"".join(body)
    text = _decode_text(whole)
    if text is None:
        return f"printf '%s' '{base64.b64encode(whole).decode()}' | base64 -d | ", "@-"
    if len(whole) > _MAX_ARGUMENT_BYTES or text.startswith("@"):  # which would be the name of a file
        return f"printf '%s' {_quote(text)} | ", "@-"
    return "", _quote(text) if text else ""


_MAX_ARGUMENT_BYTES = 100_000
"""Linux limits one argument of a command to 128 KiB; ``printf`` is a part of the shell, and has no such limit."""


def _decode_text(body: bytes) -> str | None:
    """Decode a body that can be part of a command; None if it cannot, such as an image."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _is_large(body: Body) -> bool:
    """Whether curl would ask, with ``Expect: 100-continue``, before it sends a body."""
    size = body.size if isinstance(body, FileSlice) else len(body) if isinstance(body, bytes) else sum(map(len, body))
    return size > _MAX_UNANNOUNCED_BYTES


_MAX_UNANNOUNCED_BYTES = 1024
"""The limit of old versions; it is 1 MiB since curl 7.66."""
