"""``genai-fn files``: the Files API, which stores files for two days."""

from pathlib import Path
from typing import Annotated

import typer

import genai_fn
from genai_fn.cli.inputs import guess_file_type
from genai_fn.cli.interpreters import open_interpreter
from genai_fn.cli.options import (
    JsonOption,
    MimeTypeOption,
    NameArgument,
    NamesArgument,
    OfflineOption,
    PathsArgument,
    VertexOption,
)
from genai_fn.cli.progress import show_status, show_uploads
from genai_fn.cli.resources import delete_resources, print_resource, print_resources
from genai_fn.cli.tables import print_value
from genai_fn.cli.terminal import print_text

__all__ = ["app"]

app = typer.Typer(help="Store files on the server for two days, for requests that refer to them.", no_args_is_help=True)


@app.command("list")
def _list(*, json: JsonOption = False, vertex: VertexOption = False, offline: OfflineOption = False) -> None:
    """List the files on the server."""
    columns = {
        "NAME": "name",
        "TYPE": "mime_type",
        "BYTES": "size_bytes",
        "STATE": "state",
        "EXPIRES": "expiration_time",
    }
    print_resources(genai_fn.files.list(), columns, as_json=json, vertex=vertex, offline=offline)


@app.command("upload")
def _upload(
    paths: PathsArgument,
    *,
    mime_type: MimeTypeOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the server has processed each file.")] = False,
    json: JsonOption = False,
    vertex: VertexOption = False,
    offline: OfflineOption = False,
) -> None:
    """Upload files, and print the name of each."""
    with show_uploads() as on_event, open_interpreter(vertex=vertex, offline=offline, on_event=on_event) as run:
        for path in paths:
            media_type = mime_type or guess_file_type(path)
            upload = genai_fn.files.upload(path, {"mime_type": media_type, "display_name": path.name})
            file = genai_fn.raise_for(run(upload | genai_fn.until_done() if wait else upload))
            if json:
                print_value(file)
            else:
                print_text(f"{file.name}\n")


@app.command("get")
def _get(name: NameArgument, *, vertex: VertexOption = False, offline: OfflineOption = False) -> None:
    """Print the type, the size and the state of a file, as JSON."""
    print_resource(genai_fn.files.get(name), vertex=vertex, offline=offline)


@app.command("download")
def _download(
    name: NameArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", dir_okay=False, metavar="FILE", help="File to write the content to.")
    ],
    *,
    vertex: VertexOption = False,
    offline: OfflineOption = False,
) -> None:
    """Download a file that a model has generated; uploaded ones cannot be downloaded."""
    with open_interpreter(vertex=vertex, offline=offline) as run, show_status(f"downloading {name}"):
        genai_fn.raise_for(run(genai_fn.files.download(name, output)))


@app.command("delete")
def _delete(names: NamesArgument, *, vertex: VertexOption = False, offline: OfflineOption = False) -> None:
    """Delete files."""
    delete_resources(genai_fn.files.delete, names, vertex=vertex, offline=offline)
