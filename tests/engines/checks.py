"""What an engine must give: the vectors of a local job, the failures of texts as rows, and fatal ones as exceptions."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from genai_fn import Gemini, Http
from genai_fn.emulator import EmulatorState
from genai_fn.jobs import EmbeddingJob
from genai_fn.testing import Emulator, serve_emulator
from tests.engines.environments import PROGRAMS, list_programs, run_program

__all__ = ["check_engine"]

_ROWS = 400


def check_engine(engine: str, python: Path) -> None:
    """Run both programs of an engine, each with an emulator of its own; raise AssertionError for a difference."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serve_emulator(Emulator()) as url:
            _check_vectors(engine, python, folder, url)
        state = EmulatorState(api_keys=("test-key",))
        emulator = Emulator(state)
        emulator.fail(status=503, path=":batchEmbedContents", times=1)
        with serve_emulator(emulator) as url:
            _check_failures(engine, python, folder, url)


def _check_vectors(engine: str, python: Path, folder: Path, url: str) -> None:
    """The program of the page writes the vectors of a local job, in a fixed-size list of float32, and the reasons."""
    texts = folder / "texts"
    texts.mkdir()
    numbers = range(_ROWS)
    column = [None if each % 97 == 0 else f"A text about {each % 150}." for each in numbers]
    table = pa.table({"id": pa.array(numbers, pa.int64()), "text": pa.array(column, pa.string())})
    for part in range(4):
        pq.write_table(table.slice(part * _ROWS // 4, _ROWS // 4), texts / f"part-{part}.parquet")
    program = folder / "program.py"
    program.write_text(list_programs()[engine], encoding="utf-8")
    run_program(python, program, url)
    found = pq.read_table(folder / "vectors").sort_by("id")
    expected = _embed_here(texts, folder / "local", url)
    kind = found.schema.field("vector").type
    assert (kind.list_size, kind.value_type) == (256, pa.float32()), kind
    assert found.column_names == ["id", "text", "vector", "error"], found.column_names
    rows: list[dict[str, Any]] = found.to_pylist()
    assert [each["id"] for each in rows] == list(numbers)
    assert [each["text"] for each in rows] == column
    for row in rows:
        if row["text"] is None:
            assert (row["vector"], row["error"]) == (None, "UnusableText: the text is null"), row
        else:
            assert (row["vector"], row["error"]) == (expected[row["id"]], None), row["id"]
    shutil.rmtree(texts)


def _embed_here(texts: Path, output: Path, url: str) -> dict[int, list[float]]:
    """Embed the same texts by a job in this process; return the vectors by ``id``."""
    job = EmbeddingJob(
        model="gemini-embedding-001",
        source=texts,
        output=output,
        id_column="id",
        config={"task_type": "RETRIEVAL_DOCUMENT", "output_dimensionality": 256},
    )
    with Http(Gemini("test-key", base_url=url)) as run:
        run(job.flow()).unwrap()
    shards = pa.concat_tables(pq.read_table(path) for path in sorted(output.glob("shard-*.parquet")))
    return dict(zip(shards.column("id").to_pylist(), shards.column("vector").to_pylist(), strict=True))


def _check_failures(engine: str, python: Path, folder: Path, url: str) -> None:
    """
    A failed request is a reason in each of its rows, and a wrong key ends the query.

    There are no more interpreters than workers, so the shares of a limit add up to it.
    """
    program = folder / "failures.py"
    shutil.copy(PROGRAMS / "failures.py", program)
    found = json.loads(run_program(python, program, url, engine).splitlines()[-1])
    assert (found["rows"], found["nulls"], len(found["errors"])) == (40, 5, 5), found
    assert all("503" in each or "UNAVAILABLE" in each for each in found["errors"]), found
    assert 1 <= found["interpreters"] <= 2, found
    assert "API key not valid" in found["fatal"], found
