"""Cost of the 2,000 events of a stream, parsed from memory and received over loopback."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from benchmarks.cases import Case, Task
from benchmarks.environments import Contestant
from benchmarks.http_server import Server
from benchmarks.payloads import MODEL, PICTURE, build_events
from benchmarks.report import Effort, Row
from benchmarks.workers import measure_cases

_CHUNK_SIZE = 1 << 16
_EVENTS = 2000


def measure(contestants: Mapping[str, Contestant], effort: Effort, server: Server) -> Iterator[Row]:
    """Each event in a chunk of its own; one event of 11 MB in chunks of 64 KiB; a whole call over a socket."""
    yield from measure_cases(sys.modules[__name__], contestants, effort, server)


def _build_chunks(size: int) -> list[bytes]:
    """Return that many events, or for none a picture in one event."""
    picture = b"data: " + PICTURE + b"\r\n\r\n"
    return build_events(size) or [picture[at : at + _CHUNK_SIZE] for at in range(0, len(picture), _CHUNK_SIZE)]


def _parse_ours(task: Task) -> None:
    from genai_fn.request import ResponseReader
    from genai_fn.schema import GenerateContentResponse
    from genai_fn.wire import decode_event
    from genai_fn.wire.sse import EventParser

    reader = ResponseReader[GenerateContentResponse](GenerateContentResponse, is_streamed=True)
    chunks = _build_chunks(task.size)

    def parse() -> object:
        parser = EventParser()
        return [decode_event(reader, data).unwrap() for chunk in chunks for data in parser.feed(chunk)]

    task.repeat(parse)


def _parse_theirs(task: Task) -> None:
    from google.genai import Client
    from google.genai.types import HttpOptions

    try:
        import httpx
    except ImportError:  # google-genai 3.6.1
        import httpx2 as httpx  # type: ignore[no-redef]  # which has the same classes
    chunks = _build_chunks(task.size)

    class Chunks(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            return iter(chunks)

    def parse() -> object:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Chunks()))
        client = Client(api_key="test-key", http_options=HttpOptions(httpx_client=httpx.Client(transport=transport)))
        responses = list(client.models.generate_content_stream(model=MODEL, contents="hi"))
        client.close()
        return responses

    task.repeat(parse)


def _parse_raw(task: Task) -> None:
    chunks = _build_chunks(task.size)
    task.repeat(lambda: list(_decode_events(chunks)))


def _decode_events(chunks: Iterable[bytes]) -> Iterator[Any]:
    """Split at blank lines and decode: enough for this server, but no general parser."""
    import msgspec

    from genai_fn.schema import GenerateContentResponse

    decoder = msgspec.json.Decoder(GenerateContentResponse, strict=False)
    buffer = bytearray()
    for chunk in chunks:
        searched = max(0, len(buffer) - 3)
        buffer += chunk
        start = 0
        while (end := buffer.find(b"\r\n\r\n", searched)) >= 0:
            yield decoder.decode(buffer[start + 6 : end])
            start = searched = end + 4
        del buffer[:start]


def _check_count(received: int, task: Task) -> None:
    assert received == task.size, f"{received} events of {task.size}"


def _stream_ours(task: Task) -> None:
    from genai_fn import Gemini, Http, generate, streamed

    with Http(Gemini(api_key="test-key", base_url=task.url), http1=task.http1) as run:

        def stream() -> None:
            with run.stream(generate(f"events-{task.size}", "hi") | streamed) as items:
                _check_count(sum(bool(item.unwrap()) for item in items), task)

        task.repeat(stream)


def _stream_theirs(task: Task) -> None:
    from google.genai import Client

    client = Client(api_key="test-key", http_options={"base_url": task.url})

    def stream() -> None:
        items = client.models.generate_content_stream(model=f"events-{task.size}", contents="hi")
        _check_count(sum(1 for _ in items), task)

    task.repeat(stream)
    client.close()


def _stream_raw(task: Task) -> None:
    import httpcore

    address = f"{task.url}/v1beta/models/events-{task.size}:streamGenerateContent?alt=sse"
    with httpcore.HTTPConnection(httpcore.URL(task.url).origin) as connection:

        def stream() -> None:
            with connection.stream("POST", address, headers=[("Host", "127.0.0.1")], content=b"{}") as response:
                _check_count(sum(1 for _ in _decode_events(response.iter_stream())), task)

        task.repeat(stream)


def _stream_ours_async(task: Task) -> None:
    from genai_fn import AsyncHttp, Gemini, generate, streamed

    async def main() -> None:
        async with AsyncHttp(Gemini(api_key="test-key", base_url=task.url), http1=task.http1) as run:

            async def stream() -> None:
                async with run.stream(generate(f"events-{task.size}", "hi") | streamed) as items:
                    _check_count(len([item.unwrap() async for item in items]), task)

            await stream()
            with task.measure():
                for _ in range(task.count):
                    await stream()

    task.run(main)


def _stream_theirs_async(task: Task) -> None:
    from google.genai import Client

    async def main() -> None:
        client = Client(api_key="test-key", http_options={"base_url": task.url})

        async def stream() -> None:
            items = await client.aio.models.generate_content_stream(model=f"events-{task.size}", contents="hi")
            _check_count(len([item async for item in items]), task)

        await stream()
        with task.measure():
            for _ in range(task.count):
                await stream()
        await client.aio.aclose()

    task.run(main)


_PARSE = {"ours": _parse_ours, "theirs": _parse_theirs, "raw": _parse_raw}
_STREAM = {"ours": _stream_ours, "theirs": _stream_theirs, "raw": _stream_raw}
_STREAM_ASYNC = {"ours": _stream_ours_async, "theirs": _stream_theirs_async}

CASES = {
    "parse 2,000 events": Case(
        _PARSE, 20, _EVENTS, goal=0.017, raw_goal=1.4, theirs_share=0.1, unit="ms", needs_server=False
    ),
    "parse an event of 11 MB": Case(_PARSE, 3, 0, theirs_share=0.5, unit="ms", needs_server=False),
    "stream 2,000 events, sync": Case(
        _STREAM, 10, _EVENTS, goal=0.038, httpcore_goal=0.074, theirs_share=0.1, unit="ms"
    ),
    "stream 2,000 events, asyncio": Case(
        _STREAM_ASYNC,
        10,
        _EVENTS,
        goal=0.07,
        httpcore_goal=0.19,
        theirs_share=0.1,
        unit="ms",
        has_uvloop=True,
    ),
}
