"""Bodies of 30 MB, sent and received."""

import pybase64
import pytest

from genai_fn import Success, generate, streamed, text
from genai_fn.schema import Part
from tests.support.interpreter_kinds import World, gemini
from tests.support.loopback import Loopback, Received, Reply, json_reply, sse_reply
from tests.support.loopback_replies import OK, said

DATA = bytes(range(256)) * (30 * 4096)
ENCODED = pybase64.b64encode(DATA)
PICTURE = {
    "candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": ENCODED.decode()}}]}}]
}


def test_up(world: World) -> None:
    """30 MB of inline data arrive as they are."""
    arrived: list[bool] = []

    def script(received: Received) -> Reply:
        arrived.append(ENCODED in received.body and received.size == int(received.headers["content-length"]))
        return OK

    with Loopback(script) as server:
        asked = generate("test-model", [Part.from_bytes(data=DATA, mime_type="image/png"), "what is it?"])
        assert world.run(gemini(server.url), asked | text) == Success("hi")
    assert arrived == [True]


@pytest.mark.parametrize("is_stream", (False, True), ids=("call", "stream"))
def test_down(world: World, is_stream: bool) -> None:
    """30 MB come back, in one event too, and those after it."""
    with Loopback(sse_reply([PICTURE, said("b")]) if is_stream else json_reply(PICTURE)) as server:
        asked = generate("test-model", "draw")
        results = (
            world.items(gemini(server.url), asked | streamed) if is_stream else [world.run(gemini(server.url), asked)]
        )
        assert results[0].unwrap().parts[0].inline_data.data == DATA
        assert len(results) == 1 + is_stream
