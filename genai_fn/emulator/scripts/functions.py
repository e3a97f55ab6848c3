"""Calls the function of a script, outside of the emulator: it may run for a while, and use the emulator itself."""

from typing import TypeAlias, cast

from genai_fn.emulator.scripts.script import ScriptedAnswer, ScriptedRequest, ScriptFunction
from genai_fn.emulator.server.faults import EmulatedFault
from genai_fn.errors import InvalidRequest
from genai_fn.values import Value

FunctionResult: TypeAlias = ScriptedAnswer | EmulatedFault | None
"""What a function returned; a fault if it failed, None if the fake model should answer."""


class PendingCall(Value):
    """A function of a script, and the request that it has to answer before the emulator can."""

    function: ScriptFunction
    request: ScriptedRequest


def call_function(pending: PendingCall) -> FunctionResult:
    """Call the function. If it raises an ``Exception``, or returns something else than an answer, return a fault."""
    try:
        return cast("ScriptedAnswer | None", pending.function(pending.request))
    except InvalidRequest as error:
        return make_function_fault(pending, str(error))
    except Exception as error:  # noqa: BLE001  # a function of the test may raise anything
        return make_function_fault(pending, f"it raised {error!r}")


def make_function_fault(pending: PendingCall, reason: str) -> EmulatedFault:
    """Return the 500 for a function that failed."""
    number = pending.request.number
    return EmulatedFault(500, "INTERNAL", f"The script's function failed on request {number}: {reason}")
