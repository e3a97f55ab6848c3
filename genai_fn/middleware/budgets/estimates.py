"""Estimates of what a call may use at most, before it is sent and without the network."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from msgspec import Struct

from genai_fn.ops.generate import GenerateContent
from genai_fn.request import Request
from genai_fn.schema.content import Blob, FileData
from genai_fn.schema.usage import Usage

__all__ = ["estimate_usage", "is_paid"]


def is_paid(request: Request[Any]) -> bool:
    """Return whether a request is paid by its usage: generation, embeddings, images, videos and new caches are."""
    return request.operation.op in _PAID


_PAID = frozenset(
    {
        *("generate", "generate.stream", "embed", "embed.numpy", "caches.create", "videos.generate"),
        *("images.generate", "images.edit", "images.recontext", "images.segment", "images.upscale"),
    }
)


def estimate_usage(request: Request[Any], output_tokens: int) -> Usage:
    """
    Estimate the usage of a request.

    Args:
        request: The request.

        output_tokens: Output tokens of a candidate where the request sets no ``max_output_tokens``.

    >>> from genai_fn import generate
    >>> estimate_usage(generate("gemini-2.5-flash", "Why is the sky blue?", {"max_output_tokens": 100}), 8192)
    Usage(input_tokens=7, output_tokens=100)
    """
    operation: Any = request.operation
    config: Any = getattr(operation, "config", None)
    if isinstance(operation, GenerateContent):
        size = _measure_contents(operation.contents)
        if config.system_instruction is not None or config.tools:
            size += _measure_config(config)
        candidates: int = config.candidate_count or 1
        output_tokens = (config.max_output_tokens or output_tokens) * candidates
        return Usage(input_tokens=-(-size // _BYTES_PER_TOKEN), output_tokens=output_tokens)
    size = _measure_contents(getattr(operation, "contents", None) or getattr(config, "contents", None) or ())
    size += _measure_config(config)
    for field in ("prompt", "source"):
        size += _measure(getattr(operation, field, None))
    input_tokens, name = -(-size // _BYTES_PER_TOKEN), operation.op
    if name.startswith("images."):
        return Usage(input_tokens=input_tokens, images=getattr(config, "number_of_images", None) or 1)
    if name == "videos.generate":
        return Usage(input_tokens=input_tokens, videos=getattr(config, "number_of_videos", None) or 1)
    return Usage(input_tokens=input_tokens)


_BYTES_PER_TOKEN = 3  # of English some 4, of other languages in UTF-8 more
_FILE_TOKENS = 1290  # of a large image; of audio and video some 32 and 300 a second


def _measure_contents(contents: Any) -> int:
    """Return the size of contents; of the usual part, a text, without a look at its many other fields."""
    size = 0
    for content in contents:
        for part in content.parts or ():
            text = part.text
            size += len(text) if text is not None and text.isascii() else _measure(part)
    return size


def _measure_config(config: Any) -> int:
    """Return the size of what a model reads of a config."""
    instruction, tools = getattr(config, "system_instruction", None), getattr(config, "tools", None)
    return _measure(instruction) + _measure(tools)


def _measure(value: Any) -> int:
    """Return the size of a value in bytes of text; a file counts as one image."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    if isinstance(value, tuple | list):
        return sum(map(_measure, cast("Iterable[Any]", value)))
    if isinstance(value, Blob | FileData):
        return _FILE_TOKENS * _BYTES_PER_TOKEN
    if isinstance(value, Struct):
        text: Any = getattr(value, "text", None)
        if isinstance(text, str):
            return _measure(text)
        return sum(_measure(getattr(value, name)) for name in value.__struct_fields__ if name not in _IGNORED_FIELDS)
    if isinstance(value, Mapping):
        return sum(_measure(name) + _measure(each) for name, each in cast("Mapping[str, Any]", value).items())
    return 0


_IGNORED_FIELDS = frozenset({"role", "thought_signature"})
