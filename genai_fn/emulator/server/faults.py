"""Faults: the errors that handlers raise, and their conversion to error responses."""

from collections.abc import Mapping, Sequence
from typing import Any

from genai_fn.emulator.server.responses import build_json_response
from genai_fn.http import HttpResponse


class EmulatedFault(Exception):  # a handler raises it to end; it becomes a response, not a user's error
    """
    An error of the emulated API. Each of the `details` is a message with its ``@type``.

    A `response`, if there is one, is sent as it is in place of the error's own form.
    """

    def __init__(
        self,
        code: int,
        status: str,
        message: str,
        details: Sequence[Mapping[str, Any]] = (),
        *,
        response: HttpResponse | None = None,
    ) -> None:
        super().__init__(message)
        self.response = response
        self.code = code
        self.status = status
        self.message = message
        self.details = tuple(details)


def make_invalid_argument(message: str) -> EmulatedFault:
    """Return a 400 for a request with an invalid value."""
    return EmulatedFault(400, "INVALID_ARGUMENT", message)


def make_field_violations(*violations: tuple[str, str]) -> EmulatedFault:
    """
    Return a 400 for fields that cannot be parsed: pairs of a field's path and a description.

    >>> make_field_violations(("page_size", "Invalid value at 'page_size' (TYPE_INT32)")).details[0]["fieldViolations"]
    [{'field': 'page_size', 'description': "Invalid value at 'page_size' (TYPE_INT32)"}]
    """
    fields = [{**({"field": path} if path else {}), "description": message} for path, message in violations]
    detail = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields}
    return EmulatedFault(400, "INVALID_ARGUMENT", "\n".join(message for _, message in violations), (detail,))


def make_invalid_value(path: str, kind: str, reason: str = "") -> EmulatedFault:
    """Return a 400 for an invalid value; `kind` is the type of the field, such as ``TYPE_INT32``, or ``oneof``."""
    return make_field_violations((path, f"Invalid value at '{path}' ({kind})" + (f", {reason}" if reason else "")))


def make_failed_precondition(message: str) -> EmulatedFault:
    """Return a 400 for a resource in the wrong state, such as a store with documents or a running job."""
    return EmulatedFault(400, "FAILED_PRECONDITION", message)


def make_permission_denied(message: str) -> EmulatedFault:
    """Return a 403. The API also uses it for resources that do not exist."""
    return EmulatedFault(403, "PERMISSION_DENIED", message)


def make_not_found(message: str) -> EmulatedFault:
    """Return a 404 for a path, a model or a resource that does not exist."""
    return EmulatedFault(404, "NOT_FOUND", message)


def make_resource_not_found(name: str) -> EmulatedFault:
    """
    Return a 404 for a resource name, in the wording of the backend that the name belongs to.

    >>> make_resource_not_found("batches/1").message
    'Requested entity was not found: batches/1'
    >>> make_resource_not_found("projects/p/locations/l/tuningJobs/1").message
    'The TuningJob does not exist: projects/p/locations/l/tuningJobs/1'
    """
    if not name.startswith("projects/"):
        return make_not_found(f"Requested entity was not found: {name}")
    kind = name.rpartition("/")[0].rpartition("/")[2].removesuffix("s")
    return make_not_found(f"The {kind[:1].upper()}{kind[1:]} does not exist: {name}")


def make_already_exists(name: str) -> EmulatedFault:
    """Return a 409 for a resource name that is in use."""
    return EmulatedFault(409, "ALREADY_EXISTS", f"Requested entity already exists: {name}")


def build_fault_response(fault: EmulatedFault) -> HttpResponse:
    """Encode a fault as an error response."""
    if fault.response is not None:
        return fault.response
    error: dict[str, Any] = {"code": fault.code, "message": fault.message, "status": fault.status}
    if fault.details:
        error["details"] = fault.details
    return build_json_response({"error": error}, fault.code)


def build_rpc_status(fault: EmulatedFault) -> Mapping[str, Any]:
    """Return a fault as a ``google.rpc.Status``, for one failed item of a batch."""
    return {"code": _RPC_CODES.get(fault.status, _UNKNOWN_CODE), "message": fault.message}


_UNKNOWN_CODE = 2
_RPC_CODES = {"INVALID_ARGUMENT": 3, "NOT_FOUND": 5, "PERMISSION_DENIED": 7, "FAILED_PRECONDITION": 9}
"""Codes of ``google.rpc``: https://google.aip.dev/193."""
