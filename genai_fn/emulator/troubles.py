"""Faults on request: an answer that is late, refused, cut or broken, as a header, a script or a call asks for it."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from genai_fn import codec
from genai_fn.emulator.faults import Fault, refused
from genai_fn.errors import InvalidRequest
from genai_fn.http import HttpResponse
from genai_fn.schema._base import Value

__all__ = ["HEADER", "WELL", "Plan", "Trouble", "next_trouble", "planned", "refusal", "spoiled", "trouble_of"]

HEADER = "x-emulate"
"""The header of a request that says what goes wrong with it."""


_MOST = 2**53


class Trouble(Value, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What goes wrong. Without a `status` the request is served all the same, and only its answer suffers."""

    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    """An error in the place of the answer: 429, 503."""

    retry: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    """The seconds after which that error advises to try again."""

    delay: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    """The seconds before the answer begins."""

    cut: Annotated[int, Meta(ge=0, le=_MOST)] | None = None
    """The bytes of the answer's body after which the connection is dropped."""

    malformed: bool = False
    """Whether the answer breaks off in the midst of its JSON, as if it were whole."""

    path: str = ""
    """What is in the path of the requests that it befalls: ``":generateContent"``, ``"/files"``; nothing means all."""

    times: Annotated[int, Meta(ge=1, le=_MOST)] = 1
    """How many of these it befalls, the next ones."""


WELL: Final = Trouble()
"""Nothing goes wrong."""


def trouble_of(said: str | Mapping[str, Any]) -> Trouble:
    """
    Read what is to go wrong: as the header has it, for this one request, or as fields.

    >>> trouble_of("status=429; retry=1.5") == trouble_of({"status": 429, "retry": 1.5})
    True

    Raises:
        InvalidRequest: for what is no trouble.
    """
    try:
        fields = _fields(said) if isinstance(said, str) else said
        trouble = codec.convert(fields, Trouble, strict=fields is said)
    except ValueError as error:  # msgspec's is one
        raise InvalidRequest("trouble", said, f"{_FORM} ({error})") from None
    is_vain = msgspec.structs.replace(trouble, path="", times=1) == WELL
    if is_vain or (trouble.retry is not None and trouble.status is None):
        raise InvalidRequest("trouble", said, _FORM)
    return trouble


_FORM = "some of status=429; retry=1.5; delay=0.2; cut=120; malformed, and a retry with a status"


def _fields(header: str) -> dict[str, str]:
    pairs = [each.partition("=") for each in header.split(";") if each.strip()]
    fields = {name.strip(): value.strip() if is_valued else "true" for name, is_valued, value in pairs}
    if len(fields) < len(pairs):
        raise ValueError("a word is said twice")
    if beyond := fields.keys() & {"path", "times"}:
        raise ValueError(f"a header is for its own request: no {min(beyond)}")
    return fields


def next_trouble(troubles: tuple[Trouble, ...], path: str) -> tuple[Trouble, tuple[Trouble, ...]]:
    """
    Take the first trouble that befalls a path, or none at all, and say which are left.

    >>> next_trouble((Trouble(status=503, path="/files"),), "/v1beta/files/abc")[1]
    ()
    """
    for index, trouble in enumerate(troubles):
        if trouble.path in path:
            left = (msgspec.structs.replace(trouble, times=trouble.times - 1),) if trouble.times > 1 else ()
            return trouble, (*troubles[:index], *left, *troubles[index + 1 :])
    return WELL, troubles


def refusal(trouble: Trouble) -> HttpResponse | None:
    """Write the error that stands in the place of an answer."""
    code = trouble.status
    if code is None:
        return None
    status, message = _WORDS.get(code) or _WORDS[400 if code < _SERVERS else 500]
    if trouble.retry is None:
        return refused(Fault(code, status, message))
    advice = {"@type": f"{_RPC}.RetryInfo", "retryDelay": _duration(trouble.retry)}
    if code == _TOO_MANY:  # so it is where a quota is told of, too
        return refused(Fault(code, status, _QUOTA, (*_QUOTA_DETAILS, advice)))
    return refused(Fault(code, status, message, (advice,)))


def _duration(seconds: float) -> str:
    """
    Write seconds as JSON has them.

    >>> _duration(1.5), _duration(30.0)
    ('1.5s', '30s')
    """
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


_SERVERS = 500
_TOO_MANY = 429
_RPC = "type.googleapis.com/google.rpc"
_LIMITS = "https://ai.google.dev/gemini-api/docs/rate-limits"
_QUOTA = (
    "You exceeded your current quota, please check your plan and billing details."
    f" For more information on this error, head to: {_LIMITS}."
)
_QUOTA_DETAILS: tuple[Mapping[str, Any], ...] = (
    {
        "@type": f"{_RPC}.QuotaFailure",
        "violations": [
            {
                "quotaMetric": "generativelanguage.googleapis.com/generate_content_paid_tier_requests",
                "quotaId": "GenerateRequestsPerMinutePerProjectPerModel",
                "quotaDimensions": {"location": "global"},
                "quotaValue": "10",
            }
        ],
    },
    {"@type": f"{_RPC}.Help", "links": [{"description": "Learn more about Gemini API quotas", "url": _LIMITS}]},
)

_WORDS = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    403: ("PERMISSION_DENIED", "The caller does not have permission"),
    404: ("NOT_FOUND", "Requested entity was not found."),
    408: ("DEADLINE_EXCEEDED", "The request timed out. Please try again."),
    409: ("ABORTED", "The operation was aborted."),
    429: ("RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    499: ("CANCELLED", "The operation was cancelled."),
    500: ("INTERNAL", "An internal error has occurred. Please retry."),
    501: ("UNIMPLEMENTED", "Operation is not implemented, or supported, or enabled."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "The request timed out. Please try again."),
}


class Plan(Value, kw_only=True):
    """What a server does: wait, send the head and these pieces, each at once, and end well or drop the connection."""

    response: HttpResponse
    pieces: tuple[bytes, ...]
    delay: float = 0.0
    is_sized: bool = True
    """Whether the head tells how long the body is."""
    is_whole: bool = True
    """Whether the connection lives on."""


def planned(response: HttpResponse, trouble: Trouble = WELL) -> Plan:
    r"""
    Plan how a response is sent: server-sent events one by one, anything else in one piece, and what goes wrong.

    >>> planned(HttpResponse(200, (), b'{"a": 1}'), Trouble(cut=3)).pieces
    (b'{"a',)
    """
    is_stream = (response.header("content-type") or "").startswith(_STREAM)
    pieces = _events(response.body) if is_stream else (response.body,)
    if trouble.malformed:
        pieces = (_broken(pieces[0]),)
        response = HttpResponse(response.status, response.headers, pieces[0])
    is_whole = trouble.cut is None or trouble.cut >= sum(map(len, pieces))
    if trouble.cut is not None:
        pieces = tuple(_cut(pieces, trouble.cut))
    return Plan(response=response, pieces=pieces, delay=trouble.delay, is_sized=not is_stream, is_whole=is_whole)


_STREAM = "text/event-stream"


def _events(body: bytes) -> tuple[bytes, ...]:
    return tuple(_EVENT.findall(body)) or (b"",)


_EVENT = re.compile(rb".+?(?:\r\n\r\n|\n\n|\Z)", re.DOTALL)


def spoiled(message: bytes, trouble: Trouble) -> tuple[bytes | None, Trouble]:
    """
    Let a trouble befall a message of a session, and say what is left of it for the next one.

    >>> spoiled(b"{}", Trouble(cut=3))[0], spoiled(b'{"a": 1}', Trouble(cut=3))[0]
    (b'{}', None)

    Returns:
        The message as it is sent; None where the connection is dropped instead.
    """
    said = _broken(message) if trouble.malformed else message
    left = None if trouble.cut is None else trouble.cut - len(said)
    if left is not None and left < 0:
        return None, trouble
    return said, msgspec.structs.replace(trouble, malformed=False, cut=left)


def _broken(body: bytes) -> bytes:
    """Break JSON off, and end the event if it is one; what is too short to break becomes what is no JSON."""
    text = body.rstrip()
    end = body[len(text) :]
    return (text[: len(text) // 2] if len(text) > _SHORT else b"{") + end


_SHORT = 3


def _cut(pieces: tuple[bytes, ...], most: int) -> list[bytes]:
    kept: list[bytes] = []
    for piece in pieces:
        kept.append(piece[: most - sum(map(len, kept))])
    return [each for each in kept if each]
