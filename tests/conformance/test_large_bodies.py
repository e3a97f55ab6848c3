"""Bodies of 10 MB, sent and received."""

import pybase64
import pytest

from genai_fn import Success, generate, streamed, text
from genai_fn.schema import Part
from tests.support.interpreter_kinds import InterpreterKind, make_gemini
from tests.support.loopback import Loopback, ReceivedRequest, Reply, build_json_reply, build_sse_reply
from tests.support.loopback_replies import OK, build_text_response

DATA = bytes(range(256)) * (10 * 4096)
ENCODED = pybase64.b64encode(DATA)
IMAGE_RESPONSE = {
    "candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": ENCODED.decode()}}]}}]
}


def test_large_request(kind: InterpreterKind) -> None:
    """10 MB of inline data arrive unchanged."""
    arrivals: list[bool] = []

    def script(request: ReceivedRequest) -> Reply:
        arrivals.append(ENCODED in request.body and request.size == int(request.headers["content-length"]))
        return OK

    with Loopback(script) as server:
        action = generate("test-model", [Part.from_bytes(data=DATA, mime_type="image/png"), "what is it?"])
        assert kind.run(make_gemini(server.url), action | text) == Success("hi")
    assert arrivals == [True]


@pytest.mark.parametrize("is_stream", (False, True), ids=("call", "stream"))
def test_large_response(kind: InterpreterKind, is_stream: bool) -> None:
    """10 MB are received, also in one event of a stream, whose next event is received, too."""
    with Loopback(
        build_sse_reply([IMAGE_RESPONSE, build_text_response("b")]) if is_stream else build_json_reply(IMAGE_RESPONSE)
    ) as server:
        action = generate("test-model", "draw")
        results = (
            kind.read_items(make_gemini(server.url), action | streamed)
            if is_stream
            else [kind.run(make_gemini(server.url), action)]
        )
        assert results[0].unwrap().parts[0].inline_data.data == DATA
        assert len(results) == 1 + is_stream
