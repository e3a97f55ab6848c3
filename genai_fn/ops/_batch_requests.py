"""The requests of a batch: what people pass as its source, and how each goes out."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

from msgspec.structs import replace

from genai_fn.backend import Gemini
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.flows.batch_lines import KEY, fitting
from genai_fn.names import model_name, valid_model
from genai_fn.ops._parts import recast
from genai_fn.ops.generate import GenerateBody, GenerateContent, uncalled
from genai_fn.request import Request
from genai_fn.schema import (
    BatchJobSource,
    Content,
    GenerateContentConfig,
    GenerateContentResponse,
    InlinedRequest,
)
from genai_fn.schema._base import Message
from genai_fn.schema._convert import as_struct

__all__ = ["Requests", "SourceLike", "as_source", "requests"]

SourceLike: TypeAlias = (
    str
    | BatchJobSource
    | Mapping[str, Any]
    | Sequence[Request[GenerateContentResponse]]
    | Sequence[InlinedRequest | Mapping[str, Any] | Request[GenerateContentResponse]]
)
"""An address, or the requests themselves."""


def as_source(src: SourceLike, model: str) -> BatchJobSource:
    """Settle what people pass as a batch's source: exactly one place where requests are, or the requests."""
    if isinstance(src, str) and not src.startswith(("gs://", "bq://", "files/")):
        raise InvalidRequest("src", src, "gs://…, bq://… or files/…, or requests")
    source = as_struct(BatchJobSource, _with_requests_settled(src, model), "src")
    places = (source.gcs_uri, source.bigquery_uri, source.file_name, source.inlined_requests)
    if sum(each is not None for each in places) != 1:
        raise InvalidRequest("src", src, "exactly one of gcs_uri, bigquery_uri, file_name and inlined_requests")
    return source


def _with_requests_settled(src: Any, model: str) -> Any:
    if isinstance(src, list | tuple):
        return {"inlined_requests": _settled(cast("Any", src), model)}
    if isinstance(src, BatchJobSource) and src.inlined_requests is not None:
        return replace(src, inlined_requests=_settled(src.inlined_requests, model))
    if isinstance(src, Mapping):
        given = cast("Mapping[str, Any]", src)
        inlined = {name: given[name] for name in ("inlined_requests", "inlinedRequests") if name in given}
        return {**given, **{name: _settled(each, model) for name, each in inlined.items()}}
    return src


def _settled(inlined: Any, model: str) -> Any:
    if not isinstance(inlined, list | tuple):
        return inlined
    requests = enumerate(cast("Sequence[Any]", inlined))
    return tuple(_inlined(each, index, model) for index, each in requests)


def _inlined(each: Any, index: int, model: str) -> InlinedRequest:
    path = f"src.inlined_requests[{index}]"
    if isinstance(each, Request):
        operation = cast("GenerateContent", fitting(cast("Any", each), path))
        if model_name(_ANY, operation.model) != model_name(_ANY, model):
            raise InvalidRequest(f"{path}.model", operation.model, f"{model}, as the batch has one model")
        return InlinedRequest(contents=operation.contents, metadata={KEY: str(index)}, config=operation.config)
    if each is None:
        raise InvalidRequest(path, None, "a generate request, an InlinedRequest or a dict of its fields")
    inlined = as_struct(InlinedRequest, each, path)
    if inlined.contents is None:
        raise InvalidRequest(f"{path}.contents", None, "at least one content")
    if inlined.model is not None:
        valid_model(inlined.model, f"{path}.model")
    try:
        uncalled(_generating(inlined, model).config)
    except InvalidRequest as wrong:
        raise InvalidRequest(f"{path}.{wrong.path}", wrong.value, wrong.expected) from None
    return inlined


_ANY = Gemini()
"""Where a model's short name and its long one are the same."""


def _generating(inlined: InlinedRequest, model: str) -> GenerateContent:
    return GenerateContent(
        model=inlined.model or model,
        contents=cast("tuple[Content, ...]", inlined.contents),
        config=inlined.config or GenerateContentConfig(),
    )


# Out: each is what ``generate`` would send, with its model only where it has one of its own


class _Generate(GenerateBody):
    model: str | None = None


class _Inlined(Message):
    request: _Generate
    metadata: Mapping[str, str] | None = None


class Requests(Message):
    """The requests of a batch, within its source."""

    requests: tuple[_Inlined, ...]


def requests(inlined: Sequence[InlinedRequest], model: str, at: Gemini) -> Requests:
    """Write the requests of a batch."""
    written: list[_Inlined] = []
    refused: list[str] = []
    for index, each in enumerate(inlined):
        try:
            body: Message = _generating(each, model).gemini(at).body
        except Unsupported as error:
            refused += [f"src.inlined_requests[{index}].{path}" for path in error.paths]
            continue
        own = None if each.model is None else model_name(at, each.model)
        written.append(_Inlined(request=recast(_Generate, body, model=own), metadata=each.metadata))
    if refused:
        raise Unsupported(at.title, tuple(refused))
    return Requests(requests=tuple(written))
