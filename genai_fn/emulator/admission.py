"""Who may ask: anyone, or, where the emulator has keys, who has one of them or shows a token."""

from collections.abc import Mapping

from genai_fn.emulator.faults import Fault, denied
from genai_fn.emulator.reading import header_of
from genai_fn.emulator.state import State
from genai_fn.http import Headers

__all__ = ["admit"]


def admit(state: State, headers: Headers, query: Mapping[str, str]) -> None:
    """
    Let in who may ask; whose token an ``Authorization`` is does not matter.

    Raises:
        Fault: for a wrong key, or none.
    """
    if state.keys is None or header_of(headers, "authorization"):
        return
    key = header_of(headers, "x-goog-api-key") or query.get("key", "")
    if not key:
        raise denied(
            "Method doesn't allow unregistered callers (callers without established identity)."
            " Please use API Key or other form of API consumer identity to call this API."
        )
    if key not in state.keys:
        raise Fault(400, "INVALID_ARGUMENT", _WRONG, _DETAILS)


_WRONG = "API key not valid. Please pass a valid API key."
_DETAILS = (
    {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    },
    {"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US", "message": _WRONG},
)
