"""What requests are answered: `replies` for a whole answer, `chunks` for one that comes in pieces."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args, get_type_hints

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from returns.result import Failure

from genai_fn import codec, schema
from genai_fn.http import FileSlice
from genai_fn.ops.embed import EmbedContent
from genai_fn.ops.tokens import ComputeTokens
from genai_fn.ops.uploads import Progress, SendPiece
from genai_fn.request import Operation, Request, kind_of
from genai_fn.schema._base import Page
from genai_fn.testing.strategies import media, works
from genai_fn.testing.strategies.arguments import names
from genai_fn.testing.strategies.brief import brief
from genai_fn.testing.strategies.faults import BREAKS
from genai_fn.testing.strategies.faults import errors as any_error
from genai_fn.testing.strategies.generated import generated
from genai_fn.testing.strategies.pieces import pieces
from genai_fn.testing.strategies.types import of, texts
from genai_fn.testing.strategies.weights import weighed

__all__ = ["ANSWERS", "chunks", "replies"]

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
    return brief(request, lambda: _whole(request.operation, errors=errors, odd=odd))


def chunks(request: Request[Any], *, errors: bool = False, odd: bool = False) -> SearchStrategy[tuple[Any, ...]]:
    """
    Draw the pieces in which a request may be answered: together they are one of its `replies`.

    Args:
        errors: Whether a ``Failure`` may be the last of them, after any number of others.

        odd: Whether a stream may also just stop, without a word of how it ended.
    """
    return brief(request, lambda: _in_chunks(request.operation, errors=errors, odd=odd))


def _whole(operation: Operation[Any], *, errors: bool, odd: bool) -> SearchStrategy[Any]:
    good = _answers(operation, odd)
    return weighed({"an answer": (1, good), "a failure": (1, any_error().map(Failure))}) if errors else good


def _in_chunks(operation: Operation[Any], *, errors: bool, odd: bool) -> SearchStrategy[tuple[Any, ...]]:
    whole = _answers(operation, odd).flatmap(pieces)
    ways: dict[str, tuple[int, SearchStrategy[Any]]] = {"a stream": (2, whole)}
    if odd:
        ways["a stream that stops"] = (1, whole.flatmap(_begun))
    if errors:
        ways["a stream that breaks"] = (1, _broken(whole))
        ways["a stream that does not begin"] = (1, any_error().map(lambda error: (Failure(error),)))
    return weighed(ways)


def _begun(whole: tuple[Any, ...]) -> SearchStrategy[tuple[Any, ...]]:
    return st.integers(0, max(len(whole) - 1, 0)).map(lambda count: whole[:count])


@st.composite
def _broken(draw: DrawFn, whole: SearchStrategy[tuple[Any, ...]]) -> tuple[Any, ...]:
    said = draw(whole)
    return (*said[: draw(st.integers(0, len(said)))], Failure(draw(BREAKS)))


# By what is answered


def _answers(operation: Operation[Any], odd: bool) -> SearchStrategy[Any]:
    kind = kind_of(operation)
    good = answering(kind)(operation)
    stray = _ODD.get(Page if _is_page(kind) else kind)
    return weighed({"as it should be": (2, good), "odd": (1, stray(operation))}) if odd and stray is not None else good


def answering(kind: Any) -> Callable[[Any], SearchStrategy[Any]]:
    """Say how operations are answered that answer a type."""
    if kind in ANSWERS:
        return ANSWERS[kind]
    return _pages(kind) if _is_page(kind) else lambda _: of(kind)


def _is_page(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Page)


def _named(operation: Any, collection: str) -> SearchStrategy[str]:
    """Give the full name of what an operation is about; what is yet to be made gets some name."""
    name = getattr(operation, "name", None)
    if not isinstance(name, str):
        return names(f"{collection}/")
    return st.just(name if "/" in name else f"{collection}/{name}")


def _model(operation: Any) -> SearchStrategy[schema.Model]:
    name = getattr(operation, "model", None)
    return works.told(schema.Model, name=names("models/") if name is None else st.just(name))


def _counted(operation: Any) -> SearchStrategy[schema.CountTokensResponse]:  # noqa: ARG001  # any is counted alike
    counts = st.integers(0, 2**20)
    return st.builds(schema.CountTokensResponse, total_tokens=counts, cached_content_token_count=st.none() | counts)


@st.composite
def _computed(draw: DrawFn, operation: ComputeTokens) -> schema.ComputeTokensResponse:
    found: list[schema.TokensInfo] = []
    for each in operation.contents:
        tokens = draw(st.lists(st.tuples(st.integers(0, 2**18), st.binary(max_size=4)), max_size=3))
        ids, said = tuple(number for number, _ in tokens), tuple(token for _, token in tokens)
        found.append(schema.TokensInfo(role=each.role, token_ids=ids, tokens=said))
    return schema.ComputeTokensResponse(tokens_info=tuple(found))


def _embedded(operation: EmbedContent) -> SearchStrategy[schema.EmbedContentResponse]:
    return _vectors(operation, st.just(len(operation.contents)))


def _miscounted(operation: EmbedContent) -> SearchStrategy[schema.EmbedContentResponse]:
    asked = len(operation.contents)
    return _vectors(operation, st.sampled_from([max(asked - 1, 0), asked + 1]))


@st.composite
def _vectors(draw: DrawFn, operation: EmbedContent, counts: SearchStrategy[int]) -> schema.EmbedContentResponse:
    asked = operation.config.output_dimensionality
    size = draw(st.integers(1, 4)) if asked is None else min(max(asked, 1), _LONGEST)
    seeds = [draw(_seeds) for _ in range(draw(counts))]
    vectors = (tuple((seed * (size // len(seed) + 1))[:size]) for seed in seeds)
    return schema.EmbedContentResponse(embeddings=tuple(schema.ContentEmbedding(values=each) for each in vectors))


_LONGEST = 3072
_seeds = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=4)
"""A long vector repeats a short one: numbers by the thousand would take all that Hypothesis draws from."""


# Pages


def _pages(kind: type[Page[Any]]) -> Callable[[Any], SearchStrategy[Page[Any]]]:
    return lambda operation: _page(kind, operation, _tokens(operation))


def _tokens(operation: Any) -> SearchStrategy[str | None]:
    """Draw where the list goes on: mostly nowhere, and never where it already is."""
    here = operation.config.page_token
    onwards = texts.filter(lambda token: bool(token) and token != here)
    return weighed({"a last page": (3, st.none()), "a page with more to come": (1, onwards)})


def _circling(operation: Any) -> SearchStrategy[Page[Any]]:
    return _page(kind_of(operation), operation, st.just(operation.config.page_token))


@st.composite
def _page(draw: DrawFn, kind: type[Page[Any]], operation: Any, tokens: SearchStrategy[str | None]) -> Page[Any]:
    [name] = [each for each in kind.__struct_fields__ if each != "next_page_token"]
    size = operation.config.page_size
    most = _MOST if size is None or size < 1 else min(size, _MOST)
    item = answering(get_args(get_type_hints(kind)[name])[0])(None)
    items = tuple(draw(st.lists(item, max_size=most)))
    return kind(**{name: items}, next_page_token=draw(tokens))


_MOST = 3


# Steps of uploads


_sessions = names("https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=")


def _progress(operation: Any) -> SearchStrategy[Progress]:
    if not isinstance(operation, SendPiece):
        return st.one_of(st.builds(Progress, st.just(value=False), st.integers(0, 2**20)), _final(operation))
    size = operation.data.size if isinstance(operation.data, FileSlice) else len(operation.data)
    return (
        _final(operation) if operation.is_last else st.just(Progress(is_final=False, received=operation.offset + size))
    )


def _final(operation: Any) -> SearchStrategy[Progress]:
    """End an upload with what it has become: a file, or its reading into a store that has begun."""
    if ":uploadToFileSearchStore" in operation.session:
        become = works.uploads(names("fileSearchStores/s/upload/operations/")).map(codec.encode)
    else:
        become = works.files(names("files/")).map(lambda file: codec.encode({"file": file}))
    return st.builds(Progress, st.just(value=True), st.none(), become)


def _lost(operation: Any) -> SearchStrategy[Progress]:
    so_far = operation.offset if isinstance(operation, SendPiece) else 0
    return st.integers(0, so_far).map(lambda received: Progress(is_final=False, received=received))


ANSWERS: Mapping[Any, Callable[[Any], SearchStrategy[Any]]] = {
    None: lambda _: st.none(),
    type(None): lambda _: st.none(),
    bytes: lambda _: st.binary(max_size=20),
    str: lambda _: _sessions,
    Progress: _progress,
    schema.GenerateContentResponse: generated,
    schema.EmbedContentResponse: _embedded,
    schema.CountTokensResponse: _counted,
    schema.ComputeTokensResponse: _computed,
    schema.Model: _model,
    schema.File: lambda operation: works.files(_named(operation, "files")),
    schema.CachedContent: lambda operation: works.told(schema.CachedContent, name=_named(operation, "cachedContents")),
    schema.FileSearchStore: lambda operation: works.told(
        schema.FileSearchStore, name=_named(operation, "fileSearchStores")
    ),
    schema.Document: lambda operation: works.documents(_named(operation, "fileSearchStores/s/documents")),
    schema.AuthToken: lambda _: st.builds(schema.AuthToken, name=names("auth_tokens/")),
    schema.BatchJob: lambda operation: works.batches(_named(operation, "batches")),
    schema.DeleteResourceJob: lambda operation: works.deletions(_named(operation, "batches")),
    schema.TuningJob: lambda operation: works.tunings(_named(operation, "tunedModels")),
    schema.GenerateVideosOperation: lambda operation: works.videos(
        _named(operation, "models/veo/operations"), media.films(getattr(operation, "config", None))
    ),
    schema.ImportFileOperation: lambda operation: works.imports(_named(operation, "fileSearchStores/s/operations")),
    schema.UploadToFileSearchStoreOperation: lambda operation: works.uploads(
        _named(operation, "fileSearchStores/s/upload/operations")
    ),
    schema.ProjectOperation: lambda operation: works.projects(_named(operation, "operations")),
    schema.GenerateImagesResponse: lambda operation: media.images(schema.GenerateImagesResponse, operation.config),
    schema.EditImageResponse: lambda operation: media.images(schema.EditImageResponse, operation.config),
    schema.UpscaleImageResponse: lambda operation: media.images(schema.UpscaleImageResponse, operation.config),
    schema.RecontextImageResponse: lambda operation: media.images(schema.RecontextImageResponse, operation.config),
    schema.SegmentImageResponse: lambda operation: media.masks(operation.config),
}
"""By the type of an answer, what an operation is answered that has it; pages are made of these, too."""

_ODD: Mapping[Any, Callable[[Any], SearchStrategy[Any]]] = {
    schema.EmbedContentResponse: _miscounted,
    Page: _circling,
    Progress: _lost,
}
