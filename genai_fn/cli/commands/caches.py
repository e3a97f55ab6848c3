"""``genai-fn caches``: prompts that the server stores, so that requests cost less."""

from typing import Annotated, Any

import typer

import genai_fn
from genai_fn.cli.inputs import read_parts, read_prompt
from genai_fn.cli.options import (
    DEFAULT_MODEL,
    FilesOption,
    JsonOption,
    MimeTypeOption,
    ModelOption,
    NameArgument,
    NamesArgument,
    OfflineOption,
    PromptArgument,
    SystemOption,
    TitleOption,
    VertexOption,
)
from genai_fn.cli.resources import delete_resources, print_resource, print_resources

__all__ = ["app"]

app = typer.Typer(help="Store long prompts on the server, so that requests cost less.", no_args_is_help=True)

_Ttl = Annotated[str, typer.Option("--ttl", metavar="DURATION", help="Time until it expires, in seconds: 3600s.")]


@app.command("list")
def _list(*, json: JsonOption = False, vertex: VertexOption = False, offline: OfflineOption = False) -> None:
    """List the cached contents."""
    columns = {"NAME": "name", "MODEL": "model", "TITLE": "display_name", "EXPIRES": "expire_time"}
    print_resources(genai_fn.caches.list(), columns, as_json=json, vertex=vertex, offline=offline)


@app.command("create")
def _create(
    prompt: PromptArgument = None,
    *,
    model: ModelOption = DEFAULT_MODEL,
    system: SystemOption = None,
    file: FilesOption = None,
    mime_type: MimeTypeOption = None,
    ttl: _Ttl = "3600s",
    title: TitleOption = None,
    vertex: VertexOption = False,
    offline: OfflineOption = False,
) -> None:
    """Store a prompt and files for a model, and print the cached content as JSON."""
    parts: list[Any] = [*read_parts(file, mime_type), *read_prompt(prompt, has_files=bool(file))]
    cache: Any = {"contents": parts, "ttl": ttl, "system_instruction": system, "display_name": title}
    print_resource(genai_fn.caches.create(model, cache), vertex=vertex, offline=offline)


@app.command("get")
def _get(name: NameArgument, *, vertex: VertexOption = False, offline: OfflineOption = False) -> None:
    """Print the model, the size and the expiry of a cached content, as JSON."""
    print_resource(genai_fn.caches.get(name), vertex=vertex, offline=offline)


@app.command("update")
def _update(name: NameArgument, ttl: _Ttl, *, vertex: VertexOption = False, offline: OfflineOption = False) -> None:
    """Change when a cached content expires, and print it as JSON."""
    print_resource(genai_fn.caches.update(name, {"ttl": ttl}), vertex=vertex, offline=offline)


@app.command("delete")
def _delete(names: NamesArgument, *, vertex: VertexOption = False, offline: OfflineOption = False) -> None:
    """Delete cached contents."""
    delete_resources(genai_fn.caches.delete, names, vertex=vertex, offline=offline)
