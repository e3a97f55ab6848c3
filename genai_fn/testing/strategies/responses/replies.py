"""What requests are answered: `replies` for a whole answer, `chunks` for one that comes in pieces."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args, get_type_hints

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from returns.result import Failure

from genai_fn import codec, schema
from genai_fn.http import FileSlice
from genai_fn.ops.embed import EmbedContent
from genai_fn.ops.files.uploads import SendUploadChunk, UploadProgress
from genai_fn.ops.tokens import ComputeTokens
from genai_fn.request import Operation, Request, kind_of
from genai_fn.schema.base import Page
from genai_fn.testing.strategies.arguments import names
from genai_fn.testing.strategies.deferred import defer_strategy
from genai_fn.testing.strategies.responses import media, resources
from genai_fn.testing.strategies.responses.errors import STREAM_ERRORS
from genai_fn.testing.strategies.responses.errors import errors as any_error
from genai_fn.testing.strategies.responses.generation import generated_responses
from genai_fn.testing.strategies.responses.stream_chunks import answer_chunks
from genai_fn.testing.strategies.values.types import from_type, texts
from genai_fn.testing.strategies.weighted import weighted_choices

__all__ = ["REPLY_STRATEGIES", "chunks", "replies"]

T = TypeVar("T")


def replies(request: Request[T], *, errors: bool = False, odd: bool = False) -> SearchStrategy[Any]:
    """
    Draw what a request may be answered: values of its operation's type, such as the service gives.

    Among these are answers that a program is rarely tried with: cut off, blocked, empty, or calling a function that
    nobody has declared; work that has failed; a list that goes on. Shrinking goes to the plainest.

    Args:
        errors: Whether any error is an answer, too, as a ``Failure``.

        odd: Whether answers may be such as no service should give: a vector less than was asked for, a page that
            points to itself, an upload that has lost a piece.

    >>> from genai_fn import files
    >>> replies(files.get("abc")).map(lambda file: file.name).example()  # doctest: +SKIP
    'files/abc'
    """
    return defer_strategy(request, lambda: _whole_replies(request.operation, errors=errors, odd=odd))


def chunks(request: Request[Any], *, errors: bool = False, odd: bool = False) -> SearchStrategy[tuple[Any, ...]]:
    """
    Draw the pieces in which a request may be answered: together they are one of its `replies`.

    Args:
        errors: Whether a ``Failure`` may be the last of them, after any number of others.

        odd: Whether a stream may also just stop, without a word of how it ended.
    """
    return defer_strategy(request, lambda: _chunked_replies(request.operation, errors=errors, odd=odd))


def _whole_replies(operation: Operation[Any], *, errors: bool, odd: bool) -> SearchStrategy[Any]:
    good = _reply_values(operation, odd)
    return weighted_choices({"an answer": (1, good), "a failure": (1, any_error().map(Failure))}) if errors else good


def _chunked_replies(operation: Operation[Any], *, errors: bool, odd: bool) -> SearchStrategy[tuple[Any, ...]]:
    whole = _reply_values(operation, odd).flatmap(answer_chunks)
    ways: dict[str, tuple[int, SearchStrategy[Any]]] = {"a stream": (2, whole)}
    if odd:
        ways["a stream that stops"] = (1, whole.flatmap(_stopped_streams))
    if errors:
        ways["a stream that breaks"] = (1, _broken_streams(whole))
        ways["a stream that does not begin"] = (1, any_error().map(lambda error: (Failure(error),)))
    return weighted_choices(ways)


def _stopped_streams(whole: tuple[Any, ...]) -> SearchStrategy[tuple[Any, ...]]:
    return st.integers(0, max(len(whole) - 1, 0)).map(lambda count: whole[:count])


@st.composite
def _broken_streams(draw: DrawFn, whole: SearchStrategy[tuple[Any, ...]]) -> tuple[Any, ...]:
    said = draw(whole)
    return (*said[: draw(st.integers(0, len(said)))], Failure(draw(STREAM_ERRORS)))


# By what is answered


def _reply_values(operation: Operation[Any], odd: bool) -> SearchStrategy[Any]:
    kind = kind_of(operation)
    good = find_reply_strategy(kind)(operation)
    stray = _ODD_STRATEGIES.get(Page if _is_page(kind) else kind)
    return (
        weighted_choices({"as it should be": (2, good), "odd": (1, stray(operation))})
        if odd and stray is not None
        else good
    )


def find_reply_strategy(kind: Any) -> Callable[[Any], SearchStrategy[Any]]:
    """Say how operations are answered that answer a type."""
    if kind in REPLY_STRATEGIES:
        return REPLY_STRATEGIES[kind]
    return _make_page_strategy(kind) if _is_page(kind) else lambda _: from_type(kind)


def _is_page(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Page)


def _resource_names(operation: Any, collection: str) -> SearchStrategy[str]:
    """Give the full name of what an operation is about; what is yet to be made gets some name."""
    name = getattr(operation, "name", None)
    if not isinstance(name, str):
        return names(f"{collection}/")
    return st.just(name if "/" in name else f"{collection}/{name}")


def _models(operation: Any) -> SearchStrategy[schema.Model]:
    name = getattr(operation, "model", None)
    return resources.messages_with(schema.Model, name=names("models/") if name is None else st.just(name))


def _token_counts(operation: Any) -> SearchStrategy[schema.CountTokensResponse]:  # noqa: ARG001  # any is counted alike
    counts = st.integers(0, 2**20)
    return st.builds(schema.CountTokensResponse, total_tokens=counts, cached_content_token_count=st.none() | counts)


@st.composite
def _token_lists(draw: DrawFn, operation: ComputeTokens) -> schema.ComputeTokensResponse:
    found: list[schema.TokensInfo] = []
    for each in operation.contents:
        tokens = draw(st.lists(st.tuples(st.integers(0, 2**18), st.binary(max_size=4)), max_size=3))
        ids, said = tuple(number for number, _ in tokens), tuple(token for _, token in tokens)
        found.append(schema.TokensInfo(role=each.role, token_ids=ids, tokens=said))
    return schema.ComputeTokensResponse(tokens_info=tuple(found))


def _embeddings(operation: EmbedContent) -> SearchStrategy[schema.EmbedContentResponse]:
    return _vectors(operation, st.just(len(operation.contents)))


def _miscounted_embeddings(operation: EmbedContent) -> SearchStrategy[schema.EmbedContentResponse]:
    asked = len(operation.contents)
    return _vectors(operation, st.sampled_from([max(asked - 1, 0), asked + 1]))


@st.composite
def _vectors(draw: DrawFn, operation: EmbedContent, counts: SearchStrategy[int]) -> schema.EmbedContentResponse:
    asked = operation.config.output_dimensionality
    size = draw(st.integers(1, 4)) if asked is None else min(max(asked, 1), _MAX_VECTOR_SIZE)
    seeds = [draw(_seeds) for _ in range(draw(counts))]
    vectors = (tuple((seed * (size // len(seed) + 1))[:size]) for seed in seeds)
    return schema.EmbedContentResponse(embeddings=tuple(schema.ContentEmbedding(values=each) for each in vectors))


_MAX_VECTOR_SIZE = 3072
_seeds = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=4)
"""A long vector repeats a short one: numbers by the thousand would take all that Hypothesis draws from."""


# Pages


def _make_page_strategy(kind: type[Page[Any]]) -> Callable[[Any], SearchStrategy[Page[Any]]]:
    return lambda operation: _page_values(kind, operation, _page_tokens(operation))


def _page_tokens(operation: Any) -> SearchStrategy[str | None]:
    """Draw where the list goes on: mostly nowhere, and never where it already is."""
    here = operation.config.page_token
    onwards = texts.filter(lambda token: bool(token) and token != here)
    return weighted_choices({"a last page": (3, st.none()), "a page with more to come": (1, onwards)})


def _looping_pages(operation: Any) -> SearchStrategy[Page[Any]]:
    return _page_values(kind_of(operation), operation, st.just(operation.config.page_token))


@st.composite
def _page_values(draw: DrawFn, kind: type[Page[Any]], operation: Any, tokens: SearchStrategy[str | None]) -> Page[Any]:
    [name] = [each for each in kind.__struct_fields__ if each != "next_page_token"]
    size = operation.config.page_size
    most = _MAX_PAGE_ITEMS if size is None or size < 1 else min(size, _MAX_PAGE_ITEMS)
    item = find_reply_strategy(get_args(get_type_hints(kind)[name])[0])(None)
    items = tuple(draw(st.lists(item, max_size=most)))
    return kind(**{name: items}, next_page_token=draw(tokens))


_MAX_PAGE_ITEMS = 3


# Steps of uploads


_upload_urls = names("https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=")


def _upload_progress(operation: Any) -> SearchStrategy[UploadProgress]:
    if not isinstance(operation, SendUploadChunk):
        return st.one_of(
            st.builds(UploadProgress, st.just(value=False), st.integers(0, 2**20)), _final_progress(operation)
        )
    size = operation.data.size if isinstance(operation.data, FileSlice) else len(operation.data)
    return (
        _final_progress(operation)
        if operation.is_last
        else st.just(UploadProgress(is_final=False, received=operation.offset + size))
    )


def _final_progress(operation: Any) -> SearchStrategy[UploadProgress]:
    """End an upload with what it has become: a file, or its reading into a store that has begun."""
    if ":uploadToFileSearchStore" in operation.session:
        become = resources.upload_operations(names("fileSearchStores/s/upload/operations/")).map(codec.encode)
    else:
        become = resources.files(names("files/")).map(lambda file: codec.encode({"file": file}))
    return st.builds(UploadProgress, st.just(value=True), st.none(), become)


def _lost_progress(operation: Any) -> SearchStrategy[UploadProgress]:
    so_far = operation.offset if isinstance(operation, SendUploadChunk) else 0
    return st.integers(0, so_far).map(lambda received: UploadProgress(is_final=False, received=received))


REPLY_STRATEGIES: Mapping[Any, Callable[[Any], SearchStrategy[Any]]] = {
    None: lambda _: st.none(),
    type(None): lambda _: st.none(),
    bytes: lambda _: st.binary(max_size=20),
    str: lambda _: _upload_urls,
    UploadProgress: _upload_progress,
    schema.GenerateContentResponse: generated_responses,
    schema.EmbedContentResponse: _embeddings,
    schema.CountTokensResponse: _token_counts,
    schema.ComputeTokensResponse: _token_lists,
    schema.Model: _models,
    schema.File: lambda operation: resources.files(_resource_names(operation, "files")),
    schema.CachedContent: lambda operation: resources.messages_with(
        schema.CachedContent, name=_resource_names(operation, "cachedContents")
    ),
    schema.FileSearchStore: lambda operation: resources.messages_with(
        schema.FileSearchStore, name=_resource_names(operation, "fileSearchStores")
    ),
    schema.Document: lambda operation: resources.documents(_resource_names(operation, "fileSearchStores/s/documents")),
    schema.AuthToken: lambda _: st.builds(schema.AuthToken, name=names("auth_tokens/")),
    schema.BatchJob: lambda operation: resources.batches(_resource_names(operation, "batches")),
    schema.DeleteResourceJob: lambda operation: resources.deletions(_resource_names(operation, "batches")),
    schema.TuningJob: lambda operation: resources.tunings(_resource_names(operation, "tunedModels")),
    schema.GenerateVideosOperation: lambda operation: resources.video_operations(
        _resource_names(operation, "models/veo/operations"), media.video_responses(getattr(operation, "config", None))
    ),
    schema.ImportFileOperation: lambda operation: resources.import_operations(
        _resource_names(operation, "fileSearchStores/s/operations")
    ),
    schema.UploadToFileSearchStoreOperation: lambda operation: resources.upload_operations(
        _resource_names(operation, "fileSearchStores/s/upload/operations")
    ),
    schema.ProjectOperation: lambda operation: resources.project_operations(_resource_names(operation, "operations")),
    schema.GenerateImagesResponse: lambda operation: media.image_responses(
        schema.GenerateImagesResponse, operation.config
    ),
    schema.EditImageResponse: lambda operation: media.image_responses(schema.EditImageResponse, operation.config),
    schema.UpscaleImageResponse: lambda operation: media.image_responses(schema.UpscaleImageResponse, operation.config),
    schema.RecontextImageResponse: lambda operation: media.image_responses(
        schema.RecontextImageResponse, operation.config
    ),
    schema.SegmentImageResponse: lambda operation: media.mask_responses(operation.config),
}
"""By the type of an answer, what an operation is answered that has it; pages are made of these, too."""

_ODD_STRATEGIES: Mapping[Any, Callable[[Any], SearchStrategy[Any]]] = {
    schema.EmbedContentResponse: _miscounted_embeddings,
    Page: _looping_pages,
    UploadProgress: _lost_progress,
}
