"""Usage: what an answer of any operation has used, in the same fields for all of them."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from genai_fn.values import Value

if TYPE_CHECKING:
    from genai_fn.schema.responses import ModalityTokenCount

__all__ = ["Usage", "get_usage"]


class Usage(Value, kw_only=True):
    """
    What one answer has used. Two usages can be added.

    Args:
        input_tokens: All tokens that the model has read: the prompt, also its cached part, and results of its tools.

        output_tokens: All tokens that the model has written, including its thoughts.

        cached_tokens: The part of `input_tokens` that came from a cache.

        thought_tokens: The part of `output_tokens` that are thoughts.

        input_details: `input_tokens` by modality, as far as the service reports it.

        cached_details: `cached_tokens` by modality.

        output_details: `output_tokens` by modality.

        images: The number of generated or upscaled images, for models that are paid by image.

        videos: The number of generated videos.

    >>> Usage(input_tokens=7, output_tokens=2) + Usage(input_tokens=1)
    Usage(input_tokens=8, output_tokens=2)
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    thought_tokens: int = 0
    input_details: tuple[tuple[str, int], ...] = ()
    cached_details: tuple[tuple[str, int], ...] = ()
    output_details: tuple[tuple[str, int], ...] = ()
    images: int = 0
    videos: int = 0

    @property
    def total_tokens(self) -> int:
        """All tokens, read and written."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        sums: dict[str, Any] = {}
        for name in self.__struct_fields__:
            both: Any = getattr(self, name) + getattr(other, name)
            sums[name] = _add_details(both) if name.endswith("_details") else both
        return Usage(**sums)

    def __repr__(self) -> str:
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return f"Usage({', '.join(f'{name}={value!r}' for name, value in values if value)})"


def get_usage(value: object) -> Usage | None:
    """
    Return the usage in the answer of an operation; None if it states none.

    Args:
        value: An answer: of `generate` or a chunk of its stream, of `embed`, also as arrays, of images or finished
            videos, a message of a live session, the turn of a chat, a `ParsedResponse`, or a `ValueWithResponse`. In a
            stream, the last chunk states the usage of the whole answer.

    >>> from genai_fn.schema import GenerateContentResponse, GenerateContentResponseUsageMetadata
    >>> metadata = GenerateContentResponseUsageMetadata(
    ...     prompt_token_count=7, candidates_token_count=2, thoughts_token_count=1
    ... )
    >>> get_usage(GenerateContentResponse(usage_metadata=metadata))
    Usage(input_tokens=7, output_tokens=3, thought_tokens=1)
    """
    metadata: Any = getattr(value, "usage_metadata", None)
    if metadata is not None:
        return _read_metadata(metadata)
    for name, read in _READERS:
        found: Any = getattr(value, name, None)
        if found:
            return read(found)
    wrapped = (getattr(value, name, None) for name in _WRAPPERS) if isinstance(value, Struct) else ()
    usages = (get_usage(each) for each in wrapped if isinstance(each, Struct))
    return next((each for each in usages if each is not None), None)


def _count_images(images: tuple[Any, ...]) -> Usage:
    """Count the images that no filter has removed."""
    return Usage(images=sum(each.image is not None for each in images))


def _count_videos(videos: tuple[Any, ...]) -> Usage:
    return Usage(videos=len(videos))


def _read_statistics(embeddings: Any) -> Usage | None:
    """Add the tokens of embeddings, each of which has its own on Vertex AI."""
    counts: list[Any] = [each.statistics.token_count for each in embeddings if each.statistics is not None]
    known = [each for each in counts if each is not None]
    return Usage(input_tokens=int(sum(known))) if known else None


_READERS: tuple[tuple[str, Callable[[Any], Usage | None]], ...] = (
    ("embeddings", _read_statistics),
    ("generated_images", _count_images),
    ("generated_videos", _count_videos),
)
_WRAPPERS = ("answer", "value", "response", "result")
"""Fields of a `Turn`, of a parsed value or one with its HTTP response, and of finished long-running work."""


def _read_metadata(metadata: Any) -> Usage:
    """
    Read the usage of `generate` (candidates), of a session (responses), or of embeddings and caches.

    The fields tell the types apart: importing the types would load them with every client.
    """
    if hasattr(metadata, "candidates_token_count"):
        answer, answer_details = metadata.candidates_token_count or 0, metadata.candidates_tokens_details
    elif hasattr(metadata, "response_token_count"):
        answer, answer_details = metadata.response_token_count or 0, metadata.response_tokens_details
    else:
        return Usage(input_tokens=getattr(metadata, "total_token_count", None) or 0)
    prompt, thoughts = metadata.prompt_token_count or 0, metadata.thoughts_token_count or 0
    tools = metadata.tool_use_prompt_token_count or 0
    counts = metadata.prompt_tokens_details + metadata.tool_use_prompt_tokens_details
    cached_counts = metadata.cache_tokens_details
    details = _read_details(counts) if counts else ()  # most answers state none, and this is done for each
    if not prompt and not answer:  # embeddings state only one of the others
        total = metadata.total_token_count
        prompt = total - thoughts - tools if total else sum(count for _, count in details)
    return Usage(
        input_tokens=max(0, prompt + tools),
        output_tokens=answer + thoughts,
        cached_tokens=metadata.cached_content_token_count or 0,
        thought_tokens=thoughts,
        input_details=details,
        cached_details=_read_details(cached_counts) if cached_counts else (),
        output_details=_read_details(answer_details) if answer_details else (),
    )


def _read_details(counts: "tuple[ModalityTokenCount, ...]") -> tuple[tuple[str, int], ...]:
    return _add_details((str(each.modality or "TEXT"), each.token_count or 0) for each in counts)


def _add_details(details: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    totals: dict[str, int] = {}
    for modality, count in details:
        totals[modality] = totals.get(modality, 0) + count
    return tuple(totals.items())
