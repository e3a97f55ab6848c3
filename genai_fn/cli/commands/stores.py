"""``genai-fn stores``: File Search stores, whose documents a model can search."""

from pathlib import Path
from typing import Annotated, Any

import typer

import genai_fn
from genai_fn.cli.inputs import guess_file_type
from genai_fn.cli.interpreters import open_interpreter
from genai_fn.cli.options import JsonOption, MimeTypeOption, NameArgument, NamesArgument, OfflineOption, VertexOption
from genai_fn.cli.progress import show_uploads
from genai_fn.cli.tables import print_list, print_value
from genai_fn.cli.terminal import print_message, print_text

__all__ = ["app"]

app = typer.Typer(help="Store documents that a model can search.", no_args_is_help=True)

_Force = Annotated[bool, typer.Option("--force", help="Delete the documents in it, too.")]


@app.command("list")
def _list(*, json: JsonOption = False, vertex: VertexOption = False, offline: OfflineOption = False) -> None:
    """List the stores."""
    columns = {
        "NAME": "name",
        "TITLE": "display_name",
        "DOCUMENTS": "active_documents_count",
        "BYTES": "size_bytes",
        "CREATED": "create_time",
    }
    with open_interpreter(vertex=vertex, offline=offline) as run:
        print_list(run, genai_fn.stores.list(), columns, as_json=json)


@app.command("create")
def _create(
    title: Annotated[str | None, typer.Argument(metavar="[TITLE]", help="Title in the list.")] = None,
    *,
    vertex: VertexOption = False,
    offline: OfflineOption = False,
) -> None:
    """Create a store, and print it as JSON."""
    config: Any = None if title is None else {"display_name": title}
    with open_interpreter(vertex=vertex, offline=offline) as run:
        print_value(genai_fn.raise_for(run(genai_fn.stores.create(config))))


@app.command("get")
def _get(name: NameArgument, *, vertex: VertexOption = False, offline: OfflineOption = False) -> None:
    """Print the counts and the size of a store, as JSON."""
    with open_interpreter(vertex=vertex, offline=offline) as run:
        print_value(genai_fn.raise_for(run(genai_fn.stores.get(name))))


@app.command("upload")
def _upload(
    name: NameArgument,
    paths: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, metavar="FILE...", help="Files to upload.")
    ],
    *,
    mime_type: MimeTypeOption = None,
    vertex: VertexOption = False,
    offline: OfflineOption = False,
) -> None:
    """Upload files into a store, wait until they can be searched, and print the name of each document."""
    with show_uploads() as on_event, open_interpreter(vertex=vertex, offline=offline, on_event=on_event) as run:
        for path in paths:
            config: Any = {"mime_type": mime_type or guess_file_type(path), "display_name": path.name}
            upload = genai_fn.stores.upload(name, path, config)
            operation = genai_fn.raise_for(run(upload | genai_fn.until_done()))
            print_text(f"{operation.response.document_name if operation.response else operation.name}\n")


@app.command("documents")
def _documents(
    name: NameArgument, *, json: JsonOption = False, vertex: VertexOption = False, offline: OfflineOption = False
) -> None:
    """List the documents of a store."""
    columns = {"NAME": "name", "TITLE": "display_name", "TYPE": "mime_type", "BYTES": "size_bytes", "STATE": "state"}
    with open_interpreter(vertex=vertex, offline=offline) as run:
        print_list(run, genai_fn.stores.documents.list(name), columns, as_json=json)


@app.command("delete")
def _delete(
    names: NamesArgument, *, force: _Force = False, vertex: VertexOption = False, offline: OfflineOption = False
) -> None:
    """Delete stores."""
    with open_interpreter(vertex=vertex, offline=offline) as run:
        for name in names:
            genai_fn.raise_for(run(genai_fn.stores.delete(name, {"force": True} if force else None)))
            print_message("note", f"deleted {name}")
