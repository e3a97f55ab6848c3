"""Authentication: checks the API key of a request if the emulator is configured with keys."""

from collections.abc import Collection, Mapping

from genai_fn.emulator.server.faults import EmulatedFault, make_invalid_argument, make_permission_denied
from genai_fn.emulator.server.request_parsing import find_header
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.http import Headers


def authenticate_request(state: EmulatorState, headers: Headers, query: Mapping[str, str]) -> None:
    """
    Check the API key of a request, in the header ``x-goog-api-key`` or the query parameter ``key``.

    Nothing is checked if the emulator has no keys, or the request has an ``Authorization`` header.

    Raises:
        EmulatedFault: If the key is missing (403) or not one of the emulator's keys (400).
    """
    if state.api_keys is None or find_header(headers, "authorization"):
        return
    key = find_header(headers, "x-goog-api-key") or query.get("key", "")
    if not key:
        raise make_permission_denied(
            "Method doesn't allow unregistered callers (callers without established identity)."
            " Please use API Key or other form of API consumer identity to call this API."
        )
    _check_key(key, state.api_keys)


def authenticate_bearer(state: EmulatorState, headers: Headers) -> None:
    """
    Check the API key of a request in the header ``Authorization: Bearer …``, as OpenAI's SDKs send it.

    Nothing is checked if the emulator has no keys.

    Raises:
        EmulatedFault: If the key is missing, or not one of the emulator's keys (400).
    """
    if state.api_keys is None:
        return
    scheme, _, key = find_header(headers, "authorization").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise make_invalid_argument("Missing or invalid Authorization header.")
    _check_key(key.strip(), state.api_keys)


def _check_key(key: str, known_keys: Collection[str]) -> None:
    if key not in known_keys:
        raise EmulatedFault(400, "INVALID_ARGUMENT", _INVALID_KEY_MESSAGE, _INVALID_KEY_DETAILS)


_INVALID_KEY_MESSAGE = "API key not valid. Please pass a valid API key."
_INVALID_KEY_DETAILS = (
    {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    },
    {"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US", "message": _INVALID_KEY_MESSAGE},
)
