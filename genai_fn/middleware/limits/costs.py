"""What requests cost: how many requests they count as, and estimates of their tokens, which need no network."""

from collections.abc import Iterable
from typing import Any, cast

from genai_fn.http import ValueWithResponse
from genai_fn.middleware.input_size import measure_input
from genai_fn.middleware.operation_names import EMBED, GENERATE, IMAGES, VIDEOS
from genai_fn.request import Request


def count_requests(request: Request[Any]) -> int:
    """
    Return as how many requests a request counts: each content of an embedding is one; files, jobs and lists are none.

    >>> from genai_fn import embed, files, generate
    >>> count_requests(generate("gemini-2.5-flash", "hi")), count_requests(embed("gemini-embedding-001", ["a", "b"]))
    (1, 2)
    >>> count_requests(files.list())
    0
    """
    operation = request.operation
    if operation.op in _GENERATIONS:
        return 1
    return len(cast("Any", operation).contents) if operation.op in EMBED else 0


_GENERATIONS = frozenset((*GENERATE, *IMAGES, *VIDEOS))


def estimate_tokens(request: Request[Any]) -> int:
    """
    Estimate the input tokens of a request: one for 4 bytes of text in UTF-8, 258 for each image or other file.

    >>> from genai_fn import generate
    >>> estimate_tokens(generate("gemini-2.5-flash", "Why is the sky blue?"))
    5
    """
    return -(-measure_input(request.operation, _FILE_SIZE) // _BYTES_PER_TOKEN)


_BYTES_PER_TOKEN = 4
_FILE_SIZE = 258 * _BYTES_PER_TOKEN  # of an image, or of a second of video


def read_used_tokens(value: Any) -> int | None:
    """Return the input tokens that a response, or the last chunk of a stream, says it has used; None if it does not."""
    if isinstance(value, ValueWithResponse):
        value = cast("Any", value).value
    usage = getattr(value, "usage_metadata", None)
    prompt: int | None = getattr(usage, "prompt_token_count", None)
    if prompt is None:
        return _sum_token_counts(getattr(value, "embeddings", ()))
    calls: int | None = getattr(usage, "tool_use_prompt_token_count", None)
    return prompt + (calls or 0)


def _sum_token_counts(embeddings: Iterable[Any]) -> int | None:
    """Add the tokens of embeddings; None unless each has them."""
    counts: list[float | None] = [getattr(each.statistics, "token_count", None) for each in embeddings]
    known = [int(count) for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None
