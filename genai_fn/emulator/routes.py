"""Which method of the API a request means, by its address: the one table of the emulator."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from genai_fn.emulator import auth_tokens, files, models, operations
from genai_fn.emulator.admission import admit
from genai_fn.emulator.contents import caches, embeddings, generating, tokens
from genai_fn.emulator.faults import Fault, invalid, refused
from genai_fn.emulator.jobs import batch_predictions, batches, tuning_jobs, tunings
from genai_fn.emulator.predictions import predicting, videos
from genai_fn.emulator.reading import Asked
from genai_fn.emulator.state import Method, State
from genai_fn.emulator.stores import documents, stores
from genai_fn.http import HttpRequest, HttpResponse

__all__ = ["ROUTES", "handle"]


def handle(state: State, request: HttpRequest, now: datetime) -> tuple[State, HttpResponse]:
    """
    Answer a request as the API would, made-up words apart; the same state, request and time get the same answer.

    Args:
        state: What was made so far.

        request: From anyone, in the form of either backend.

        now: The time that things are said to be made at, in UTC.

    >>> from datetime import UTC
    >>> request = HttpRequest("GET", "https://generativelanguage.googleapis.com/v1beta/moods")
    >>> handle(State(), request, datetime(2026, 1, 1, tzinfo=UTC))[1].status
    404
    """
    try:
        method, asked = _found(request, now)
        if not _is_upload(asked):
            admit(state, asked.headers, asked.query)
        return method(state, asked)
    except Fault as fault:
        return state, refused(fault)


ROUTES: tuple[tuple[str, str, Method], ...] = (
    *generating.ROUTES,
    *tokens.ROUTES,
    *embeddings.ROUTES,
    *predicting.ROUTES,
    *videos.ROUTES,
    *files.ROUTES,
    *caches.ROUTES,
    *batches.ROUTES,
    *batch_predictions.ROUTES,
    *tunings.ROUTES,
    *tuning_jobs.ROUTES,
    *stores.ROUTES,
    *documents.ROUTES,
    *models.ROUTES,
    *auth_tokens.ROUTES,
    *operations.ROUTES,
)
"""Verb, path after the version, method: ``*`` is a step, ``{name}`` one to be named, ``{name=a/*}`` are several."""


# Which method


def _found(request: HttpRequest, now: datetime) -> tuple[Method, Asked]:
    address = _split(request.url)
    root = f"{address.scheme}://{address.netloc}"
    for before, rest in _rests(address.path):
        for pattern, method in _TABLE.get(_shape(request.method, rest), ()):
            match = pattern.fullmatch(rest)
            if match is not None:
                return method, Asked(
                    method=request.method,
                    path=address.path,
                    names={name: unquote(value) for name, value in match.groupdict().items()},
                    query=dict(parse_qsl(address.query)),
                    headers=request.headers,
                    body=request.body,
                    now=now,
                    root=root,
                    base=f"{root}{before}",
                    vertex=before.endswith("/v1beta1") or rest.startswith(_VERTEX),
                )
    raise Fault(404, "NOT_FOUND", f"{request.method} {address.path} is no method of the API that is emulated.")


_VERTEX = ("projects/", "publishers/", "batchPredictionJobs", "tuningJobs")
"""How paths begin that Vertex AI has alone."""


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # brackets in the host that are none of IPv6
        raise invalid("The address cannot be read.") from None


def _rests(path: str) -> Iterator[tuple[str, str]]:
    """
    Part what comes before from what follows the version; behind gateways without one, at each step.

    Uploads, which have a root of their own, are read as if they had not: ``/upload/v1beta/files`` is ``upload/files``
    behind ``/v1beta``.
    """
    steps = path.split("/")
    versions = [index for index in range(1, len(steps) - 1) if _VERSION.fullmatch(steps[index])]
    for index in versions or range(len(steps) - 1):
        is_upload = bool(versions) and steps[index - 1] == "upload"
        before = (*steps[: index - 1], steps[index]) if is_upload else steps[: index + 1]
        yield "/".join(before), "/".join((*(["upload"] if is_upload else []), *steps[index + 1 :]))


_VERSION = re.compile(r"v[0-9]\w*")

_Shape: TypeAlias = tuple[str, int, str]


def _shape(verb: str, path: str) -> _Shape:
    """Tell few paths from the many that they cannot be: by how many steps there are, and what stands behind a colon."""
    return verb, path.count("/"), path.rpartition("/")[2].partition(":")[2]


def _pattern(path: str) -> re.Pattern[str]:
    several = re.sub(r"\{(\w+)=([^}]+)\}", r"(?P<\1>\2)", path)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/:]+)", several.replace("*", "[^/:]+")))


def _table() -> dict[_Shape, list[tuple[re.Pattern[str], Method]]]:
    table: dict[_Shape, list[tuple[re.Pattern[str], Method]]] = {}
    for verb, path, method in ROUTES:
        bare = re.sub(r"\{\w+=([^}]+)\}", r"\1", path)
        table.setdefault(_shape(verb, bare), []).append((_pattern(path), method))
    return table


_TABLE = _table()


def _is_upload(asked: Asked) -> bool:
    """Whether an upload goes on, whose address is a secret of its own."""
    return "upload_id" in asked.query and "/upload/" in asked.path
