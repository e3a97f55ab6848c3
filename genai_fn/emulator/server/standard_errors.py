"""Errors of the API by their status code, with the messages and details that the API gives them."""

from collections.abc import Mapping
from typing import Any

from genai_fn.emulator.server.faults import EmulatedFault


def make_standard_error(code: int, retry: float | None = None) -> EmulatedFault:
    """
    Return the error of a status code; `retry` is the delay in seconds that it recommends, in a ``RetryInfo``.

    >>> make_standard_error(503).status, make_standard_error(429, 1.5).details[-1]["retryDelay"]
    ('UNAVAILABLE', '1.5s')
    """
    status, message = _ERROR_MESSAGES.get(code) or _ERROR_MESSAGES[400 if code < _FIRST_SERVER_ERROR else 500]
    details: tuple[Mapping[str, Any], ...] = ()
    if retry is not None:
        details = ({"@type": f"{_RPC_TYPE_PREFIX}.RetryInfo", "retryDelay": _format_duration(retry)},)
        if code == _TOO_MANY_REQUESTS:  # such an error describes the quota, too
            message, details = _QUOTA_MESSAGE, (*_QUOTA_DETAILS, *details)
    return EmulatedFault(code, status, message, details)


def _format_duration(seconds: float) -> str:
    """
    Format seconds as JSON of ``google.protobuf.Duration``.

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
