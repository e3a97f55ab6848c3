"""Faults on request: an answer that is late, refused, cut or broken, as a header, a script or a call asks for it."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from genai_fn import codec
from genai_fn.emulator.server.faults import EmulatedFault, build_fault_response
from genai_fn.errors import InvalidRequest
from genai_fn.http import HttpResponse
from genai_fn.values import Value

__all__ = [
    "FAULT_HEADER",
    "NO_FAULT",
    "InjectedFault",
    "ResponsePlan",
    "build_error_response",
    "corrupt_message",
    "parse_injected_fault",
    "plan_response",
    "take_injected_fault",
]

FAULT_HEADER = "x-emulate"
"""The header of a request that says what goes wrong with it."""


_MAX_COUNT = 2**53


class InjectedFault(Value, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What goes wrong. Without a `status` the request is served all the same, and only its answer suffers."""

    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    """An error in the place of the answer: 429, 503."""

    retry: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    """The seconds after which that error advises to try again."""

    delay: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    """The seconds before the answer begins."""

    cut: Annotated[int, Meta(ge=0, le=_MAX_COUNT)] | None = None
    """The bytes of the answer's body after which the connection is dropped."""

    malformed: bool = False
    """Whether the answer breaks off in the midst of its JSON, as if it were whole."""

    path: str = ""
    """What is in the path of the requests that it befalls: ``":generateContent"``, ``"/files"``; nothing means all."""

    times: Annotated[int, Meta(ge=1, le=_MAX_COUNT)] = 1
    """How many of these it befalls, the next ones."""


NO_FAULT: Final = InjectedFault()
"""Nothing goes wrong."""


def parse_injected_fault(said: str | Mapping[str, Any]) -> InjectedFault:
    """
    Read what is to go wrong: as the header has it, for this one request, or as fields.

    >>> parse_injected_fault("status=429; retry=1.5") == parse_injected_fault({"status": 429, "retry": 1.5})
    True

    Raises:
        InvalidRequest: for what is no trouble.
    """
    try:
        fields = _parse_header_fields(said) if isinstance(said, str) else said
        trouble = codec.convert(fields, InjectedFault, strict=fields is said)
    except ValueError as error:  # msgspec's is one
        raise InvalidRequest("trouble", said, f"{_FAULT_SYNTAX} ({error})") from None
    is_vain = msgspec.structs.replace(trouble, path="", times=1) == NO_FAULT
    if is_vain or (trouble.retry is not None and trouble.status is None):
        raise InvalidRequest("trouble", said, _FAULT_SYNTAX)
    return trouble


_FAULT_SYNTAX = "some of status=429; retry=1.5; delay=0.2; cut=120; malformed, and a retry with a status"


def _parse_header_fields(header: str) -> dict[str, str]:
    pairs = [each.partition("=") for each in header.split(";") if each.strip()]
    fields = {name.strip(): value.strip() if is_valued else "true" for name, is_valued, value in pairs}
    if len(fields) < len(pairs):
        raise ValueError("a word is said twice")
    if beyond := fields.keys() & {"path", "times"}:
        raise ValueError(f"a header is for its own request: no {min(beyond)}")
    return fields


def take_injected_fault(
    troubles: tuple[InjectedFault, ...], path: str
) -> tuple[InjectedFault, tuple[InjectedFault, ...]]:
    """
    Take the first trouble that befalls a path, or none at all, and say which are left.

    >>> take_injected_fault((InjectedFault(status=503, path="/files"),), "/v1beta/files/abc")[1]
    ()
    """
    for index, trouble in enumerate(troubles):
        if trouble.path in path:
            left = (msgspec.structs.replace(trouble, times=trouble.times - 1),) if trouble.times > 1 else ()
            return trouble, (*troubles[:index], *left, *troubles[index + 1 :])
    return NO_FAULT, troubles


def build_error_response(trouble: InjectedFault) -> HttpResponse | None:
    """Write the error that stands in the place of an answer."""
    code = trouble.status
    if code is None:
        return None
    status, message = _ERROR_MESSAGES.get(code) or _ERROR_MESSAGES[400 if code < _FIRST_SERVER_ERROR else 500]
    if trouble.retry is None:
        return build_fault_response(EmulatedFault(code, status, message))
    advice = {"@type": f"{_RPC_TYPE_PREFIX}.RetryInfo", "retryDelay": _format_duration(trouble.retry)}
    if code == _TOO_MANY_REQUESTS:  # so it is where a quota is told of, too
        return build_fault_response(EmulatedFault(code, status, _QUOTA_MESSAGE, (*_QUOTA_DETAILS, advice)))
    return build_fault_response(EmulatedFault(code, status, message, (advice,)))


def _format_duration(seconds: float) -> str:
    """
    Write seconds as JSON has them.

    >>> _format_duration(1.5), _format_duration(30.0)
    ('1.5s', '30s')
    """
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


_FIRST_SERVER_ERROR = 500
_TOO_MANY_REQUESTS = 429
_RPC_TYPE_PREFIX = "type.googleapis.com/google.rpc"
_RATE_LIMITS_URL = "https://ai.google.dev/gemini-api/docs/rate-limits"
_QUOTA_MESSAGE = (
    "You exceeded your current quota, please check your plan and billing details."
    f" For more information on this error, head to: {_RATE_LIMITS_URL}."
)
_QUOTA_DETAILS: tuple[Mapping[str, Any], ...] = (
    {
        "@type": f"{_RPC_TYPE_PREFIX}.QuotaFailure",
        "violations": [
            {
                "quotaMetric": "generativelanguage.googleapis.com/generate_content_paid_tier_requests",
                "quotaId": "GenerateRequestsPerMinutePerProjectPerModel",
                "quotaDimensions": {"location": "global"},
                "quotaValue": "10",
            }
        ],
    },
    {
        "@type": f"{_RPC_TYPE_PREFIX}.Help",
        "links": [{"description": "Learn more about Gemini API quotas", "url": _RATE_LIMITS_URL}],
    },
)

_ERROR_MESSAGES = {
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


class ResponsePlan(Value, kw_only=True):
    """What a server does: wait, send the head and these pieces, each at once, and end well or drop the connection."""

    response: HttpResponse
    chunks: tuple[bytes, ...]
    delay: float = 0.0
    has_content_length: bool = True
    """Whether the head tells how long the body is."""
    is_complete: bool = True
    """Whether the connection lives on."""


def plan_response(response: HttpResponse, trouble: InjectedFault = NO_FAULT) -> ResponsePlan:
    r"""
    Plan how a response is sent: server-sent events one by one, anything else in one piece, and what goes wrong.

    >>> plan_response(HttpResponse(200, (), b'{"a": 1}'), InjectedFault(cut=3)).chunks
    (b'{"a',)
    """
    is_stream = (response.get_header("content-type") or "").startswith(_EVENT_STREAM_TYPE)
    pieces = _split_events(response.body) if is_stream else (response.body,)
    if trouble.malformed:
        pieces = (_truncate_json(pieces[0]),)
        response = HttpResponse(response.status, response.headers, pieces[0])
    is_whole = trouble.cut is None or trouble.cut >= sum(map(len, pieces))
    if trouble.cut is not None:
        pieces = tuple(_cut_chunks(pieces, trouble.cut))
    return ResponsePlan(
        response=response, chunks=pieces, delay=trouble.delay, has_content_length=not is_stream, is_complete=is_whole
    )


_EVENT_STREAM_TYPE = "text/event-stream"


def _split_events(body: bytes) -> tuple[bytes, ...]:
    return tuple(_EVENT_PATTERN.findall(body)) or (b"",)


_EVENT_PATTERN = re.compile(rb".+?(?:\r\n\r\n|\n\n|\Z)", re.DOTALL)


def corrupt_message(message: bytes, trouble: InjectedFault) -> tuple[bytes | None, InjectedFault]:
    """
    Let a trouble befall a message of a session, and say what is left of it for the next one.

    >>> corrupt_message(b"{}", InjectedFault(cut=3))[0], corrupt_message(b'{"a": 1}', InjectedFault(cut=3))[0]
    (b'{}', None)

    Returns:
        The message as it is sent; None where the connection is dropped instead.
    """
    said = _truncate_json(message) if trouble.malformed else message
    left = None if trouble.cut is None else trouble.cut - len(said)
    if left is not None and left < 0:
        return None, trouble
    return said, msgspec.structs.replace(trouble, malformed=False, cut=left)


def _truncate_json(body: bytes) -> bytes:
    """Break JSON off, and end the event if it is one; what is too short to break becomes what is no JSON."""
    text = body.rstrip()
    end = body[len(text) :]
    return (text[: len(text) // 2] if len(text) > _MIN_TRUNCATABLE_LENGTH else b"{") + end


_MIN_TRUNCATABLE_LENGTH = 3


def _cut_chunks(pieces: tuple[bytes, ...], most: int) -> list[bytes]:
    kept: list[bytes] = []
    for piece in pieces:
        kept.append(piece[: most - sum(map(len, kept))])
    return [each for each in kept if each]
