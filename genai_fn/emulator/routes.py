"""Which method of the API a request means, by its address: the one table of the emulator."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from genai_fn.emulator import auth_tokens, files
from genai_fn.emulator.batches import gemini_batches, vertex_batches
from genai_fn.emulator.contents import caches, embeddings, generation, tokens
from genai_fn.emulator.models import models
from genai_fn.emulator.predictions import predict, videos
from genai_fn.emulator.server import operations
from genai_fn.emulator.server.authentication import authenticate_request
from genai_fn.emulator.server.faults import EmulatedFault, build_fault_response, make_invalid_argument
from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.emulator.server.state import EmulatorState, RouteHandler
from genai_fn.emulator.stores import documents, stores
from genai_fn.emulator.tunings import gemini_tunings, vertex_tunings
from genai_fn.http import HttpRequest, HttpResponse

__all__ = ["ROUTES", "handle_request"]


def handle_request(state: EmulatorState, request: HttpRequest, now: datetime) -> tuple[EmulatorState, HttpResponse]:
    """
    Answer a request as the API would, made-up words apart; the same state, request and time get the same answer.

    Args:
        state: What was made so far.

        request: From anyone, in the form of either backend.

        now: The time that things are said to be made at, in UTC.

    >>> from datetime import UTC
    >>> request = HttpRequest("GET", "https://generativelanguage.googleapis.com/v1beta/moods")
    >>> handle_request(EmulatorState(), request, datetime(2026, 1, 1, tzinfo=UTC))[1].status
    404
    """
    try:
        method, asked = _match_route(request, now)
        if not _is_upload(asked):
            authenticate_request(state, asked.headers, asked.query)
        return method(state, asked)
    except EmulatedFault as fault:
        return state, build_fault_response(fault)


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
    *stores.ROUTES,
    *documents.ROUTES,
    *models.ROUTES,
    *auth_tokens.ROUTES,
    *operations.ROUTES,
)
"""Verb, path after the version, method: ``*`` is a step, ``{name}`` one to be named, ``{name=a/*}`` are several."""


# Which method


def _match_route(request: HttpRequest, now: datetime) -> tuple[RouteHandler, EmulatedRequest]:
    address = _split_url(request.url)
    root = f"{address.scheme}://{address.netloc}"
    for before, rest in _split_at_version(address.path):
        for pattern, method in _ROUTE_TABLE.get(_build_route_key(request.method, rest), ()):
            match = pattern.fullmatch(rest)
            if match is not None:
                return method, EmulatedRequest(
                    method=request.method,
                    path=address.path,
                    path_params={name: unquote(value) for name, value in match.groupdict().items()},
                    query=dict(parse_qsl(address.query)),
                    headers=request.headers,
                    body=request.body,
                    now=now,
                    origin=root,
                    api_root=f"{root}{before}",
                    is_vertex=before.endswith("/v1beta1") or rest.startswith(_VERTEX_PATH_PREFIXES),
                )
    raise EmulatedFault(404, "NOT_FOUND", f"{request.method} {address.path} is no method of the API that is emulated.")


_VERTEX_PATH_PREFIXES = ("projects/", "publishers/", "batchPredictionJobs", "tuningJobs")
"""How paths begin that Vertex AI has alone."""


def _split_url(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # brackets in the host that are none of IPv6
        raise make_invalid_argument("The address cannot be read.") from None


def _split_at_version(path: str) -> Iterator[tuple[str, str]]:
    """
    Part what comes before from what follows the version; behind gateways without one, at each step.

    Uploads, which have a root of their own, are read as if they had not: ``/upload/v1beta/files`` is ``upload/files``
    behind ``/v1beta``.
    """
    steps = path.split("/")
    versions = [index for index in range(1, len(steps) - 1) if _VERSION_PATTERN.fullmatch(steps[index])]
    for index in versions or range(len(steps) - 1):
        is_upload = bool(versions) and steps[index - 1] == "upload"
        before = (*steps[: index - 1], steps[index]) if is_upload else steps[: index + 1]
        yield "/".join(before), "/".join((*(["upload"] if is_upload else []), *steps[index + 1 :]))


_VERSION_PATTERN = re.compile(r"v[0-9]\w*")

_RouteKey: TypeAlias = tuple[str, int, str]


def _build_route_key(verb: str, path: str) -> _RouteKey:
    """Tell few paths from the many that they cannot be: by how many steps there are, and what stands behind a colon."""
    return verb, path.count("/"), path.rpartition("/")[2].partition(":")[2]


def _compile_pattern(path: str) -> re.Pattern[str]:
    several = re.sub(r"\{(\w+)=([^}]+)\}", r"(?P<\1>\2)", path)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/:]+)", several.replace("*", "[^/:]+")))


def _build_route_table() -> dict[_RouteKey, list[tuple[re.Pattern[str], RouteHandler]]]:
    table: dict[_RouteKey, list[tuple[re.Pattern[str], RouteHandler]]] = {}
    for verb, path, method in ROUTES:
        bare = re.sub(r"\{\w+=([^}]+)\}", r"\1", path)
        table.setdefault(_build_route_key(verb, bare), []).append((_compile_pattern(path), method))
    return table


_ROUTE_TABLE = _build_route_table()


def _is_upload(asked: EmulatedRequest) -> bool:
    """Whether an upload goes on, whose address is a secret of its own."""
    return "upload_id" in asked.query and "/upload/" in asked.path
