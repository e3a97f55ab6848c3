"""Harnesses of what callers pass: dicts, contents, schemas, names, the environment, addresses."""

from typing import Any
from urllib.parse import urlsplit

from msgspec import DecodeError as MsgspecDecodeError
from returns.result import Failure, Success

from genai_fn import Gemini, Vertex, backend_from_env, codec, generate
from genai_fn.backend import Backend, extract_origin, normalize_headers
from genai_fn.effects import EffectFailed
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.flows.structured import parse
from genai_fn.http import HttpRequest, HttpResponse, mask_url
from genai_fn.interpreters.auth.metadata_server import MetadataTokenSource
from genai_fn.interpreters.net.connect.connection import ConnectionSetupError, parse_target
from genai_fn.interpreters.net.connect.proxies import find_proxy
from genai_fn.ops.embed import embed
from genai_fn.schema import GenerateContentResponse
from genai_fn.schema.contents import as_contents
from genai_fn.schema.convert import as_struct
from genai_fn.wire import encode
from genai_fn.wire.lenient_json import parse_json
from tests.fuzz.checks import check_error, check_result
from tests.fuzz.effects import BACKENDS
from tests.fuzz.inputs import choose, read_headers, read_value, split_head, split_pieces, to_text
from tests.fuzz.requests import BUILDERS
from tests.support.schema_samples import MESSAGES

__all__ = ["VALUE_HARNESSES"]

_MESSAGES = {each.__name__: each for each in MESSAGES}


def fuzz_structs(data: bytes) -> None:
    """Convert a dict to a type, which the first word names."""
    words, rest = split_head(data)
    try:
        value = as_struct(choose(words, 0, _MESSAGES), read_value(rest), "config")
    except InvalidRequest as error:
        check_error_of_caller(error)
    else:
        repr(value)
        codec.encode(value)


def check_error_of_caller(error: GenaiError) -> None:
    """Check that an error can be shown. Its value is the caller's, so it may neither compare nor pickle."""
    str(error)


def fuzz_builders(data: bytes) -> None:
    """Build a request from its arguments as JSON, and encode it for each backend."""
    words, rest = split_head(data)
    arguments = read_value(rest)
    if not isinstance(arguments, dict) or not all(isinstance(each, str) for each in arguments):
        return
    try:
        request = choose(words, 0, BUILDERS)(**arguments)
    except InvalidRequest as error:
        check_error_of_caller(error)
        return
    except TypeError as error:  # a parameter that is missing, or that the builder does not have
        assert "argument" in str(error), error
        return
    repr(request)
    for backend in BACKENDS.values():
        _check_encoded(encode(request, backend), backend)


def _check_encoded(result: Any, backend: Backend) -> None:
    """Check that a request stays below the root of its backend."""
    if isinstance(result, Failure):
        str(result.failure())
        return
    url = result.unwrap().url
    assert url.startswith((f"{backend.root}/", f"{backend.base}/upload/")), url
    assert url.isascii() and url.isprintable() and " " not in url, url
    path = urlsplit(url).path
    assert "/../" not in f"{path}/" and "\\" not in url, url


def fuzz_contents(data: bytes) -> None:
    """Group contents into turns."""
    value = read_value(data)
    for build in (lambda: as_contents(value), lambda: embed("m", value), lambda: generate("m", value)):
        try:
            repr(build())
        except InvalidRequest as error:
            check_error_of_caller(error)


def fuzz_schemas(data: bytes) -> None:
    """Use a dict as the schema of a response, in both dialects, and as the parameters of a function."""
    schema = read_value(data)
    for config in (
        {"response_schema": schema},
        {"response_json_schema": schema},
        {"tools": [{"function_declarations": [{"name": "f", "parameters": schema}]}]},
        {"tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": schema}]}]},
    ):
        try:
            request = generate("m", "hi", config)
        except InvalidRequest as error:
            check_error_of_caller(error)
            continue
        for backend in BACKENDS.values():
            _check_encoded(encode(request, backend), backend)


_KINDS: dict[str, Any] = {
    "dict": dict[str, Any],
    "list": list[int],
    "pairs": tuple[tuple[str, float], ...],
    "choice": int | str | None,
    "response": GenerateContentResponse,
}


def fuzz_structured_texts(data: bytes) -> None:
    """Parse the text of a response as a type."""
    words, rest = split_head(data)
    tree = {"candidates": [{"content": {"parts": [{"text": to_text(rest)}]}}]}
    response = codec.convert(tree, GenerateContentResponse)
    check_result(parse(response, choose(words, 0, _KINDS)))


def fuzz_extra_fields(data: bytes) -> None:
    """Decode a type, encode it, and decode that: the same value, whichever unknown fields it has."""
    words, rest = split_head(data)
    kind = choose(words, 0, _MESSAGES)
    try:
        value = parse_json(kind, rest)
    except (MsgspecDecodeError, RecursionError, UnicodeDecodeError):
        return
    text = codec.encode(parse_json(kind, codec.encode(value)))  # a number that is infinite becomes null
    assert codec.encode(parse_json(kind, text)) == text
    codec.encode(codec.to_builtins(value))


def fuzz_environments(data: bytes) -> None:
    """Build a backend from environment variables, one ``NAME=value`` a line."""
    lines = (to_text(each).partition("=") for each in data.split(b"\n"))
    environ = {name: value for name, _, value in lines}
    result = backend_from_env(environ)
    check_result(result)
    if isinstance(result, Success):
        encoded = encode(generate("m", "hi"), result.unwrap())
        check_result(encoded)
        source = MetadataTokenSource(environ, lambda request, seconds: _check_metadata_request(request))
        source.probe_server()


def _check_metadata_request(request: HttpRequest) -> EffectFailed | HttpResponse:
    return HttpResponse(200, (("metadata-flavor", "Google"),), b"p")


def fuzz_addresses(data: bytes) -> None:
    """Parse a text as a base URL, a target, a proxy, and the target of a redirect; NO_PROXY is the second piece."""
    pieces = [to_text(each) for each in split_pieces(data)]
    url, no_proxy = pieces[0], pieces[-1]
    mask_url(url)
    for build in (lambda: Gemini("k", base_url=url), lambda: Vertex("p", base_url=url), lambda: Vertex("p", url)):
        try:
            _check_origin(build())
        except InvalidRequest as error:
            check_error(error)
    try:
        parse_target(url)
    except ConnectionSetupError as error:
        str(error)
    for configured, environ in ((url, {}), (None, {"HTTPS_PROXY": url, "NO_PROXY": no_proxy})):
        try:
            found = find_proxy("https", "h.test", 443, configured, environ)
            f"{found!r} {found and found.basic_authorization}"
        except ValueError as error:
            assert "proxy" in str(error), error


def _check_origin(backend: Backend) -> None:
    """Check that a request goes to the origin that its credential belongs to, and to that host."""
    url = encode(generate("m", "hi"), backend).unwrap().url
    assert extract_origin(url) == extract_origin(backend.root)
    try:
        host = parse_target(url).host
    except ConnectionSetupError:  # the host's name cannot be looked up
        return
    expected = (urlsplit(backend.root).hostname or "").encode("idna").decode("ascii")
    assert host == expected, (host, expected)


def fuzz_headers(data: bytes) -> None:
    """Set headers on a backend: what is accepted can be sent."""
    headers, _ = read_headers(data)
    lines = [to_text(each).partition(":") for each in data.split(b"\n")]
    for each in (headers, tuple((name, value) for name, _, value in lines)):
        try:
            for name, value in normalize_headers(each, "headers"):
                assert "\n" not in name + value and "\r" not in name + value
                f"{name}: {value}".encode("latin-1")
        except InvalidRequest as error:
            check_error(error)


VALUE_HARNESSES = (
    fuzz_structs,
    fuzz_builders,
    fuzz_contents,
    fuzz_schemas,
    fuzz_structured_texts,
    fuzz_extra_fields,
    fuzz_environments,
    fuzz_addresses,
    fuzz_headers,
)
