"""Cost of the 2,000 events of a stream, parsed from memory and received over loopback."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import httpcore
import httpx
import msgspec
from google.genai import Client
from google.genai.types import HttpOptions

from benchmarks.http_server import run_server
from benchmarks.payloads import MODEL, PICTURE, build_events
from benchmarks.report import Effort, Row, compare, sample_cpu_time, to_milli
from genai_fn import Gemini, Http, generate, streamed
from genai_fn.request import ResponseReader
from genai_fn.schema import GenerateContentResponse
from genai_fn.wire import decode_event
from genai_fn.wire.sse import EventParser

_DECODER = msgspec.json.Decoder(GenerateContentResponse, strict=False)
_CHUNK_SIZE = 1 << 16


def measure(effort: Effort) -> Iterator[Row]:
    """Each event in a chunk of its own; one event of 11 MB in chunks of 64 KiB; a whole call over a socket."""
    events = build_events(effort.scale_count(2000))
    results = compare(_build_parsers(events, effort.scale_count(20)), effort.rounds)
    yield Row(f"parse {len(events):,} events", "ms of CPU", to_milli(results), of_theirs=0.001, of_limit=1.1)
    picture = b"data: " + PICTURE + b"\r\n\r\n"
    results = compare(
        _build_parsers([picture[at : at + _CHUNK_SIZE] for at in range(0, len(picture), _CHUNK_SIZE)], 3), effort.rounds
    )
    yield Row("parse an event of 11 MB", "ms of CPU", to_milli(results), of_theirs=0.2, of_limit=1.1)
    with run_server() as server, ExitStack() as stack:
        results = compare(_build_calls(server.url, len(events), effort.scale_count(10), stack), effort.rounds)
    yield Row(
        f"stream {len(events):,} events over loopback", "ms of CPU", to_milli(results), of_theirs=0.007, of_limit=1.1
    )


def _build_parsers(chunks: list[bytes], times: int) -> dict[str, Callable[[], float]]:
    reader = ResponseReader[GenerateContentResponse](GenerateContentResponse, is_streamed=True)

    def ours() -> object:
        parser = EventParser()
        return [decode_event(reader, data).unwrap() for chunk in chunks for data in parser.feed(chunk)]

    def theirs() -> object:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=_Chunks(chunks)))
        client = Client(api_key="test-key", http_options=HttpOptions(httpx_client=httpx.Client(transport=transport)))
        responses = list(client.models.generate_content_stream(model=MODEL, contents="hi"))
        client.close()
        return responses

    return {
        "ours": sample_cpu_time(ours, times),
        "theirs": sample_cpu_time(theirs, 1),
        "limit": sample_cpu_time(lambda: list(_decode_events(chunks)), times),
    }


class _Chunks(httpx.SyncByteStream):
    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)


def _decode_events(chunks: Iterable[bytes]) -> Iterator[Any]:
    """Split at blank lines and decode: enough for this server, but no general parser."""
    buffer = bytearray()
    for chunk in chunks:
        searched = max(0, len(buffer) - 3)
        buffer += chunk
        start = 0
        while (end := buffer.find(b"\r\n\r\n", searched)) >= 0:
            yield _DECODER.decode(buffer[start + 6 : end])
            start = searched = end + 4
        del buffer[:start]


def _build_calls(url: str, count: int, times: int, stack: ExitStack) -> dict[str, Callable[[], float]]:
    model = f"events-{count}"
    run = stack.enter_context(Http(Gemini(api_key="test-key", base_url=url)))
    client = Client(api_key="test-key", http_options={"base_url": url})
    stack.callback(client.close)
    connection = stack.enter_context(httpcore.HTTPConnection(httpcore.URL(url).origin))
    address = f"{url}/v1beta/models/{model}:streamGenerateContent?alt=sse"

    def count_items(items: Iterable[object]) -> None:
        received = sum(1 for _ in items)
        assert received == count, f"{received} events of {count}"

    def ours() -> None:
        with run.stream(generate(model, "hi") | streamed) as items:
            count_items(item.unwrap() for item in items)

    def theirs() -> None:
        count_items(client.models.generate_content_stream(model=model, contents="hi"))

    def bare() -> None:
        with connection.stream("POST", address, headers=[("Host", "127.0.0.1")], content=b"{}") as response:
            count_items(_decode_events(response.iter_stream()))

    return {
        "ours": sample_cpu_time(ours, times),
        "theirs": sample_cpu_time(theirs, 1),
        "limit": sample_cpu_time(bare, times),
    }
