"""``genai-fn explain``: prints the request that ``generate`` would send as a curl command."""

from typing import TYPE_CHECKING, Annotated

import typer

import genai_fn
from genai_fn.cli.backends import find_backend
from genai_fn.cli.interpreters import list_variables
from genai_fn.cli.options import (
    DEFAULT_MODEL,
    FilesOption,
    MimeTypeOption,
    ModelOption,
    PromptArgument,
    SchemaOption,
    SystemOption,
    TemperatureOption,
    VertexOption,
)
from genai_fn.cli.requests import build_request
from genai_fn.cli.terminal import print_text

if TYPE_CHECKING:
    from genai_fn.backend import Backend

__all__ = ["explain"]


def explain(
    prompt: PromptArgument = None,
    *,
    model: ModelOption = DEFAULT_MODEL,
    system: SystemOption = None,
    file: FilesOption = None,
    mime_type: MimeTypeOption = None,
    temperature: TemperatureOption = None,
    schema: SchemaOption = None,
    stream: Annotated[bool, typer.Option("--stream/--no-stream", help="Whether the answer arrives in chunks.")] = True,
    vertex: VertexOption = False,
) -> None:
    """
    Print the request that generate would send, as a curl command with the key masked. Nothing is sent.

    It needs no key; --vertex needs GOOGLE_CLOUD_PROJECT, as it is part of the URL.
    """
    request = build_request(
        prompt, model=model, system=system, files=file, mime_type=mime_type, temperature=temperature, schema=schema
    )
    description = request | genai_fn.streamed if stream else request
    print_text(genai_fn.raise_for(genai_fn.to_curl(description, _find_backend(vertex=vertex))))


def _find_backend(*, vertex: bool) -> "Backend":
    """Return the backend of the environment. Without credentials there, it is Gemini with a placeholder key."""
    try:
        return find_backend(list_variables(vertex=vertex))
    except genai_fn.AuthError:
        if vertex:
            raise
        return genai_fn.Gemini("masked")
