"""What is wrong with a request, and the response that says so in the API's own form."""

import msgspec

from genai_fn.http import HttpResponse

__all__ = ["Fault", "invalid", "refused"]


class Fault(Exception):  # noqa: N818  # ends a method; becomes a response, never an error of the program
    """Why a request is not served."""

    def __init__(self, code: int, status: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message


def invalid(message: str) -> Fault:
    """Say what in a request is wrong."""
    return Fault(400, "INVALID_ARGUMENT", message)


def refused(fault: Fault) -> HttpResponse:
    """Write a fault as a response."""
    body = {"error": {"code": fault.code, "message": fault.message, "status": fault.status}}
    return HttpResponse(fault.code, (("content-type", "application/json; charset=UTF-8"),), msgspec.json.encode(body))
