"""What do 2,000 events of a stream cost, as bytes in memory and over loopback?"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import httpcore
import httpx
import msgspec
from google.genai import Client
from google.genai.types import HttpOptions

from benchmarks.material import MODEL, PICTURE, events
from benchmarks.report import Effort, Row, compared, cpu, milli
from benchmarks.server import serving
from genai_fn import Gemini, Http, generate, streamed
from genai_fn.request import ResponseReader
from genai_fn.schema import GenerateContentResponse
from genai_fn.wire import decode_event
from genai_fn.wire.sse import EventParser

_DECODER = msgspec.json.Decoder(GenerateContentResponse, strict=False)
_PIECE = 1 << 16


def ask(effort: Effort) -> Iterator[Row]:
    """Each event a piece of its own; one event of megabytes in pieces of 64 KiB; and the whole way over a socket."""
    pieces = events(effort.times(2000))
    found = compared(_parsing(pieces, effort.times(20)), effort.rounds)
    yield Row(f"parse {len(pieces):,} events", "ms of CPU", milli(found), of_theirs=0.001, of_limit=1.1)
    picture = b"data: " + PICTURE + b"\r\n\r\n"
    found = compared(_parsing([picture[at : at + _PIECE] for at in range(0, len(picture), _PIECE)], 3), effort.rounds)
    yield Row("parse an event of 11 MB", "ms of CPU", milli(found), of_theirs=0.2, of_limit=1.1)
    with serving() as server, ExitStack() as stack:
        found = compared(_whole(server.url, len(pieces), effort.times(10), stack), effort.rounds)
    yield Row(f"stream {len(pieces):,} events over loopback", "ms of CPU", milli(found), of_theirs=0.007, of_limit=1.1)


def _parsing(pieces: list[bytes], times: int) -> dict[str, Callable[[], float]]:
    answer = ResponseReader[GenerateContentResponse](GenerateContentResponse, is_streamed=True)

    def ours() -> object:
        found = EventParser()
        return [decode_event(answer, data).unwrap() for piece in pieces for data in found.feed(piece)]

    def theirs() -> object:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=_Pieces(pieces)))
        client = Client(api_key="test-key", http_options=HttpOptions(httpx_client=httpx.Client(transport=transport)))
        found = list(client.models.generate_content_stream(model=MODEL, contents="hi"))
        client.close()
        return found

    return {"ours": cpu(ours, times), "theirs": cpu(theirs, 1), "limit": cpu(lambda: list(_raw(pieces)), times)}


class _Pieces(httpx.SyncByteStream):
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)


def _raw(pieces: Iterable[bytes]) -> Iterator[Any]:
    """Cut at blank lines and decode: right for this server, and for no other."""
    buffer = bytearray()
    for piece in pieces:
        searched = max(0, len(buffer) - 3)
        buffer += piece
        start = 0
        while (end := buffer.find(b"\r\n\r\n", searched)) >= 0:
            yield _DECODER.decode(buffer[start + 6 : end])
            start = searched = end + 4
        del buffer[:start]


def _whole(url: str, count: int, times: int, stack: ExitStack) -> dict[str, Callable[[], float]]:
    model = f"events-{count}"
    run = stack.enter_context(Http(Gemini(api_key="test-key", base_url=url)))
    client = Client(api_key="test-key", http_options={"base_url": url})
    stack.callback(client.close)
    connection = stack.enter_context(httpcore.HTTPConnection(httpcore.URL(url).origin))
    address = f"{url}/v1beta/models/{model}:streamGenerateContent?alt=sse"

    def complete(items: Iterable[object]) -> None:
        found = sum(1 for _ in items)
        assert found == count, f"{found} events of {count}"

    def ours() -> None:
        with run.stream(generate(model, "hi") | streamed) as items:
            complete(item.unwrap() for item in items)

    def theirs() -> None:
        complete(client.models.generate_content_stream(model=model, contents="hi"))

    def raw() -> None:
        with connection.stream("POST", address, headers=[("Host", "127.0.0.1")], content=b"{}") as response:
            complete(_raw(response.iter_stream()))

    return {"ours": cpu(ours, times), "theirs": cpu(theirs, 1), "limit": cpu(raw, times)}
