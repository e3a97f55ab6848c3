"""``genai-fn tokens``: counts the tokens of a prompt."""

from typing import Annotated, Any

import typer

import genai_fn
from genai_fn.cli.inputs import read_parts, read_prompt
from genai_fn.cli.interpreters import run_action
from genai_fn.cli.options import (
    DEFAULT_MODEL,
    FilesOption,
    JsonOption,
    MimeTypeOption,
    ModelOption,
    OfflineOption,
    PromptArgument,
    VertexOption,
)
from genai_fn.cli.tables import print_value

__all__ = ["tokens"]


def tokens(
    prompt: PromptArgument = None,
    *,
    model: ModelOption = DEFAULT_MODEL,
    file: FilesOption = None,
    mime_type: MimeTypeOption = None,
    local: Annotated[
        bool,
        typer.Option(
            "--local",
            help="Count on this machine, with the extra local-tokenizer: texts only. The first time, it fetches the "
            "vocabulary of the model.",
        ),
    ] = False,
    json: JsonOption = False,
    vertex: VertexOption = False,
    offline: OfflineOption = False,
) -> None:
    """Print how many tokens a prompt has."""
    parts: list[Any] = [*read_parts(file, mime_type), *read_prompt(prompt, has_files=bool(file))]
    if local:
        if vertex or offline:
            raise typer.BadParameter("--local counts on this machine: leave out --vertex and --offline")
        tokenizer = genai_fn.raise_for(genai_fn.LocalTokenizer.load(model))
        count: Any = tokenizer.count_tokens(parts)
    else:
        count = run_action(genai_fn.tokens.count(model, parts), vertex=vertex, offline=offline)
    if json:
        print_value(count)
    else:
        typer.echo(count.total_tokens)
