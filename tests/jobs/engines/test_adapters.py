"""The adapters of Ray Data and Daft, with stand-ins for what the engines pass."""

import sys
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from genai_fn import InvalidRequest, MissingExtra, Offline
from genai_fn.jobs import SourceError
from genai_fn.jobs.engines import ColumnEmbedding, RayEmbedder, embed_dataset, embed_frame
from genai_fn.jobs.engines.daft import DaftEmbedder
from tests.support.embedding_jobs import MODEL

EMBEDDING = ColumnEmbedding(
    model=MODEL,
    config={"output_dimensionality": 4},
    make_interpreter=Offline,
    text_column="body",
    vector_column="v",
    error_column="why",
)


def test_actor_of_ray() -> None:
    """An actor keeps all columns, and appends two; a table without the texts is refused."""
    actor = RayEmbedder(EMBEDDING)
    table = actor(pa.table({"id": [1, 2], "body": ["a text", None], "more": ["x", "y"]}))
    assert table.column_names == ["id", "body", "more", "v", "why"]
    assert table.column("why").to_pylist() == [None, "UnusableText: the text is null"]
    with pytest.raises(SourceError):
        actor(pa.table({"id": [1]}))


def test_batch_of_daft() -> None:
    """A batch UDF returns a struct of both columns."""
    series: Any = SimpleNamespace(to_pylist=lambda: ["a text", None])
    rows = DaftEmbedder(EMBEDDING).embed_series(series)
    assert rows.type.field("v").type == pa.list_(pa.float32(), 4)
    assert rows.field("why").to_pylist() == [None, "UnusableText: the text is null"]


def test_arguments_of_map_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """`embed_dataset` passes the value, not an interpreter, and takes as many actors as there are workers."""
    found: dict[str, Any] = {}
    dataset: Any = SimpleNamespace(map_batches=lambda kind, **options: found.update(options, kind=kind))
    ray = SimpleNamespace(ActorPoolStrategy=lambda size: size)
    monkeypatch.setitem(sys.modules, "ray.data", ray)  # type: ignore[arg-type]  # a stand-in
    embed_dataset(dataset, EMBEDDING, workers=3, rows=50)
    assert (found["kind"], found["fn_constructor_args"], found["compute"]) == (RayEmbedder, (EMBEDDING,), 3)
    assert (found["batch_size"], found["batch_format"]) == (50, "pyarrow")


@pytest.mark.parametrize("embed", [embed_dataset, embed_frame])
@pytest.mark.parametrize("numbers", [{"workers": 0}, {"workers": 1, "rows": 0}])
def test_bad_numbers(embed: Any, numbers: dict[str, int]) -> None:
    """There is at least one worker, and one row in a batch."""
    with pytest.raises(InvalidRequest):
        embed(None, EMBEDDING, **numbers)


@pytest.mark.parametrize(("embed", "package"), [(embed_dataset, "ray"), (embed_frame, "daft")])
def test_without_the_engine(monkeypatch: pytest.MonkeyPatch, embed: Any, package: str) -> None:
    """Without its package, an engine names the command that installs it; the module is imported all the same."""
    monkeypatch.setitem(sys.modules, package, None)  # type: ignore[arg-type]  # as if it were not installed
    with pytest.raises(MissingExtra) as caught:
        embed(None, EMBEDDING, workers=1)
    assert package in caught.value.command
