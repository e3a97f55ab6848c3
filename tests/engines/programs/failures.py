"""Embeds a column on an engine, prints as JSON how a query with faults ends, and how many interpreters were made."""

import json
import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from genai_fn import Gemini, Http, Retry
from genai_fn.jobs.engines import ColumnEmbedding, embed_dataset, embed_frame

WORKERS = 2
ROWS = [{"id": number, "text": f"text {number}"} for number in range(40)]


def make_interpreter(url: str, key: str, folder: str) -> Http:
    """Make an interpreter, and leave a trace of it in a folder."""
    tempfile.mkstemp(dir=folder)
    return Http(Gemini(key, base_url=url), retry=Retry(attempts=1))


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
    embed, url = {"ray": embed_on_ray, "daft": embed_on_daft}[sys.argv[1]], os.environ["GOOGLE_GEMINI_BASE_URL"]
    folder = tempfile.mkdtemp(dir=Path.cwd())  # removed with the working folder, when no worker is left
    rows = embed(make_embedding(make_interpreter=partial(make_interpreter, url, "test-key", folder)))
    interpreters = len(list(Path(folder).iterdir()))
    try:
        embed(make_embedding(make_interpreter=partial(make_interpreter, url, "wrong-key", folder)))
        fatal = ""
    except Exception as error:
        fatal = str(error)
    found = {
        "rows": len(rows),
        "errors": [each["error"] for each in rows if each["error"] is not None],
        "nulls": sum(each["vector"] is None for each in rows),
        "interpreters": interpreters,
        "fatal": fatal,
    }
    print(json.dumps(found), flush=True)  # noqa: T201  # the result
    if sys.argv[1] == "daft":
        os._exit(0)  # after a query that failed, threads of Daft 0.7 sometimes abort the interpreter as it ends


if __name__ == "__main__":
    main()
