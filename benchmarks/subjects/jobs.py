"""Embedding many texts over loopback: to arrays, and to Parquet by a job. The others do the same by hand."""

import socket
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.cases import Case, Task
from benchmarks.environments import Contestant
from benchmarks.http_server import Server
from benchmarks.report import Effort, Row
from benchmarks.workers import measure_cases

_BATCH = 100
_FIRST = 10_000
_CONCURRENCY = 8
_THOUSAND = 1000
_SHARD = 8000
"""A whole number of batches, as the server answers with no other."""


def measure(contestants: Mapping[str, Contestant], effort: Effort, server: Server) -> Iterator[Row]:
    """Peak of the memory after the first texts, and CPU time of a thousand texts."""
    yield from measure_cases(sys.modules[__name__], contestants, effort, server)


def _build_texts(count: int) -> list[str]:
    return [f"Text {number} of many." for number in range(count)]


def _iterate_texts(count: int) -> Iterator[str]:
    return (f"Text {number} of many." for number in range(count))


def _build_model(task: Task) -> str:
    """The server answers with vectors of the size of the task."""
    return f"vectors-{task.size}"


# To arrays


def _stream_arrays(task: Task, first: int, measured: int) -> None:
    """Measure what follows the first texts of a stream."""
    from genai_fn import AsyncHttp, Gemini, embed_many

    async def main() -> None:
        async with AsyncHttp(Gemini("test-key", base_url=task.url), http1=task.http1) as run:
            texts = embed_many(_build_model(task), _iterate_texts(first + measured), output="numpy")
            async with run.stream(texts) as items:

                async def read(count: int) -> None:
                    for _ in range(count):
                        array = (await anext(items)).unwrap().values
                        assert len(array) == task.size, array.shape

                await read(first)
                with task.measure():
                    await read(measured)

    task.run(main)


def _measure_stream_peak(task: Task) -> None:
    measured = _round_up(task.count)
    _stream_arrays(task, min(measured, _FIRST), measured)


def _round_up(count: int) -> int:
    """Return a whole number of batches, as the server answers with no other."""
    return -(-count // _BATCH) * _BATCH


def _embed_ours(task: Task) -> None:
    _stream_arrays(task, _THOUSAND, task.count * _THOUSAND)


def _drop(_start: int, _vectors: Any) -> None:
    """Use no array."""


def _embed_theirs(task: Task) -> None:
    _run_theirs(task, _drop)


def _embed_raw(task: Task) -> None:
    _run_raw(task, _drop)


# To Parquet


def _run_job(task: Task, run: Any, count: int) -> None:
    from genai_fn.jobs import EmbeddingJob

    with tempfile.TemporaryDirectory() as folder:
        texts, output = _iterate_texts(count), Path(folder) / "output"
        job = EmbeddingJob(model=_build_model(task), source=texts, output=output, shard_size=_SHARD)
        summary = run(job.flow()).unwrap()
    assert (summary.embedded, summary.dimensions) == (count, task.size), summary


def _measure_job(task: Task, first: int, measured: int) -> None:
    """Measure a job after a smaller one."""
    from genai_fn import Gemini, Http

    with Http(Gemini("test-key", base_url=task.url), http1=task.http1) as run:
        _run_job(task, run, first)
        with task.measure():
            _run_job(task, run, measured)


def _measure_job_peak(task: Task) -> None:
    measured = _round_up(task.count)
    _measure_job(task, min(measured, _FIRST), measured)


def _store_ours(task: Task) -> None:
    _measure_job(task, _THOUSAND, task.count * _THOUSAND)


def _store_theirs(task: Task) -> None:
    with _write_parquet(task.size) as write:
        _run_theirs(task, write)


def _store_raw(task: Task) -> None:
    with _write_parquet(task.size) as write:
        _run_raw(task, write)


@contextmanager
def _write_parquet(dimensions: int) -> Generator[Callable[[int, Any], None]]:
    """Context manager: write vectors to a file, a row group a batch, and yield the function that does."""
    import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    schema = pa.schema({"row": pa.int64(), "vector": pa.list_(pa.float32(), dimensions)})
    with (
        tempfile.TemporaryDirectory() as folder,
        pq.ParquetWriter(Path(folder) / "vectors.parquet", schema, use_dictionary=False, compression="NONE") as writer,
    ):

        def write(start: int, vectors: Any) -> None:
            rows = pa.array(range(start, start + len(vectors)), pa.int64())
            column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), dimensions)
            writer.write_table(pa.Table.from_arrays([rows, column], schema=schema))

        yield write


# By hand


def _run_theirs(task: Task, store: Callable[[int, Any], None]) -> None:
    """As many requests at once as ours."""
    import anyio
    import numpy as np
    from google.genai import Client

    async def main() -> None:
        client = Client(api_key="test-key", http_options={"base_url": task.url})
        texts = _build_texts(_BATCH)

        async def work(starts: Iterator[int]) -> None:
            for start in starts:
                contents: Any = list(texts)
                answer = await client.aio.models.embed_content(model=_build_model(task), contents=contents)
                store(start, np.array([each.values for each in answer.embeddings or ()], np.float32))

        await work(iter((0,)))
        with task.measure():
            starts = iter(range(0, task.count * _THOUSAND, _BATCH))
            async with anyio.create_task_group() as tasks:
                for _ in range(_CONCURRENCY):
                    tasks.start_soon(work, starts)
        await client.aio.aclose()

    task.run(main)


def _run_raw(task: Task, store: Callable[[int, Any], None]) -> None:
    """One request after another over a socket, whose JSON msgspec writes and reads."""
    import msgspec
    import numpy as np

    class Embedding(msgspec.Struct):
        values: list[float]

    class Response(msgspec.Struct):
        embeddings: list[Embedding]

    decoder, address, model = msgspec.json.Decoder(Response), urlsplit(task.url), _build_model(task)
    path = f"/v1beta/models/{model}:batchEmbedContents"
    with socket.create_connection((address.hostname, address.port), 60) as connection:

        def embed(start: int) -> None:
            requests = [
                {"model": f"models/{model}", "content": {"parts": [{"text": text}]}} for text in _build_texts(_BATCH)
            ]
            body = msgspec.json.encode({"requests": requests})
            head = f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            response = decoder.decode(_read_body(connection))
            store(start, np.array([each.values for each in response.embeddings], np.float32))

        embed(0)
        with task.measure():
            for start in range(0, task.count * _THOUSAND, _BATCH):
                embed(start)


def _read_body(connection: socket.socket) -> memoryview:
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(1 << 16)
    head, _, beginning = head.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    body = memoryview(bytearray(length))
    body[: len(beginning)] = beginning
    received = len(beginning)
    while received < length:
        received += connection.recv_into(body[received:])
    return body


_EMBED = {"ours": _embed_ours, "theirs": _embed_theirs, "raw": _embed_raw}
_STORE = {"ours": _store_ours, "theirs": _store_theirs, "raw": _store_raw}


def _build_cpu_case(run: Mapping[str, Callable[[Task], None]]) -> Case:
    return Case(run, 100, 3072, theirs_share=0.02, unit="ms", goal=0.25, raw_goal=1.25)


def _build_peak_case(run: Callable[[Task], None]) -> Case:
    return Case({"ours": run}, 1_000_000, 256, kind="peak", unit="MiB", at_most=20)


CASES = {
    "1,000,000 texts, 256 floats each, to arrays: memory after 10,000": _build_peak_case(_measure_stream_peak),
    "1,000,000 texts, 256 floats each, a job: memory after 10,000": _build_peak_case(_measure_job_peak),
    "1,000 of 100,000 texts, 3,072 floats each, to arrays": _build_cpu_case(_EMBED),
    "1,000 of 100,000 texts, 3,072 floats each, to Parquet": _build_cpu_case(_STORE),
}
