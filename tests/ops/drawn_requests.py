"""Every operation there is, as a class, and as requests that Hypothesis draws."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from genai_fn import schema
from genai_fn.errors import InvalidRequest
from genai_fn.ops import tokens
from genai_fn.ops.downloads import DownloadFile
from genai_fn.ops.uploads import QueryUpload, SendPiece, StartStoreUpload, StartUpload
from genai_fn.request import Operation, Refusal, Request
from genai_fn.testing.strategies import of, texts
from tests.ops.drawing import CALLS, STORES, Given, arguments, asked, names


def classes(kind: type[Any] = Operation) -> Iterator[type[Operation[Any]]]:
    """Give every operation there is, as a class."""
    for each in kind.__subclasses__():
        if hasattr(each, "op") and each.__module__.startswith("genai_fn."):
            yield each
        yield from classes(each)


def has(operation: str, backend: str) -> bool:
    """Tell whether a backend has an operation."""
    [kind] = [each for each in classes() if each.op == operation]
    return getattr(kind, backend).__annotations__["return"] is not Refusal


def _built(build: Callable[..., Request[Any]], given: SearchStrategy[Given]) -> SearchStrategy[Request[Any]]:
    def attempt(arguments: Given) -> Request[Any] | None:
        try:
            return build(**deepcopy(arguments))
        except InvalidRequest:
            return None

    return given.map(attempt).filter(lambda request: request is not None)  # type: ignore[return-value]  # None is out


def _more() -> Iterator[tuple[str, SearchStrategy[Request[Any]]]]:
    """Give what google-genai has no method for: the steps of uploads, streams, counts of requests."""
    generating = REQUESTS_OF["generate"]
    file = {"size": st.integers(0, 2**40), "mime_type": st.just("image/png"), "file_name": texts}
    session = {"session": names("https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=")}
    piece = {"offset": st.integers(0, 2**40), "data": st.binary(max_size=9), "is_last": st.booleans()}
    yield "generate.stream", generating.map(lambda request: Request(request.operation.streaming()))  # type: ignore[arg-type]  # it has one
    yield "tokens.count.request", generating.map(tokens.count)
    yield "operations.get.project", _built(asked(schema.ProjectOperation), arguments(name=names("", "operations/")))
    yield "files.download", names("").map(lambda name: Request(DownloadFile(name=name)))
    yield "files.upload.start", _steps(StartUpload, **file, config=of(schema.UploadFileConfig))
    yield (
        "stores.upload.start",
        _steps(
            StartStoreUpload, file_search_store_name=STORES, **file, config=of(schema.UploadToFileSearchStoreConfig)
        ),
    )
    yield "files.upload.send", _steps(SendPiece, **session, **piece)
    yield "files.upload.query", _steps(QueryUpload, **session)


def _steps(kind: type[Operation[Any]], **given: SearchStrategy[Any]) -> SearchStrategy[Request[Any]]:
    return st.fixed_dictionaries(given).map(lambda arguments: Request(kind(**arguments)))


REQUESTS_OF = {call.name: _built(call.build, call.given) for call in CALLS}
REQUESTS: Mapping[str, SearchStrategy[Request[Any]]] = {**REQUESTS_OF, **dict(_more())}
"""A strategy for each operation."""


def requests() -> SearchStrategy[Request[Any]]:
    """Draw requests of any kind."""
    return st.one_of(list(REQUESTS.values()))
