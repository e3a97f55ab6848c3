"""Harnesses of the emulator: requests of any client, frames of live sessions, filters of lists."""

from genai_fn import codec
from genai_fn.emulator import EmulatorState, handle_request
from genai_fn.emulator.live.connections import open_connection
from genai_fn.emulator.live.setup import EmulatedClose
from genai_fn.emulator.routes import ROUTES
from genai_fn.emulator.server.faults import EmulatedFault
from genai_fn.emulator.server.filters import parse_filter
from genai_fn.http import HttpRequest
from tests.fuzz.inputs import choose, read_headers, split_head, split_pieces, to_text
from tests.support.emulator_requests import NOW

__all__ = ["SERVICE_HARNESSES"]

_ROOTS = {"v1beta": "https://h.test/v1beta/", "v1beta1": "https://h.test/v1beta1/", "upload": "https://h.test/upload/"}
_PATHS = {f"{method} {path}": path for method, path, _ in ROUTES}


def fuzz_emulator(data: bytes) -> None:
    """Send requests to one emulator: ``METHOD path``, headers, an empty line, the body."""
    state = EmulatorState()
    for piece in split_pieces(data)[:8]:
        words, rest = split_head(piece)
        headers, body = read_headers(rest)
        method, path = (*words, "GET", "models")[:2] if len(words) > 1 else ("GET", "models")
        url = path if path.startswith("http") else f"https://h.test/v1beta/{path}"
        state, response = handle_request(state, HttpRequest(method, url, headers, body), NOW)
        assert 200 <= response.status < 600
        if response.status >= 400:
            assert "error" in codec.decode(response.body)


_SESSIONS = {
    "content": "wss://h.test/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
    "music": "wss://h.test/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateMusic",
    "vertex": "wss://h.test/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent",
}


def fuzz_emulated_sessions(data: bytes) -> None:
    """Send frames to an emulated live session, which is named in the first line."""
    words, rest = split_head(data)
    state = EmulatorState()
    connection = open_connection(state, HttpRequest("GET", choose(words, 0, _SESSIONS)))
    try:
        for piece in split_pieces(rest)[:8]:
            frame = piece if len(piece) % 2 else to_text(piece)
            state, connection, messages = connection.receive_frame(state, frame, NOW)
            for each in messages:
                codec.decode(each)
    except EmulatedClose as close:
        assert 1000 <= close.code < 5000
        close.reason.encode()


def fuzz_filters(data: bytes) -> None:
    """Parse a filter of a list, and apply it."""
    try:
        matches = parse_filter(to_text(data))
    except EmulatedFault as fault:
        assert fault.status
        return
    for values in (["a"], [1.5], [], ["a", 2.0]):
        matches(lambda _, values=values: values)


SERVICE_HARNESSES = (fuzz_emulator, fuzz_emulated_sessions, fuzz_filters)
