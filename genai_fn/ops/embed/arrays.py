"""Embeddings as numpy arrays: the types of ``output="numpy"``, and the reader of the responses."""

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from genai_fn.errors import DecodeError, MissingExtra
from genai_fn.ops.embed.responses import EmbeddingsDecoder
from genai_fn.ops.request_parts import copy_fields
from genai_fn.schema.base import OpenMessage
from genai_fn.schema.embeddings import (
    ContentEmbedding,
    ContentEmbeddingStatistics,
    EmbedContentMetadata,
    EmbedContentResponse,
)
from genai_fn.schema.live_server import UsageMetadata
from genai_fn.values import Value
from genai_fn.wire.lenient_json import parse_json, truncate_text
from genai_fn.wire.number_lists import cut_number_lists, pack_float32

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

__all__ = ["ArraysReader", "ContentEmbeddingArray", "EmbedContentArrayResponse", "check_numpy"]


class ContentEmbeddingArray(OpenMessage):
    """
    An embedding whose numbers are a numpy array: a `ContentEmbedding` of ``output="numpy"``.

    The numbers are kept as bytes, so it can be compared, hashed, pickled and recorded as any value.

    >>> import numpy as np
    >>> ContentEmbeddingArray(data=np.array([0.5, 1], "<f4").tobytes()).values
    array([0.5, 1. ], dtype=float32)
    """

    data: bytes = b""
    """The numbers as float32, in little-endian byte order."""
    statistics: ContentEmbeddingStatistics | None = None

    @property
    def values(self) -> "NDArray[float32]":
        """
        The numbers: a read-only array of shape ``(dimensions,)`` and dtype float32, over `data` without a copy.

        Raises MissingExtra without numpy.
        """
        array: NDArray[float32] = _import_numpy().frombuffer(self.data, "<f4")
        return array


class EmbedContentArrayResponse(OpenMessage):
    """
    The embeddings as numpy arrays, in the order of the contents: an `EmbedContentResponse` of ``output="numpy"``.

    >>> EmbedContentArrayResponse(embeddings=(ContentEmbeddingArray(data=bytes(12)),) * 2).values.shape
    (2, 3)
    """

    embeddings: tuple[ContentEmbeddingArray, ...] = ()
    metadata: EmbedContentMetadata | None = None
    truncated: bool | None = None
    """Whether the content was too long and was truncated."""
    usage_metadata: UsageMetadata | None = None

    @property
    def values(self) -> "NDArray[float32]":
        """
        All numbers: a read-only array of shape ``(contents, dimensions)`` and dtype float32, a row for each content.

        Each access copies the rows into a new array, which takes a small part of the time of decoding. Raises
        MissingExtra without numpy.
        """
        count = len(self.embeddings)
        dimensions = len(self.embeddings[0].data) // _BYTES if count else 0
        numbers = b"".join(each.data for each in self.embeddings)
        array: NDArray[float32] = _import_numpy().frombuffer(numbers, "<f4").reshape(count, dimensions)
        return array


_BYTES = 4


def check_numpy() -> None:
    """Raise MissingExtra if numpy is not installed. It is not imported."""
    if not _is_numpy_installed():
        raise _build_missing_extra()


@cache
def _is_numpy_installed() -> bool:
    return find_spec("numpy") is not None


def _build_missing_extra() -> MissingExtra:
    return MissingExtra("numpy", 'output="numpy"', "pip install numpy")


def _import_numpy() -> Any:
    try:
        import numpy as np  # noqa: PLC0415  # optional, and slow to import
    except ImportError:
        raise _build_missing_extra() from None
    return np


# Responses


class ArraysReader(Value):
    """
    Reads the JSON of a response, with the numbers of its embeddings as float32.

    A response with anything but lists of numbers where they are expected is read as for ``output="tuples"``, and its
    numbers rounded. So all that is repaired there is repaired here, and the errors are the same.
    """

    wire_type: Any
    decode: EmbeddingsDecoder
    path: str
    """Path to the numbers of an embedding in the JSON, with ``{}`` for its index."""

    def __call__(self, text: bytes | memoryview) -> EmbedContentArrayResponse:
        text = bytes(text)
        response = self._read_cut(text) or self._read_whole(text)
        _check_dimensions(response.embeddings, self.path, text)
        return response

    def _read_cut(self, text: bytes) -> EmbedContentArrayResponse | None:
        cut = cut_number_lists(text, "values", self.decode.expected)
        if cut is None:
            return None
        try:
            response = self.decode(parse_json(self.wire_type, cut.text))
        except Exception:  # noqa: BLE001  # whatever it is, reading the whole text raises it with the text and place
            return None
        indexes = tuple(each.values for each in response.embeddings)
        if indexes != tuple((index,) for index in range(len(cut.lists))):  # some lists were elsewhere
            return None
        return _build_response(response, cut.lists)

    def _read_whole(self, text: bytes) -> EmbedContentArrayResponse:
        response = self.decode(parse_json(self.wire_type, text))
        return _build_response(response, tuple(pack_float32(each.values) for each in response.embeddings))


def _build_response(response: EmbedContentResponse, vectors: tuple[bytes, ...]) -> EmbedContentArrayResponse:
    embeddings = tuple(map(_build_embedding, response.embeddings, vectors))
    return copy_fields(EmbedContentArrayResponse, response, embeddings=embeddings)


def _build_embedding(embedding: ContentEmbedding, data: bytes) -> ContentEmbeddingArray:
    return ContentEmbeddingArray(data=data, statistics=embedding.statistics, extra=embedding.extra)


def _check_dimensions(embeddings: tuple[ContentEmbeddingArray, ...], path: str, text: bytes) -> None:
    """Raise DecodeError for the first embedding that has not as many numbers as the first of all."""
    for index, each in enumerate(embeddings):
        expected, received = len(embeddings[0].data) // _BYTES, len(each.data) // _BYTES
        if received != expected:
            raise DecodeError(
                f"{expected} numbers, as in the first embedding, got {received}",
                path.format(index),
                truncate_text(text),
            )
