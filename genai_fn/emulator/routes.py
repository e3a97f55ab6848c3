"""The table of all routes, and the function that handles a request with one of them."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from msgspec.structs import replace

from genai_fn.emulator import auth_tokens, files
from genai_fn.emulator.batches import gemini_batches, vertex_batches
from genai_fn.emulator.contents import caches, embeddings, generation, tokens
from genai_fn.emulator.models import models
from genai_fn.emulator.openai import chat, embeddings as openai_embeddings, models as openai_models
from genai_fn.emulator.openai.errors import format_error_response, is_openai_path
from genai_fn.emulator.predictions import predict, videos
from genai_fn.emulator.scripts.cursor import ScriptCursor
from genai_fn.emulator.scripts.functions import FunctionResult, PendingCall, call_function
from genai_fn.emulator.scripts.script import EMPTY_ANSWER, ScriptedAnswer
from genai_fn.emulator.server import operations
from genai_fn.emulator.server.authentication import authenticate_bearer, authenticate_request
from genai_fn.emulator.server.faults import EmulatedFault, build_fault_response, make_invalid_argument, make_not_found
from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.emulator.server.state import EmulatorState, RouteHandler, RouteResult
from genai_fn.emulator.stores import documents, stores
from genai_fn.emulator.tunings import gemini_tunings, rewards, vertex_tunings
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.values import Value


def handle_request(state: EmulatorState, request: HttpRequest, now: datetime) -> RouteResult:
    """
    Handle a request as the API would, with generated content. The result depends only on the arguments.

    Args:
        state: The resources created so far, and the accepted API keys.

        request: A request in the format of either backend.

        now: Creation time of new resources, in UTC.

    Returns:
        The next state and the response. An error response leaves the resources unchanged.

    >>> from datetime import UTC
    >>> request = HttpRequest("GET", "https://generativelanguage.googleapis.com/v1beta/moods")
    >>> handle_request(EmulatorState(), request, datetime(2026, 1, 1, tzinfo=UTC))[1].status
    404
    """
    results: tuple[FunctionResult, ...] = ()
    while (exchange := run_exchange(state, request, now, results)).pending_calls:
        state, results = exchange.state, (*results, *map(call_function, exchange.pending_calls))
    return exchange.state, exchange.response


class EmulatedExchange(Value):
    """The result of a request: the next state, the response, and what the script said about both."""

    state: EmulatorState
    response: HttpResponse
    delivery: ScriptedAnswer = EMPTY_ANSWER
    """How to send the response: its `delay`, `pause` and `drop`."""
    step_numbers: tuple[int, ...] = ()
    """Numbers of the script's steps that the response contains, from 1."""
    pending_calls: tuple[PendingCall, ...] = ()
    """Calls of the script's function that have to be made first; then there is no response yet."""


def run_exchange(
    state: EmulatorState, request: HttpRequest, now: datetime, results: tuple[FunctionResult, ...] = ()
) -> EmulatedExchange:
    """
    Handle a request as `handle_request` does, for a server that can also delay a response and drop a connection.

    If the script is a function, this function does not call it: the result has `pending_calls`. Keep its state, make
    the calls, and handle the request again with the `results` of all calls so far.
    """
    cursor = ScriptCursor(state.script, results)
    before = state
    try:
        handler, parsed = _match_route(request, now, cursor)
        _authenticate(state, parsed)
        state, response = handler(state, parsed)
    except EmulatedFault as fault:
        response = format_error_response(request.url.partition("?")[0], build_fault_response(fault))
    if cursor.pending_calls:
        state = before
    if cursor.progress is not state.script:
        state = replace(state, script=cursor.progress)
    return EmulatedExchange(state, response, cursor.delivery, cursor.step_numbers, cursor.pending_calls)


ROUTES: tuple[tuple[str, str, RouteHandler], ...] = (
    *generation.ROUTES,
    *tokens.ROUTES,
    *embeddings.ROUTES,
    *predict.ROUTES,
    *videos.ROUTES,
    *files.ROUTES,
    *caches.ROUTES,
    *gemini_batches.ROUTES,
    *vertex_batches.ROUTES,
    *gemini_tunings.ROUTES,
    *vertex_tunings.ROUTES,
    *rewards.ROUTES,
    *stores.ROUTES,
    *documents.ROUTES,
    *models.ROUTES,
    *auth_tokens.ROUTES,
    *chat.ROUTES,
    *openai_embeddings.ROUTES,
    *openai_models.ROUTES,
    *operations.ROUTES,
)
"""
Method, path after the version, handler.

In paths, ``*`` is one segment, ``{name}`` one segment as a parameter, and ``{name=a/*}`` several segments as one.
"""


def _match_route(request: HttpRequest, now: datetime, cursor: ScriptCursor) -> tuple[RouteHandler, EmulatedRequest]:
    url = _split_url(request.url)
    origin = f"{url.scheme}://{url.netloc}"
    for prefix, path in _split_at_version(url.path):
        for pattern, handler in _ROUTE_TABLE.get(_build_route_key(request.method, path), ()):
            match = pattern.fullmatch(path)
            if match is not None:
                return handler, EmulatedRequest(
                    path=url.path,
                    path_params={name: _decode_parameter(value) for name, value in match.groupdict().items()},
                    query=dict(parse_qsl(url.query)),
                    headers=request.headers,
                    body=request.body,
                    now=now,
                    origin=origin,
                    api_root=f"{origin}{prefix}",
                    is_vertex=prefix.endswith("/v1beta1") or path.startswith(_VERTEX_PATH_PREFIXES),
                    is_upload=path.startswith("upload/"),
                    script=cursor,
                )
    raise make_not_found(f"{request.method} {url.path} is not a method of the emulated API.")


_VERTEX_PATH_PREFIXES = ("projects/", "publishers/", "batchPredictionJobs", "tuningJobs")
"""Prefixes of paths that exist only on Vertex AI."""


def _decode_parameter(value: str) -> str:
    """
    Decode a parameter of a path. A slash within a name of several segments stays encoded, so that it ends none of them.

    This is the rule of ``google.api.http``: https://github.com/googleapis/googleapis/blob/master/google/api/http.proto

    >>> _decode_parameter("files/a%2Fb%20c"), _decode_parameter("a%2Fb%20c")
    ('files/a%2Fb c', 'a/b c')
    """
    return "%2F".join(map(unquote, _ENCODED_SLASH_PATTERN.split(value))) if "/" in value else unquote(value)


_ENCODED_SLASH_PATTERN = re.compile("%2f", re.IGNORECASE)


def _split_url(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # brackets in the host that do not contain an IPv6 address
        raise make_invalid_argument("The URL is invalid.") from None


def _split_at_version(path: str) -> Iterator[tuple[str, str]]:
    """
    Split a path after its version; without a version, as behind some gateways, after each segment.

    ``upload`` is moved behind the version: ``/upload/v1beta/files`` becomes ``/v1beta`` and ``upload/files``.
    """
    segments = path.split("/")
    versions = [index for index in range(1, len(segments) - 1) if _VERSION_PATTERN.fullmatch(segments[index])]
    for index in versions or range(len(segments) - 1):
        prefix, rest = segments[: index + 1], segments[index + 1 :]
        if versions and segments[index - 1] == "upload":
            del prefix[index - 1]
            rest.insert(0, "upload")
        yield "/".join(prefix), "/".join(rest)


_VERSION_PATTERN = re.compile(r"v[0-9]\w*")

_RouteKey: TypeAlias = tuple[str, int, str]


def _build_route_key(method: str, path: str) -> _RouteKey:
    """
    Build the key of a path or pattern: the method, the number of segments, and what follows the colon in the last one.

    >>> _build_route_key("POST", "tunedModels/a:cancel") == _build_route_key("POST", "{name=tunedModels/*}:cancel")
    True
    """
    return method, path.count("/"), path.rpartition("/")[2].partition(":")[2]


def _compile_pattern(path: str) -> re.Pattern[str]:
    with_groups = re.sub(r"\{(\w+)=([^}]+)\}", r"(?P<\1>\2)", path)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/:]+)", with_groups.replace("*", "[^/:]+")))


def _build_route_table() -> dict[_RouteKey, list[tuple[re.Pattern[str], RouteHandler]]]:
    table: dict[_RouteKey, list[tuple[re.Pattern[str], RouteHandler]]] = {}
    for method, path, handler in ROUTES:
        table.setdefault(_build_route_key(method, path), []).append((_compile_pattern(path), handler))
    return table


_ROUTE_TABLE = _build_route_table()


def _authenticate(state: EmulatorState, request: EmulatedRequest) -> None:
    if is_openai_path(request.path) and not request.is_vertex:
        authenticate_bearer(state, request.headers)
    elif not (request.is_upload and "upload_id" in request.query):  # the URL of an upload session is a secret itself
        authenticate_request(state, request.headers, request.query)
