"""Embeds a column on an engine, prints as JSON how a query with faults ends, and how many interpreters were made."""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from genai_fn import Gemini, Http, Retry
from genai_fn.jobs.engines import ColumnEmbedding, embed_dataset, embed_frame

WORKERS = 2
FOLDER = Path(tempfile.mkdtemp())
ROWS = [{"id": number, "text": f"text {number}"} for number in range(40)]
URL = os.environ["GOOGLE_GEMINI_BASE_URL"]


def make_interpreter() -> Http:
    """Make an interpreter, and leave a trace of it."""
    (FOLDER / f"{os.getpid()}-{len(list(FOLDER.iterdir()))}").touch()
    return Http(Gemini("test-key", base_url=URL), retry=Retry(attempts=1))


def make_interpreter_with_a_wrong_key() -> Http:
    """Make an interpreter whose requests all fail."""
    return Http(Gemini("wrong-key", base_url=URL))


def make_embedding(**more: Any) -> ColumnEmbedding:
    """Make an embedding of small requests."""
    config = {"output_dimensionality": 4}
    return ColumnEmbedding(model="gemini-embedding-001", config=config, batch_size=5, concurrency=1, **more)


def embed_on_ray(embedding: ColumnEmbedding) -> list[dict[str, Any]]:
    """Embed the rows on Ray."""
    import ray.data

    rows = ray.data.from_items(ROWS, override_num_blocks=4)
    found: list[dict[str, Any]] = embed_dataset(rows, embedding, workers=WORKERS, rows=10).take_all()
    return found


def embed_on_daft(embedding: ColumnEmbedding) -> list[dict[str, Any]]:
    """Embed the rows on Daft."""
    import daft

    found: list[dict[str, Any]] = embed_frame(daft.from_pylist(ROWS), embedding, workers=WORKERS, rows=10).to_pylist()
    return found


def main() -> None:
    """Run the queries of an engine."""
    embed = {"ray": embed_on_ray, "daft": embed_on_daft}[sys.argv[1]]
    rows = embed(make_embedding(make_interpreter=make_interpreter))
    found: dict[str, Any] = {
        "rows": len(rows),
        "errors": [each["error"] for each in rows if each["error"] is not None],
        "nulls": sum(each["vector"] is None for each in rows),
        "interpreters": len(list(FOLDER.iterdir())),
        "fatal": "",
    }
    try:
        embed(make_embedding(make_interpreter=make_interpreter_with_a_wrong_key))
    except Exception as error:
        found["fatal"] = str(error)
    print(json.dumps(found))  # noqa: T201  # the result


if __name__ == "__main__":
    main()
