"""Estimates of what a call may use at most, before it is sent and without the network."""

from typing import Any

from genai_fn.middleware.input_size import measure_config, measure_contents, measure_value
from genai_fn.middleware.operation_names import EMBED, GENERATE, IMAGES, VIDEOS
from genai_fn.ops.generate import GenerateContent
from genai_fn.request import Request
from genai_fn.schema.usage import Usage


def is_paid(request: Request[Any]) -> bool:
    """Return whether a request is paid by its usage: generation, embeddings, images, videos and new caches are."""
    return request.operation.op in _PAID


_PAID = frozenset((*GENERATE, *EMBED, *IMAGES, *VIDEOS, "caches.create"))


def estimate_usage(request: Request[Any], output_tokens: int) -> Usage:
    """
    Estimate the usage of a request.

    That is one token for 3 bytes of text, 1290 tokens for each file, and all of the output that the request allows.

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
        size = measure_contents(operation.contents, _FILE_SIZE)
        if config.system_instruction is not None or config.tools:
            size += measure_config(config, _FILE_SIZE)
        candidates: int = config.candidate_count or 1
        output_tokens = (config.max_output_tokens or output_tokens) * candidates
        return Usage(input_tokens=-(-size // _BYTES_PER_TOKEN), output_tokens=output_tokens)
    contents: Any = getattr(operation, "contents", None) or getattr(config, "contents", None) or ()
    size = measure_contents(contents, _FILE_SIZE)
    size += measure_config(config, _FILE_SIZE)
    for field in ("prompt", "source"):
        size += measure_value(getattr(operation, field, None), _FILE_SIZE)
    input_tokens, name = -(-size // _BYTES_PER_TOKEN), operation.op
    if name in IMAGES:
        images = getattr(config, "number_of_images", None) or _DEFAULT_IMAGES.get(name, 1)
        return Usage(input_tokens=input_tokens, images=images)
    if name in VIDEOS:
        return Usage(input_tokens=input_tokens, videos=getattr(config, "number_of_videos", None) or 1)
    return Usage(input_tokens=input_tokens)


_BYTES_PER_TOKEN = 3  # of English some 4, of other languages in UTF-8 more
_FILE_SIZE = 1290 * _BYTES_PER_TOKEN  # of a large image; of audio and video some 32 and 300 tokens a second
_DEFAULT_IMAGES = {"images.generate": 4, "images.edit": 4}
"""Images of a request that sets no number (https://ai.google.dev/gemini-api/docs/imagen), where these are not 1."""
