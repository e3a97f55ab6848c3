"""``genai-fn batches``: jobs that answer many requests within a day, at half the price."""

from typing import Annotated

import typer

import genai_fn
from genai_fn.cli.interpreters import open_interpreter, run_action
from genai_fn.cli.options import (
    DEFAULT_MODEL,
    JsonOption,
    ModelOption,
    NameArgument,
    NamesArgument,
    OfflineOption,
    TitleOption,
    VertexOption,
)
from genai_fn.cli.progress import show_status
from genai_fn.cli.resources import delete_resources, print_resource, print_resources
from genai_fn.cli.tables import print_value
from genai_fn.cli.terminal import print_message

__all__ = ["POLL_SECONDS", "app"]

POLL_SECONDS = 30.0
"""Seconds between two looks at a job that is waited for."""

app = typer.Typer(help="Run jobs that answer many requests within a day, at half the price.", no_args_is_help=True)


@app.command("list")
def _list(*, json: JsonOption = False, vertex: VertexOption = False, offline: OfflineOption = False) -> None:
    """List the batch jobs."""
    columns = {"NAME": "name", "STATE": "state", "MODEL": "model", "TITLE": "display_name", "CREATED": "create_time"}
    print_resources(genai_fn.batches.list(), columns, as_json=json, vertex=vertex, offline=offline)


@app.command("create")
def _create(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Uploaded file, files/…; on Vertex AI gs://….jsonl or bq://….")
    ],
    *,
    model: ModelOption = DEFAULT_MODEL,
    title: TitleOption = None,
    destination: Annotated[
        str | None,
        typer.Option("--dest", metavar="URI", help="Where to write the answers, on Vertex AI: gs://… or bq://…."),
    ] = None,
    vertex: VertexOption = False,
    offline: OfflineOption = False,
) -> None:
    """Start a job for the requests of a file of JSON lines, and print it as JSON."""
    request = genai_fn.batches.create(model, source, {"display_name": title, "dest": destination})
    print_resource(request, vertex=vertex, offline=offline)


@app.command("get")
def _get(
    name: NameArgument,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the job has ended.")] = False,
    vertex: VertexOption = False,
    offline: OfflineOption = False,
) -> None:
    """Print a job as JSON, with its answers if they are part of it."""
    request = genai_fn.batches.get(name)
    with open_interpreter(vertex=vertex, offline=offline) as run, show_status(f"waiting for {name}"):
        job = genai_fn.raise_for(run(request | genai_fn.until_done(every=POLL_SECONDS) if wait else request))
    print_value(job)


@app.command("cancel")
def _cancel(name: NameArgument, *, vertex: VertexOption = False, offline: OfflineOption = False) -> None:
    """Stop a job; the answers that it has stay."""
    run_action(genai_fn.batches.cancel(name), vertex=vertex, offline=offline)
    print_message("note", f"cancelled {name}")


@app.command("delete")
def _delete(names: NamesArgument, *, vertex: VertexOption = False, offline: OfflineOption = False) -> None:
    """Delete jobs, and their answers."""
    delete_resources(genai_fn.batches.delete, names, vertex=vertex, offline=offline)
