"""Strategies for the reply to a request: `replies` for whole ones, `chunks` for streams."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from returns.result import Failure

from genai_fn import codec, schema
from genai_fn.http import FileSlice
from genai_fn.ops.embed import EmbedOperation
from genai_fn.ops.embed.arrays import ContentEmbeddingArray, EmbedContentArrayResponse
from genai_fn.ops.files.uploads import SendUploadChunk, UploadProgress
from genai_fn.ops.tokens import ComputeTokens
from genai_fn.request import Operation, Request, kind_of
from genai_fn.schema.annotations import get_defined_fields, iter_types
from genai_fn.schema.base import Message, Page
from genai_fn.testing.strategies.arguments import UPLOAD_URLS, names
from genai_fn.testing.strategies.deferred import defer_strategy
from genai_fn.testing.strategies.responses import media, resources
from genai_fn.testing.strategies.responses.errors import STREAM_ERRORS, broken_sequences, errors as any_error
from genai_fn.testing.strategies.responses.generation import generated_responses
from genai_fn.testing.strategies.responses.stream_chunks import answer_chunks
from genai_fn.testing.strategies.values.types import from_type, texts
from genai_fn.testing.strategies.weighted import weighted_choices
from genai_fn.wire.number_lists import pack_float32

T = TypeVar("T")
M = TypeVar("M", bound=Message)


def replies(request: Request[T], *, errors: bool = False, odd: bool = False) -> SearchStrategy[Any]:
    """
    Draw replies to a request: values of its operation's result type that a service may return.

    They include cases that are rarely tested: truncated, blocked or empty answers, calls of undeclared functions,
    failed operations, pages with a next page. Examples shrink to the most ordinary reply.

    Args:
        request: The request to answer.

        errors: Also draw any error, as a ``Failure``.

        odd: Also draw replies that no service should return: one embedding too few or too many, a page whose next page
            is itself, an upload that has lost a chunk.

    >>> from genai_fn import files
    >>> replies(files.get("abc")).map(lambda file: file.name).example()  # doctest: +SKIP
    'files/abc'
    """
    return defer_strategy(request, lambda: _whole_replies(request.operation, errors=errors, odd=odd))


def chunks(request: Request[Any], *, errors: bool = False, odd: bool = False) -> SearchStrategy[tuple[Any, ...]]:
    """
    Draw the chunks of a streamed reply. Merged by `joined`, they are one of the request's `replies`.

    Args:
        request: The request to answer, streamed or not.

        errors: Also draw streams that end with a ``Failure``, after any number of chunks.

        odd: Also draw streams that stop early, without a finish reason.

    >>> from genai_fn import Success, generate, joined, streamed
    >>> from genai_fn.testing import Fake
    >>> from hypothesis import given, settings
    >>> question = generate("gemini-2.5-flash", "hi")
    >>> @settings(max_examples=5)
    ... @given(chunks(question))
    ... def test_joins_chunks(answer):
    ...     assert isinstance(Fake({"generate": list(answer)})(question | streamed | joined), Success)
    >>> test_joins_chunks()
    """
    return defer_strategy(request, lambda: _chunked_replies(request.operation, errors=errors, odd=odd))


def _whole_replies(operation: Operation[Any], *, errors: bool, odd: bool) -> SearchStrategy[Any]:
    values = _reply_values(operation, odd)
    choices = {"an answer": (1, values), "a failure": (1, any_error().map(Failure))}
    return weighted_choices(choices) if errors else values


def _chunked_replies(operation: Operation[Any], *, errors: bool, odd: bool) -> SearchStrategy[tuple[Any, ...]]:
    whole = _reply_values(operation, odd).flatmap(answer_chunks)
    choices: dict[str, tuple[int, SearchStrategy[Any]]] = {"a stream": (2, whole)}
    if odd:
        choices["a stream that stops"] = (1, whole.flatmap(_stopped_streams))
    if errors:
        choices["a stream that breaks"] = (1, broken_sequences(whole, STREAM_ERRORS.map(Failure)).map(tuple))
        choices["a stream that does not begin"] = (1, any_error().map(lambda error: (Failure(error),)))
    return weighted_choices(choices)


def _stopped_streams(whole: tuple[Any, ...]) -> SearchStrategy[tuple[Any, ...]]:
    return st.integers(0, max(len(whole) - 1, 0)).map(lambda count: whole[:count])


# By the type of the reply


def _reply_values(operation: Operation[Any], odd: bool) -> SearchStrategy[Any]:
    kind = kind_of(operation)
    ordinary = _find_reply_strategy(kind)(operation)
    build_odd = _ODD_STRATEGIES.get(Page if _is_page(kind) else kind)
    if not odd or build_odd is None:
        return ordinary
    return weighted_choices({"an ordinary reply": (2, ordinary), "an odd reply": (1, build_odd(operation))})


def _find_reply_strategy(kind: Any) -> Callable[[Any], SearchStrategy[Any]]:
    """Return the function from an operation to a strategy for its replies, given their type."""
    if kind in REPLY_STRATEGIES:
        return REPLY_STRATEGIES[kind]
    return partial(_pages, kind) if _is_page(kind) else lambda _: from_type(kind)


def _is_page(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Page)


def _resource_names(operation: Any, collection: str) -> SearchStrategy[str]:
    """Draw the full name of the operation's resource; any name in the collection if the operation creates it."""
    name = getattr(operation, "name", None)
    if not isinstance(name, str):
        return names(f"{collection}/")
    return st.just(name if "/" in name else f"{collection}/{name}")


def _resources(
    build: Callable[[SearchStrategy[str]], SearchStrategy[Any]], collection: str, operation: Any
) -> SearchStrategy[Any]:
    return build(_resource_names(operation, collection))


def _named_messages(kind: type[M], name: SearchStrategy[str]) -> SearchStrategy[M]:
    return resources.messages_with(kind, name=name)


def _images(kind: type[Message], operation: Any) -> SearchStrategy[Message]:
    return media.image_responses(kind, operation.config)


def _models(operation: Any) -> SearchStrategy[schema.Model]:
    name = getattr(operation, "model", None)
    return resources.messages_with(schema.Model, name=names("models/") if name is None else st.just(name))


def _token_counts(operation: Any) -> SearchStrategy[schema.CountTokensResponse]:  # noqa: ARG001  # the counts do not depend on the contents
    counts = st.integers(0, 2**20)
    return st.builds(schema.CountTokensResponse, total_tokens=counts, cached_content_token_count=st.none() | counts)


@st.composite
def _token_lists(draw: DrawFn, operation: ComputeTokens) -> schema.ComputeTokensResponse:
    infos: list[schema.TokensInfo] = []
    for each in operation.contents:
        tokens = draw(st.lists(st.tuples(st.integers(0, 2**18), st.binary(max_size=4)), max_size=3))
        ids, contents = tuple(number for number, _ in tokens), tuple(token for _, token in tokens)
        infos.append(schema.TokensInfo(role=each.role, token_ids=ids, tokens=contents))
    return schema.ComputeTokensResponse(tokens_info=tuple(infos))


def _embeddings(operation: EmbedOperation[Any]) -> SearchStrategy[schema.EmbedContentResponse]:
    return _vectors(operation, st.just(len(operation.contents)))


def _miscounted_embeddings(operation: EmbedOperation[Any]) -> SearchStrategy[schema.EmbedContentResponse]:
    count = len(operation.contents)
    return _vectors(operation, st.sampled_from([max(count - 1, 0), count + 1]))


@st.composite
def _vectors(draw: DrawFn, operation: EmbedOperation[Any], counts: SearchStrategy[int]) -> schema.EmbedContentResponse:
    requested = operation.config.output_dimensionality
    size = draw(st.integers(1, 4)) if requested is None else min(max(requested, 1), _MAX_VECTOR_SIZE)
    seeds = [draw(_seeds) for _ in range(draw(counts))]
    vectors = (tuple((seed * (size // len(seed) + 1))[:size]) for seed in seeds)
    return schema.EmbedContentResponse(embeddings=tuple(schema.ContentEmbedding(values=each) for each in vectors))


def _to_arrays(response: schema.EmbedContentResponse) -> EmbedContentArrayResponse:
    vectors = (ContentEmbeddingArray(data=pack_float32(each.values)) for each in response.embeddings)
    return EmbedContentArrayResponse(embeddings=tuple(vectors))


_MAX_VECTOR_SIZE = 3072
_seeds = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=4)
"""Long vectors repeat a short one: drawing thousands of numbers would exceed the entropy limit of Hypothesis."""


# Pages


def _pages(kind: type[Page[Any]], operation: Any) -> SearchStrategy[Page[Any]]:
    return _page_values(kind, operation, _page_tokens(operation))


def _page_tokens(operation: Any) -> SearchStrategy[str | None]:
    """Draw the next page token: mostly None, and never the token of the current page."""
    current = operation.config.page_token
    tokens = texts.filter(lambda token: bool(token) and token != current)
    return weighted_choices({"a last page": (3, st.none()), "a page with a next page": (1, tokens)})


def _looping_pages(operation: Any) -> SearchStrategy[Page[Any]]:
    return _page_values(kind_of(operation), operation, st.just(operation.config.page_token))


@st.composite
def _page_values(draw: DrawFn, kind: type[Page[Any]], operation: Any, tokens: SearchStrategy[str | None]) -> Page[Any]:
    [items] = [each for each in get_defined_fields(kind) if each.name != "next_page_token"]
    size = operation.config.page_size
    max_items = _MAX_PAGE_ITEMS if size is None or size < 1 else min(size, _MAX_PAGE_ITEMS)
    [item_type] = iter_types(items.type)
    drawn: Any = tuple(draw(st.lists(_find_reply_strategy(item_type)(None), max_size=max_items)))
    return kind(**{items.name: drawn}, next_page_token=draw(tokens))


_MAX_PAGE_ITEMS = 3


# Upload steps


def _upload_progress(operation: Any) -> SearchStrategy[UploadProgress]:
    if not isinstance(operation, SendUploadChunk):
        return st.one_of(
            st.builds(UploadProgress, st.just(value=False), st.integers(0, 2**20)), _final_progress(operation)
        )
    size = operation.data.size if isinstance(operation.data, FileSlice) else len(operation.data)
    if operation.is_last:
        return _final_progress(operation)
    return st.just(UploadProgress(is_final=False, received=operation.offset + size))


def _final_progress(operation: Any) -> SearchStrategy[UploadProgress]:
    """Draw the end of an upload: the created file, or the operation that imports it into a store."""
    if ":uploadToFileSearchStore" in operation.session:
        results = resources.upload_operations(names("fileSearchStores/s/upload/operations/")).map(codec.encode)
    else:
        results = resources.files(names("files/")).map(lambda file: codec.encode({"file": file}))
    return st.builds(UploadProgress, st.just(value=True), st.none(), results)


def _lost_progress(operation: Any) -> SearchStrategy[UploadProgress]:
    offset = operation.offset if isinstance(operation, SendUploadChunk) else 0
    return st.integers(0, offset).map(lambda received: UploadProgress(is_final=False, received=received))


_RESOURCES: Mapping[Any, tuple[Callable[[SearchStrategy[str]], SearchStrategy[Any]], str]] = {
    schema.File: (resources.files, "files"),
    schema.CachedContent: (partial(_named_messages, schema.CachedContent), "cachedContents"),
    schema.FileSearchStore: (partial(_named_messages, schema.FileSearchStore), "fileSearchStores"),
    schema.Document: (resources.documents, "fileSearchStores/s/documents"),
    schema.BatchJob: (resources.batches, "batches"),
    schema.DeleteResourceJob: (resources.deletions, "batches"),
    schema.TuningJob: (resources.tunings, "tunedModels"),
    schema.ImportFileOperation: (resources.import_operations, "fileSearchStores/s/operations"),
    schema.UploadToFileSearchStoreOperation: (resources.upload_operations, "fileSearchStores/s/upload/operations"),
    schema.ProjectOperation: (resources.project_operations, "operations"),
}
"""Type of a resource → function from its name to a strategy, and its collection."""

REPLY_STRATEGIES: Mapping[Any, Callable[[Any], SearchStrategy[Any]]] = {
    type(None): lambda _: st.none(),
    bytes: lambda _: st.binary(max_size=20),
    str: lambda _: UPLOAD_URLS,
    UploadProgress: _upload_progress,
    schema.GenerateContentResponse: generated_responses,
    schema.EmbedContentResponse: _embeddings,
    EmbedContentArrayResponse: lambda operation: _embeddings(operation).map(_to_arrays),
    schema.CountTokensResponse: _token_counts,
    schema.ComputeTokensResponse: _token_lists,
    schema.Model: _models,
    schema.RegisterFilesResponse: lambda operation: resources.registrations(len(operation.uris)),
    schema.AuthToken: lambda _: st.builds(schema.AuthToken, name=names("auth_tokens/")),
    schema.ValidateRewardResponse: lambda operation: resources.rewards(operation.composite_reward_config),
    schema.GenerateVideosOperation: lambda operation: resources.video_operations(
        _resource_names(operation, "models/veo/operations"), media.video_responses(getattr(operation, "config", None))
    ),
    schema.SegmentImageResponse: lambda operation: media.mask_responses(operation.config),
    **{kind: partial(_images, kind) for kind in media.IMAGE_RESPONSE_TYPES},
    **{kind: partial(_resources, *each) for kind, each in _RESOURCES.items()},
}
"""Type of a reply → function from an operation to a strategy for its replies. Items of pages are drawn the same way."""

_ODD_STRATEGIES: Mapping[Any, Callable[[Any], SearchStrategy[Any]]] = {
    schema.EmbedContentResponse: _miscounted_embeddings,
    EmbedContentArrayResponse: lambda operation: _miscounted_embeddings(operation).map(_to_arrays),
    Page: _looping_pages,
    UploadProgress: _lost_progress,
}
