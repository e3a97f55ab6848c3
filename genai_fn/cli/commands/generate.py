"""``genai-fn generate``: sends a prompt and prints the answer as it arrives."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import genai_fn
from genai_fn.cli.inputs import check_output_folder
from genai_fn.cli.interpreters import open_interpreter
from genai_fn.cli.options import (
    DEFAULT_MODEL,
    FilesOption,
    JsonOption,
    MimeTypeOption,
    ModelOption,
    OfflineOption,
    PromptArgument,
    SchemaOption,
    SystemOption,
    TemperatureOption,
    VertexOption,
)
from genai_fn.cli.requests import build_request
from genai_fn.cli.tables import format_value, print_value
from genai_fn.cli.terminal import print_items, print_message

if TYPE_CHECKING:
    from genai_fn.schema.responses import GenerateContentResponse

__all__ = ["generate"]


def generate(
    prompt: PromptArgument = None,
    *,
    model: ModelOption = DEFAULT_MODEL,
    system: SystemOption = None,
    file: FilesOption = None,
    mime_type: MimeTypeOption = None,
    temperature: TemperatureOption = None,
    schema: SchemaOption = None,
    json: JsonOption = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", dir_okay=False, metavar="FILE", help="File to write the answer to, once it is whole."
        ),
    ] = None,
    usage: Annotated[bool, typer.Option("--usage", help="Print the number of tokens to standard error.")] = False,
    vertex: VertexOption = False,
    offline: OfflineOption = False,
) -> None:
    """Send a prompt to a model and print the answer as it arrives."""
    request = build_request(
        prompt, model=model, system=system, files=file, mime_type=mime_type, temperature=temperature, schema=schema
    )
    if output is not None:
        check_output_folder(output)
    chunks: list[GenerateContentResponse] = []
    stream = request | genai_fn.streamed | genai_fn.each(chunks.append)
    with open_interpreter(vertex=vertex, offline=offline) as run:
        if json and output is None:
            print_value(genai_fn.raise_for(run(stream | genai_fn.joined)))
        elif json and output is not None:
            _write_text(output, format_value(genai_fn.raise_for(run(stream | genai_fn.joined))))
        elif output is not None:
            _write_text(output, genai_fn.raise_for(run(stream | genai_fn.text | genai_fn.joined)))
        else:
            with run.stream(stream | genai_fn.text) as items:
                print_items(items)
    if usage:
        _print_usage(chunks)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")


def _print_usage(chunks: "list[GenerateContentResponse]") -> None:
    """Print the tokens of the last chunk with a usage, which counts the whole answer."""
    found = [each.usage_metadata for each in chunks if each.usage_metadata is not None]
    if not found:
        print_message("usage", "the server has sent none")
        return
    counts = {
        "prompt": found[-1].prompt_token_count,
        "cached": found[-1].cached_content_token_count,
        "thoughts": found[-1].thoughts_token_count,
        "answer": found[-1].candidates_token_count,
        "total": found[-1].total_token_count,
    }
    print_message("usage", ", ".join(f"{count} {name}" for name, count in counts.items() if count) + " tokens")
