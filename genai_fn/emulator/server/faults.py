"""What is wrong with a request, and the response that says so in the API's own form."""

from collections.abc import Mapping, Sequence
from typing import Any

from genai_fn import codec
from genai_fn.http import HttpResponse

__all__ = [
    "EmulatedFault",
    "build_fault_response",
    "build_rpc_status",
    "make_already_exists",
    "make_failed_precondition",
    "make_field_violations",
    "make_invalid_argument",
    "make_not_found",
    "make_permission_denied",
]


class EmulatedFault(Exception):  # noqa: N818  # ends a method; becomes a response, never an error of the program
    """Why a request is not served; `details` are messages, each with its ``@type``."""

    def __init__(self, code: int, status: str, message: str, details: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.details = tuple(details)


def make_invalid_argument(message: str) -> EmulatedFault:
    """Say what in a request is wrong."""
    return EmulatedFault(400, "INVALID_ARGUMENT", message)


def make_field_violations(*violations: tuple[str, str]) -> EmulatedFault:
    """
    Say what in a body, or among parameters, cannot be read: each time the path of a field, and what is wrong.

    >>> make_field_violations(("page_size", "Invalid value at 'page_size' (TYPE_INT32)")).details[0]["fieldViolations"]
    [{'field': 'page_size', 'description': "Invalid value at 'page_size' (TYPE_INT32)"}]
    """
    told = [{**({"field": field} if field else {}), "description": why} for field, why in violations]
    detail = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": told}
    return EmulatedFault(400, "INVALID_ARGUMENT", "\n".join(why for _, why in violations), (detail,))


def make_failed_precondition(message: str) -> EmulatedFault:
    """Say what is not so now, and would have to be: a store that is not empty, a job that has ended."""
    return EmulatedFault(400, "FAILED_PRECONDITION", message)


def make_permission_denied(message: str) -> EmulatedFault:
    """Say what the caller may not do; much that is not there is said to be denied."""
    return EmulatedFault(403, "PERMISSION_DENIED", message)


def make_not_found(name: str) -> EmulatedFault:
    """
    Say that nothing has that name, as the backend does whose name it is.

    >>> make_not_found("batches/1").message
    'Requested entity was not found: batches/1'
    >>> make_not_found("projects/p/locations/l/tuningJobs/1").message
    'The TuningJob does not exist: projects/p/locations/l/tuningJobs/1'
    """
    if not name.startswith("projects/"):
        return EmulatedFault(404, "NOT_FOUND", f"Requested entity was not found: {name}")
    kind = name.rpartition("/")[0].rpartition("/")[2].removesuffix("s")
    return EmulatedFault(404, "NOT_FOUND", f"The {kind[:1].upper()}{kind[1:]} does not exist: {name}")


def make_already_exists(name: str) -> EmulatedFault:
    """Say that something else has that name."""
    return EmulatedFault(409, "ALREADY_EXISTS", f"Requested entity already exists: {name}")


def build_fault_response(fault: EmulatedFault) -> HttpResponse:
    """Write a fault as a response."""
    error: dict[str, Any] = {"code": fault.code, "message": fault.message, "status": fault.status}
    if fault.details:
        error["details"] = fault.details
    body = codec.encode({"error": error})
    return HttpResponse(fault.code, (("content-type", "application/json; charset=UTF-8"),), body)


def build_rpc_status(fault: EmulatedFault) -> Mapping[str, Any]:
    """Say what is wrong with one of many, within an answer: a ``google.rpc.Status``."""
    return {"code": _RPC_CODES.get(fault.status, _UNKNOWN_CODE), "message": fault.message}


_UNKNOWN_CODE = 2
_RPC_CODES = {"INVALID_ARGUMENT": 3, "NOT_FOUND": 5, "PERMISSION_DENIED": 7, "FAILED_PRECONDITION": 9}
"""What ``google.rpc`` numbers them: https://google.aip.dev/193."""
