"""Requests of every operation there is, made by the builders that people call."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, TypeVar, cast, overload

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from msgspec.structs import replace

from genai_fn import schema
from genai_fn.errors import InvalidRequest
from genai_fn.ops import tokens
from genai_fn.ops.downloads import fetch
from genai_fn.ops.uploads import QueryUpload, SendPiece, StartStoreUpload, StartUpload
from genai_fn.request import Operation, Request
from genai_fn.testing.strategies.arguments import BUILDERS, STORES, Given, arguments, asked, names
from genai_fn.testing.strategies.types import of, texts

__all__ = ["OPERATIONS", "requests"]

T = TypeVar("T")


@overload
def requests() -> SearchStrategy[Request[Any]]: ...
@overload
def requests(kind: type[Operation[T]], /) -> SearchStrategy[Request[T]]: ...
@overload
def requests(*kinds: type[Operation[Any]] | str) -> SearchStrategy[Request[Any]]: ...
def requests(*kinds: Any) -> SearchStrategy[Request[Any]]:
    """
    Draw requests: of any operation, or of those that are named.

    They are all that a program may build, so a backend may refuse what is in them. Steps of uploads, streams and counts
    of whole requests are operations, too.

    Args:
        kinds: Classes of operations, or their names, as in ``requests("generate", "files.get")``.
    """
    return _requests(*map(_name, kinds))


@st.composite
def _requests(draw: DrawFn, *names: str) -> Request[Any]:
    return draw(st.one_of([OPERATIONS[name] for name in names or OPERATIONS]))


def _name(kind: Any) -> str:
    name = kind if isinstance(kind, str) else getattr(kind, "op", None)
    if name not in OPERATIONS:
        raise InvalidRequest("kinds", kind, f"operations, or their names: {', '.join(OPERATIONS)}")
    return str(name)


def _built(build: Callable[..., Request[Any]], given: SearchStrategy[Given]) -> SearchStrategy[Request[Any]]:
    def attempt(arguments: Given) -> Request[Any] | None:
        try:
            return build(**deepcopy(arguments))
        except InvalidRequest:
            return None

    return cast("SearchStrategy[Request[Any]]", given.map(attempt).filter(bool))


def _steps(kind: type[Operation[Any]], **given: SearchStrategy[Any]) -> SearchStrategy[Request[Any]]:
    return st.fixed_dictionaries(given).map(lambda arguments: Request(kind(**arguments)))


def _streamed(request: Request[Any]) -> Request[Any]:
    return replace(request, operation=request.operation.streaming())


_GENERATING = _built(*BUILDERS["generate"])
_FILE = {"size": st.integers(0, 2**40), "mime_type": st.just("image/png"), "file_name": texts}
_SESSIONS = names("https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=")

OPERATIONS: Mapping[str, SearchStrategy[Request[Any]]] = {
    **{name: _built(*builder) for name, builder in BUILDERS.items()},
    "generate.stream": _GENERATING.map(_streamed),
    "tokens.count.request": _GENERATING.map(tokens.count),
    "operations.get.project": _built(asked(schema.ProjectOperation), arguments(name=names("", "operations/"))),
    "files.download": names("").map(fetch),
    "files.upload.start": _steps(StartUpload, **_FILE, config=of(schema.UploadFileConfig)),
    "stores.upload.start": _steps(
        StartStoreUpload, file_search_store_name=STORES, **_FILE, config=of(schema.UploadToFileSearchStoreConfig)
    ),
    "files.upload.send": _steps(
        SendPiece,
        session=_SESSIONS,
        offset=st.integers(0, 2**40),
        data=st.binary(max_size=9),
        is_last=st.booleans(),
    ),
    "files.upload.query": _steps(QueryUpload, session=_SESSIONS),
}
"""A strategy for each operation, by its name."""
