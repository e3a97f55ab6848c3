"""Embedding jobs under test: a server and a fake whose vectors follow from the texts, and the content of an output."""

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from returns.result import Result

from genai_fn import ContentEmbeddingArray, EmbedContentArrayResponse
from genai_fn.errors import ClientError, GenaiError
from genai_fn.jobs import EmbeddingJob, hash_text
from genai_fn.testing import Fake
from tests.support.loopback import Answer, ReceivedRequest, build_json_reply

MODEL = "gemini-embedding-001"
DIMENSIONS = 4
REFUSED = "refused"
"""A text that contains this word is refused by the server."""


def make_job(source: Any, output: Path, **more: Any) -> EmbeddingJob:
    """Make a job with small shards and batches."""
    parameters = {"model": MODEL, "shard_size": 8, "batch_size": 3, "concurrency": 2, **more}
    return EmbeddingJob(source=source, output=output, **parameters)


def compute_vector(text: str) -> list[float]:
    """Compute the vector of a text: small whole numbers, which float32 and JSON represent exactly."""
    return [float(each) for each in hash_text(text)[:DIMENSIONS]]


class SentTexts:
    """How often each text was sent, and the requests as tuples of texts."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, ...]] = []
        self._lock = threading.Lock()

    def add(self, texts: tuple[str, ...]) -> None:
        with self._lock:
            self.batches.append(texts)

    @property
    def counts(self) -> Counter[str]:
        return Counter(text for batch in self.batches for text in batch)


def get_texts(received: ReceivedRequest) -> tuple[str, ...]:
    """Return the texts of a request to the Gemini Developer API."""
    body = msgspec.json.decode(received.body)
    return tuple(each["content"]["parts"][0]["text"] for each in body["requests"])


class EmbeddingScript:
    """The script of a loopback server: it embeds texts, refuses some, and keeps what was sent."""

    def __init__(self) -> None:
        self.sent = SentTexts()

    def __call__(self, received: ReceivedRequest) -> Answer:
        texts = get_texts(received)
        self.sent.add(texts)
        if any(REFUSED in each for each in texts):
            return build_json_reply({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "no"}}, 400)
        return build_json_reply({"embeddings": [{"values": compute_vector(each)} for each in texts]})


class EmbeddingFake:
    """A `Fake` that embeds texts, refuses some, and keeps what was sent."""

    def __init__(self) -> None:
        self.sent = SentTexts()
        self.interpreter = Fake({"embed.numpy": self.answer})

    def answer(self, request: Any) -> Any:
        """Answer a request for embeddings."""
        texts = tuple(each.parts[0].text for each in request.operation.contents)
        self.sent.add(texts)
        if any(REFUSED in each for each in texts):
            return ClientError(400, "INVALID_ARGUMENT", "no")
        return build_array_response(*map(compute_vector, texts))

    def run(self, job: EmbeddingJob) -> Result[Any, GenaiError]:
        """Run a job."""
        return self.interpreter(job.flow())


def build_array_response(*vectors: list[float]) -> EmbedContentArrayResponse:
    """Build a response with vectors."""
    return EmbedContentArrayResponse(
        embeddings=tuple(ContentEmbeddingArray(data=np.array(each, "<f4").tobytes()) for each in vectors)
    )


def read_rows(output: Path) -> list[dict[str, Any]]:
    """Read the rows of all shards, in the order of the shards."""
    tables = [pq.read_table(path) for path in sorted(output.glob("shard-*.parquet"))]
    rows: list[dict[str, Any]] = pa.concat_tables(tables).to_pylist() if tables else []
    return rows


def read_letters(output: Path) -> list[dict[str, Any]]:
    """Read the dead letters."""
    path = output / "_dead_letters.jsonl"
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def read_files(output: Path) -> dict[str, bytes]:
    """Read all files of an output, except for those that only an unfinished job needs."""
    return {each.name: each.read_bytes() for each in sorted(output.iterdir()) if each.is_file()}
