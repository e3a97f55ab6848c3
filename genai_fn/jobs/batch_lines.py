"""The lines of a batch job: encodes texts as requests, and decodes vectors and errors, of a file or of the job."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from returns.result import Failure, Result, Success

from genai_fn import codec
from genai_fn.errors import (
    ClientError,
    CountMismatch,
    DecodeError,
    GenaiError,
    OperationFailed,
    RateLimited,
    ServerError,
)
from genai_fn.ops.batches.embeddings import encode_embedding_line
from genai_fn.ops.embed.arrays import ContentEmbeddingArray
from genai_fn.schema.base import Message
from genai_fn.schema.batches import InlinedEmbedContentResponse, InlinedResponse
from genai_fn.schema.content import Content, Part
from genai_fn.schema.embeddings import ContentEmbeddingStatistics, EmbedContentConfig
from genai_fn.wire.lenient_json import truncate_text
from genai_fn.wire.number_lists import cut_number_lists, pack_float32

__all__ = ["RowResult", "are_inlined", "encode_requests", "iter_inlined_results", "iter_results"]

RowResult: TypeAlias = tuple[int | None, Result[Any, GenaiError]]
"""The number of a row and its result; the number is None if the line does not contain it."""


def are_inlined(texts: Sequence[str]) -> bool:
    """Whether a job for these texts contains its requests and results, which saves two files on the server."""
    return len(texts) <= _MAX_INLINED_TEXTS and sum(map(len, texts)) <= _MAX_INLINED_LENGTH


_MAX_INLINED_TEXTS = 100
_MAX_INLINED_LENGTH = 1 << 20
"""Characters; the service accepts 20 MB (https://ai.google.dev/gemini-api/docs/batch-api)."""


def encode_requests(rows: Sequence[int], texts: Sequence[str], config: EmbedContentConfig) -> Iterator[bytes]:
    """Encode texts as lines of a source file; the key of each is the number of its row."""
    for row, text in zip(rows, texts, strict=True):
        content = Content(parts=(Part(text=text),), role="user")
        yield encode_embedding_line(str(row), content, config)


class _LineEmbedding(Message):
    values: tuple[float, ...] = ()


class _LineResponse(Message):
    embedding: _LineEmbedding | None = None
    token_count: int | None = None


class _LineError(Message):
    code: int | None = None
    message: str | None = None


class _Line(Message):
    key: str | None = None
    response: _LineResponse | None = None
    error: _LineError | None = None


def iter_results(path: Path) -> Iterator[RowResult]:
    """Read the results of a file, in its order, one line at a time."""
    with path.open("rb") as file:
        for line in file:
            if not line.isspace():
                yield _parse_line(line)


def _parse_line(text: bytes) -> RowResult:
    """Parse a line, whose numbers are read as float32 without a Python float for each."""
    cut = cut_number_lists(text, "values", 1)
    try:
        line = codec.decode(text if cut is None else cut.text, _Line, strict=False)
        if cut is not None and _get_numbers(line) != _CUT_NUMBERS:  # the list was elsewhere
            cut, line = None, codec.decode(text, _Line, strict=False)
    except (ValueError, RecursionError) as error:  # msgspec's own are ValueErrors
        return None, Failure(DecodeError(f"a line of a batch ({error})", "", truncate_text(text)))
    if line.key is None or not line.key.isdecimal() or len(line.key) > _MAX_DIGITS:
        return None, Failure(DecodeError("a line with the key of its request", "key", truncate_text(text)))
    row, response, numbers = int(line.key), line.response, _get_numbers(line)
    if line.error is not None:
        return row, Failure(_build_error(row, line.error.code, line.error.message))
    data = pack_float32(numbers) if cut is None else cut.lists[0]
    if response is None or not data:
        return row, Failure(DecodeError("a vector or an error", "response", truncate_text(text)))
    return row, _build_success(data, response.token_count)


def _get_numbers(line: _Line) -> tuple[float, ...]:
    """Return the numbers of the embedding of a line; none if it has no embedding."""
    embedding = None if line.response is None else line.response.embedding
    return () if embedding is None else embedding.values


_CUT_NUMBERS = (0,)
"""What replaces the only list of a `CutText`: its index."""
_MAX_DIGITS = 19
"""Of the number of a row; Python refuses to convert texts of thousands of digits."""


def iter_inlined_results(
    rows: Sequence[int], inlined: Sequence[InlinedEmbedContentResponse | InlinedResponse]
) -> Iterator[RowResult]:
    """Read the results that a job contains, in the order of its requests; errors alone are `InlinedResponse`."""
    if len(rows) != len(inlined):
        yield None, Failure(CountMismatch(len(rows), len(inlined)))
        return
    for row, each in zip(rows, inlined, strict=True):
        response = each.response if isinstance(each, InlinedEmbedContentResponse) else None
        embedding = None if response is None else response.embedding
        if each.error is None and response is not None and embedding is not None and embedding.values:
            yield row, _build_success(pack_float32(embedding.values), response.token_count)
        elif each.error is not None:
            yield row, Failure(_build_error(row, each.error.code, each.error.message))
        else:
            yield row, Failure(DecodeError("a vector or an error", "response", repr(each)))


def _build_success(data: bytes, token_count: int | None) -> Result[Any, GenaiError]:
    statistics = None if token_count is None else ContentEmbeddingStatistics(token_count=token_count)
    return Success(ContentEmbeddingArray(data=data, statistics=statistics))


def _build_error(row: int, code: int | None, message: str | None) -> GenaiError:
    """
    Build the error of a request: of a text that is refused, the same as that of a request of its own.

    One that may be gone at the next attempt is an error of the service; all others are `OperationFailed`.
    """
    if code in (_INVALID_ARGUMENT, 400):
        return ClientError(400, "INVALID_ARGUMENT", message or "")
    if code not in _TEMPORARY:
        return OperationFailed(f"row {row}", code, message or "no reason stated")
    kind, status, name = _TEMPORARY[code]
    return kind(status, name, message or "")


_INVALID_ARGUMENT = 3
_TEMPORARY: Mapping[int | None, tuple[type[ClientError | ServerError], int, str]] = {
    1: (ClientError, 499, "CANCELLED"),
    4: (ServerError, 504, "DEADLINE_EXCEEDED"),
    8: (RateLimited, 429, "RESOURCE_EXHAUSTED"),
    10: (ClientError, 409, "ABORTED"),
    13: (ServerError, 500, "INTERNAL"),
    14: (ServerError, 503, "UNAVAILABLE"),
}
"""Codes of ``google.rpc.Code`` that do not concern the text, with the error of a request that fails so."""
