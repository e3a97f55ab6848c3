"""Strategies for requests of every operation, built by the public builders."""

import functools
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, TypeVar, cast, overload

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from msgspec.structs import replace

from genai_fn import schema
from genai_fn.errors import InvalidRequest
from genai_fn.ops import tokens
from genai_fn.ops.embed import EmbedContentArrays
from genai_fn.ops.files.downloads import download_bytes
from genai_fn.ops.files.uploads import QueryUpload, SendUploadChunk, StartStoreUpload, StartUpload
from genai_fn.request import Operation, Request
from genai_fn.testing.strategies.arguments import (
    BUILDERS,
    STORE_NAMES,
    UPLOAD_URLS,
    Arguments,
    make_operation_getter,
    names,
)
from genai_fn.testing.strategies.values.types import from_type, texts

T = TypeVar("T")


@overload
def requests() -> SearchStrategy[Request[Any]]: ...
@overload
def requests(kind: type[Operation[T]], /) -> SearchStrategy[Request[T]]: ...
@overload
def requests(*kinds: type[Operation[Any]] | str) -> SearchStrategy[Request[Any]]: ...
def requests(*kinds: Any) -> SearchStrategy[Request[Any]]:
    """
    Draw requests of any operation, or of the given ones.

    Requests are valid for their builders, but a backend may not support all their fields. Streamed requests and the
    single steps of an upload count as operations.

    Args:
        kinds: Operation classes or operation names, such as ``requests("generate", "files.get")``. Default: all.

    Raises:
        InvalidRequest: If one of `kinds` is not an operation.

    >>> from hypothesis import given, settings
    >>> @settings(max_examples=5)
    ... @given(requests("caches.get", "files.get"))
    ... def test_names(request):
    ...     assert request.operation.name
    >>> test_names()
    """
    return _requests(*map(_resolve_name, kinds))


@st.composite
def _requests(draw: DrawFn, *names: str) -> Request[Any]:
    return draw(_choose_operations(names))


@functools.cache
def _choose_operations(names: tuple[str, ...]) -> SearchStrategy[Request[Any]]:
    return st.one_of([OPERATION_REQUESTS[name] for name in names or OPERATION_REQUESTS])


def _resolve_name(kind: Any) -> str:
    name = kind if isinstance(kind, str) else getattr(kind, "op", None)
    if name not in OPERATION_REQUESTS:
        raise InvalidRequest("kinds", kind, f"operation classes or operation names: {', '.join(OPERATION_REQUESTS)}")
    return str(name)


def _built_requests(
    build: Callable[..., Request[Any]], argument_values: SearchStrategy[Arguments]
) -> SearchStrategy[Request[Any]]:
    """Draw what a builder returns; arguments for which it raises `InvalidRequest` are filtered out."""

    def build_or_none(arguments: Arguments) -> Request[Any] | None:
        try:
            return build(**deepcopy(arguments))
        except InvalidRequest:
            return None

    return cast("SearchStrategy[Request[Any]]", argument_values.map(build_or_none).filter(bool))


def _upload_requests(kind: type[Operation[Any]], **fields: SearchStrategy[Any]) -> SearchStrategy[Request[Any]]:
    return st.fixed_dictionaries(fields).map(lambda arguments: Request(kind(**arguments)))


def _convert_to_stream(request: Request[Any]) -> Request[Any]:
    return replace(request, operation=request.operation.get_streaming_operation())


def _convert_to_arrays(request: Request[Any]) -> Request[Any]:
    """Convert an ``embed`` request to that of ``embed(…, output="numpy")``, which would need numpy."""
    fields = {name: getattr(request.operation, name) for name in request.operation.__struct_fields__}
    return Request(EmbedContentArrays(**fields, output="numpy"))


_GENERATE_REQUESTS = _built_requests(*BUILDERS["generate"])
_UPLOAD_FIELDS = {"size": st.integers(0, 2**40), "mime_type": st.just("image/png"), "file_name": texts}

OPERATION_REQUESTS: Mapping[str, SearchStrategy[Request[Any]]] = {
    **{name: _built_requests(*builder) for name, builder in BUILDERS.items()},
    "generate.stream": _GENERATE_REQUESTS.map(_convert_to_stream),
    "embed.numpy": _built_requests(*BUILDERS["embed"]).map(_convert_to_arrays),
    "tokens.count.request": _GENERATE_REQUESTS.map(tokens.count),
    "operations.get.project": _built_requests(
        make_operation_getter(schema.ProjectOperation), st.fixed_dictionaries({"name": names("", "operations/")})
    ),
    "files.download": names("").map(download_bytes),
    "files.upload.start": _upload_requests(StartUpload, **_UPLOAD_FIELDS, config=from_type(schema.UploadFileConfig)),
    "stores.upload.start": _upload_requests(
        StartStoreUpload,
        file_search_store_name=STORE_NAMES,
        **_UPLOAD_FIELDS,
        config=from_type(schema.UploadToFileSearchStoreConfig),
    ),
    "files.upload.send": _upload_requests(
        SendUploadChunk,
        session=UPLOAD_URLS,
        offset=st.integers(0, 2**40),
        data=st.binary(max_size=9),
        is_last=st.booleans(),
    ),
    "files.upload.query": _upload_requests(QueryUpload, session=UPLOAD_URLS),
}
"""Operation name → strategy for its requests."""
