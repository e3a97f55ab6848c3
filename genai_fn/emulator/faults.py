"""What is wrong with a request, and the response that says so in the API's own form."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from genai_fn.http import HttpResponse

__all__ = ["Fault", "denied", "existing", "invalid", "missing", "refused", "unfit"]


class Fault(Exception):  # noqa: N818  # ends a method; becomes a response, never an error of the program
    """Why a request is not served; `details` are messages, each with its ``@type``."""

    def __init__(self, code: int, status: str, message: str, details: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.details = tuple(details)


def invalid(message: str) -> Fault:
    """Say what in a request is wrong."""
    return Fault(400, "INVALID_ARGUMENT", message)


def unfit(message: str) -> Fault:
    """Say what is not so now, and would have to be: a store that is not empty, a job that has ended."""
    return Fault(400, "FAILED_PRECONDITION", message)


def denied(message: str) -> Fault:
    """Say what the caller may not do; much that is not there is said to be denied."""
    return Fault(403, "PERMISSION_DENIED", message)


def missing(name: str) -> Fault:
    """Say that nothing has that name."""
    return Fault(404, "NOT_FOUND", f"Requested entity was not found: {name}")


def existing(name: str) -> Fault:
    """Say that something else has that name."""
    return Fault(409, "ALREADY_EXISTS", f"Requested entity already exists: {name}")


def refused(fault: Fault) -> HttpResponse:
    """Write a fault as a response."""
    error: dict[str, Any] = {"code": fault.code, "message": fault.message, "status": fault.status}
    if fault.details:
        error["details"] = fault.details
    body = msgspec.json.encode({"error": error})
    return HttpResponse(fault.code, (("content-type", "application/json; charset=UTF-8"),), body)
