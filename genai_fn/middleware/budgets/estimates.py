"""Estimates of what a call may use at most, before it is sent and without the network."""

from typing import Any

from genai_fn.middleware.input_size import measure_input
from genai_fn.middleware.operation_names import EMBED, GENERATE, IMAGES, VIDEOS
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
    input_tokens, name = -(-measure_input(operation, _FILE_SIZE) // _BYTES_PER_TOKEN), operation.op
    if name in GENERATE:
        candidates: int = config.candidate_count or 1
        output_tokens = (config.max_output_tokens or output_tokens) * candidates
        return Usage(input_tokens=input_tokens, output_tokens=output_tokens)
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
