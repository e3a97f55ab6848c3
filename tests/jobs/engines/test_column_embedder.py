"""What one worker makes of a batch: vectors, reasons, and errors that end the query."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from genai_fn import Gemini, Http, InvalidRequest
from genai_fn.errors import ClientError, GenaiError, ServerError
from genai_fn.jobs.engines import ColumnEmbedding
from genai_fn.jobs.engines.column_embedder import ColumnEmbedder
from genai_fn.jobs.errors import DimensionMismatch
from genai_fn.testing import Fake
from tests.support.embedding_jobs import (
    DIMENSIONS,
    MODEL,
    EmbeddingFake,
    EmbeddingScript,
    build_array_response,
    compute_vector,
    make_job,
    read_rows,
)
from tests.support.loopback import Loopback

CONFIG = {"output_dimensionality": DIMENSIONS}


def make_embedder(make_interpreter: Callable[[], Any], **more: Any) -> ColumnEmbedder:
    embedding = ColumnEmbedding(model=MODEL, config=CONFIG, make_interpreter=make_interpreter, **more)
    return ColumnEmbedder(embedding)


def make_failing(error: GenaiError, **more: Any) -> ColumnEmbedder:
    return make_embedder(lambda: Fake({"embed.numpy": lambda request: error}), **more)


def test_vectors_and_reasons() -> None:
    """Each text has its vector or a reason, in its place; equal texts are sent once."""
    fake = EmbeddingFake()
    texts = ["a", None, "b", "a", " ", b"c", b"\xff", "a refused text", "x" * 20, 5]
    vectors, reasons = make_embedder(lambda: fake.interpreter, max_text_bytes=15).embed_column(texts)
    assert vectors.type == pa.list_(pa.float32(), DIMENSIONS)
    a, b, c = map(compute_vector, "abc")
    assert vectors.to_pylist() == [a, None, b, a, None, c, None, None, None, None]
    assert reasons.to_pylist() == [
        None,
        "UnusableText: the text is null",
        None,
        None,
        "UnusableText: the text is empty",
        None,
        "UnusableText: the text is not UTF-8: invalid start byte at byte 0",
        "ClientError: 400 INVALID_ARGUMENT: no",
        "UnusableText: the text has 20 bytes, more than max_text_bytes=15",
        "UnusableText: the text is of type int",
    ]
    assert max(len(batch) - len(set(batch)) for batch in fake.sent.batches) == 0
    assert fake.sent.batches[0] == ("a", "b", "c", "a refused text")


def test_no_rows() -> None:
    """An empty batch, as engines send it to learn the types, sends nothing."""
    fake = EmbeddingFake()
    vectors, reasons = make_embedder(lambda: fake.interpreter).embed_column([])
    assert (len(vectors), vectors.type, reasons.type) == (0, pa.list_(pa.float32(), DIMENSIONS), pa.string())
    assert fake.sent.batches == []


def test_no_vector_at_all() -> None:
    """A batch without a vector has the same types as any other."""
    vectors, reasons = make_failing(ServerError(503, "UNAVAILABLE", "busy")).embed_column(["a", "b"])
    assert (vectors.type, vectors.null_count) == (pa.list_(pa.float32(), DIMENSIONS), 2)
    assert reasons.to_pylist() == ["ServerError: 503 UNAVAILABLE: busy"] * 2


WRONG_KEY = ClientError(403, "PERMISSION_DENIED", "no")
REFUSED = ClientError(400, "INVALID_ARGUMENT", "no")


@pytest.mark.parametrize(("error", "stop"), [(WRONG_KEY, "fatal"), (WRONG_KEY, True), (REFUSED, True)])
def test_failure_that_ends_the_query(error: GenaiError, stop: Any) -> None:
    """A failure that ends the stream is raised, with the text."""
    with pytest.raises(GenaiError) as caught:
        make_failing(error, stop_on_failure=stop).embed_column(["a"])
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(("error", "stop"), [(WRONG_KEY, False), (REFUSED, "fatal"), (REFUSED, False)])
def test_failure_of_a_text(error: GenaiError, stop: Any) -> None:
    """Any other failure is a reason."""
    _, reasons = make_failing(error, stop_on_failure=stop).embed_column(["a", None])
    assert reasons.to_pylist() == [f"ClientError: {error}", "UnusableText: the text is null"]


def test_other_dimensions() -> None:
    """A vector of another size than the column has is an error, not a broken column."""
    embedder = make_embedder(lambda: Fake({"embed.numpy": lambda request: build_array_response([1.0, 2.0])}))
    with pytest.raises(DimensionMismatch) as caught:
        embedder.embed_column(["a"])
    assert (caught.value.expected, caught.value.got) == (DIMENSIONS, 2)


def test_interpreter_that_cannot_be_made() -> None:
    """An error of the function that makes the interpreter is the worker's."""

    def fail() -> Http:
        raise InvalidRequest("key", None, "a key")

    with pytest.raises(InvalidRequest):
        make_embedder(fail)


def test_as_a_job_over_a_socket(tmp_path: Path) -> None:
    """Over HTTP, the vectors are those of a job."""
    texts = [f"text {number % 30}" for number in range(50)]
    with Loopback(EmbeddingScript()) as server, Http(Gemini("test-key", base_url=server.url)) as run:
        run(make_job(texts, tmp_path / "job", config=CONFIG).flow()).unwrap()
        vectors, reasons = make_embedder(lambda: run, batch_size=7, concurrency=3).embed_column(texts)
    assert vectors.to_pylist() == [row["vector"] for row in read_rows(tmp_path / "job")]
    assert reasons.null_count == len(texts)
