"""``genai-fn stores``: File Search stores, whose documents a model can search."""

from functools import partial
from typing import Annotated, Any

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
from genai_fn.cli.progress import show_uploads
from genai_fn.cli.resources import delete_resources, print_resource, print_resources
from genai_fn.cli.terminal import print_text

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
    print_resources(genai_fn.stores.list(), columns, as_json=json, vertex=vertex, offline=offline)


@app.command("create")
def _create(
    title: Annotated[str | None, typer.Argument(metavar="[TITLE]", help="Title in the list.")] = None,
    *,
    vertex: VertexOption = False,
    offline: OfflineOption = False,
) -> None:
    """Create a store, and print it as JSON."""
    print_resource(genai_fn.stores.create({"display_name": title}), vertex=vertex, offline=offline)


@app.command("get")
def _get(name: NameArgument, *, vertex: VertexOption = False, offline: OfflineOption = False) -> None:
    """Print the counts and the size of a store, as JSON."""
    print_resource(genai_fn.stores.get(name), vertex=vertex, offline=offline)


@app.command("upload")
def _upload(
    name: NameArgument,
    paths: PathsArgument,
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
    print_resources(genai_fn.stores.documents.list(name), columns, as_json=json, vertex=vertex, offline=offline)


@app.command("delete")
def _delete(
    names: NamesArgument, *, force: _Force = False, vertex: VertexOption = False, offline: OfflineOption = False
) -> None:
    """Delete stores."""
    delete = partial(genai_fn.stores.delete, config={"force": force or None})
    delete_resources(delete, names, vertex=vertex, offline=offline)
