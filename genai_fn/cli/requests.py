"""Builds the request that ``generate`` sends and ``explain`` shows."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import genai_fn
from genai_fn.cli.inputs import read_parts, read_prompt, read_schema

if TYPE_CHECKING:
    from genai_fn.request import Request
    from genai_fn.schema.config_dicts.generation import GenerateContentConfigDict
    from genai_fn.schema.responses import GenerateContentResponse

__all__ = ["build_request"]


def build_request(
    prompt: str | None,
    *,
    model: str,
    system: str | None,
    files: list[Path] | None,
    mime_type: str | None,
    temperature: float | None,
    schema: str | None,
) -> "Request[GenerateContentResponse]":
    """Build the request: files first, then what is piped in, then the prompt."""
    parts: list[Any] = [*read_parts(files, mime_type), *read_prompt(prompt, has_files=bool(files))]
    config: GenerateContentConfigDict = {"system_instruction": system, "temperature": temperature}
    if schema is not None:
        config["response_mime_type"] = "application/json"
        config["response_json_schema"] = read_schema(schema)
    return genai_fn.generate(model, parts, config)
