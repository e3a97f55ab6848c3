"""``genai-fn models``: lists models, and shows one."""

from typing import Annotated

import typer

import genai_fn
from genai_fn.cli.options import JsonOption, OfflineOption, VertexOption
from genai_fn.cli.resources import print_resource, print_resources

__all__ = ["app"]

app = typer.Typer(help="List models, and show one.", no_args_is_help=True)


@app.command("list")
def _list(
    *,
    tuned: Annotated[bool, typer.Option("--tuned", help="List your tuned models instead of Google's.")] = False,
    json: JsonOption = False,
    vertex: VertexOption = False,
    offline: OfflineOption = False,
) -> None:
    """List the models that can be called."""
    columns = {"NAME": "name", "INPUT": "input_token_limit", "OUTPUT": "output_token_limit", "TITLE": "display_name"}
    request = genai_fn.models.list({"query_base": not tuned})
    print_resources(request, columns, as_json=json, vertex=vertex, offline=offline)


@app.command("get")
def _get(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model, such as gemini-2.5-flash.")],
    *,
    vertex: VertexOption = False,
    offline: OfflineOption = False,
) -> None:
    """Print what a model can do, as JSON."""
    print_resource(genai_fn.models.get(model), vertex=vertex, offline=offline)
