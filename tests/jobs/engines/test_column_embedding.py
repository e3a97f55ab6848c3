"""The value that travels to the workers: its checks, and its way there."""

import pickle
from typing import Any

import pytest

from genai_fn import InvalidRequest, Offline
from genai_fn.jobs import SourceError
from genai_fn.jobs.engines import ColumnEmbedding, split_limit
from tests.support.embedding_jobs import MODEL

CONFIG = {"output_dimensionality": 4}


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("model", {"model": ""}),
        ("config.output_dimensionality", {"config": {}}),
        ("config.output_dimensionality", {"config": {"output_dimensionality": 0}}),
        ("make_interpreter", {"make_interpreter": Offline()}),
        ("make_interpreter", {"make_interpreter": None}),
        ("text_column", {"text_column": ""}),
        ("vector_column", {"vector_column": 5}),
        ("text_column", {"text_column": "error"}),
        ("max_text_bytes", {"max_text_bytes": 0}),
        ("concurrency", {"concurrency": 0}),
        ("batch_size", {"batch_size": 0}),
        ("stop_on_failure", {"stop_on_failure": "never"}),
    ],
)
def test_bad_parameter(path: str, parameters: dict[str, Any]) -> None:
    """A bad parameter is an error at once, on the machine that plans the query."""
    with pytest.raises(InvalidRequest) as caught:
        ColumnEmbedding(**{"model": MODEL, "config": CONFIG, **parameters})
    assert caught.value.path == path


def test_travels() -> None:
    """It is the same value after pickling, with the function that makes an interpreter."""
    embedding = ColumnEmbedding(model=MODEL, config=CONFIG, make_interpreter=Offline)
    assert pickle.loads(pickle.dumps(embedding)) == embedding


@pytest.mark.parametrize("names", [("id",), ("text", "vector"), ("text", "error"), ()])
def test_columns(names: tuple[str, ...]) -> None:
    """A table without the texts, or with a column that would be written, is refused."""
    with pytest.raises(SourceError):
        ColumnEmbedding(model=MODEL, config=CONFIG).check_columns(names)


@pytest.mark.parametrize(("limit", "workers", "share"), [(10, 1, 10), (10, 3, 3), (10, 10, 1)])
def test_split_limit(limit: int, workers: int, share: int) -> None:
    """All shares together are at most the limit."""
    assert split_limit(limit, workers) == share


@pytest.mark.parametrize(("limit", "workers"), [(0, 1), (10, 0), (10, 11)])
def test_split_limit_without_a_share(limit: int, workers: int) -> None:
    """A limit of which a worker would have no share is refused."""
    with pytest.raises(InvalidRequest):
        split_limit(limit, workers)
