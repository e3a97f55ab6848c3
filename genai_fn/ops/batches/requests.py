"""The requests of a batch: what people pass as its source, and how each goes out."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

from msgspec.structs import replace

from genai_fn.backend import Gemini
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.ops.batches.lines import REQUEST_KEY, validate_batch_request
from genai_fn.ops.generate import GenerateBody, GenerateContent, refuse_automatic_calling
from genai_fn.ops.request_parts import copy_fields
from genai_fn.request import Request
from genai_fn.schema import (
    BatchJobSource,
    Content,
    GenerateContentConfig,
    GenerateContentResponse,
    InlinedRequest,
)
from genai_fn.schema.base import Message
from genai_fn.schema.convert import as_struct
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

__all__ = ["InlinedRequestsBody", "SourceLike", "encode_requests", "parse_source"]

SourceLike: TypeAlias = (
    str
    | BatchJobSource
    | Mapping[str, Any]
    | Sequence[Request[GenerateContentResponse]]
    | Sequence[InlinedRequest | Mapping[str, Any] | Request[GenerateContentResponse]]
)
"""An address, or the requests themselves."""


def parse_source(src: SourceLike, model: str) -> BatchJobSource:
    """Settle what people pass as a batch's source: exactly one place where requests are, or the requests."""
    if isinstance(src, str) and not src.startswith(("gs://", "bq://", "files/")):
        raise InvalidRequest("src", src, "gs://…, bq://… or files/…, or requests")
    source = as_struct(BatchJobSource, _convert_source_requests(src, model), "src")
    places = (source.gcs_uri, source.bigquery_uri, source.file_name, source.inlined_requests)
    if sum(each is not None for each in places) != 1:
        raise InvalidRequest("src", src, "exactly one of gcs_uri, bigquery_uri, file_name and inlined_requests")
    return source


def _convert_source_requests(src: Any, model: str) -> Any:
    if isinstance(src, list | tuple):
        return {"inlined_requests": _convert_requests(cast("Any", src), model)}
    if isinstance(src, BatchJobSource) and src.inlined_requests is not None:
        return replace(src, inlined_requests=_convert_requests(src.inlined_requests, model))
    if isinstance(src, Mapping):
        given = cast("Mapping[str, Any]", src)
        inlined = {name: given[name] for name in ("inlined_requests", "inlinedRequests") if name in given}
        return {**given, **{name: _convert_requests(each, model) for name, each in inlined.items()}}
    return src


def _convert_requests(inlined: Any, model: str) -> Any:
    if not isinstance(inlined, list | tuple):
        return inlined
    requests = enumerate(cast("Sequence[Any]", inlined))
    return tuple(_convert_request(each, index, model) for index, each in requests)


def _convert_request(each: Any, index: int, model: str) -> InlinedRequest:
    path = f"src.inlined_requests[{index}]"
    if isinstance(each, Request):
        operation = validate_batch_request(cast("Any", each), path)
        if resolve_model_name(_ANY_BACKEND, operation.model) != resolve_model_name(_ANY_BACKEND, model):
            raise InvalidRequest(f"{path}.model", operation.model, f"{model}, as the batch has one model")
        return InlinedRequest(contents=operation.contents, metadata={REQUEST_KEY: str(index)}, config=operation.config)
    if each is None:
        raise InvalidRequest(path, None, "a generate request, an InlinedRequest or a dict of its fields")
    inlined = as_struct(InlinedRequest, each, path)
    if inlined.contents is None:
        raise InvalidRequest(f"{path}.contents", None, "at least one content")
    if inlined.model is not None:
        check_model_name(inlined.model, f"{path}.model")
    try:
        refuse_automatic_calling(_to_generate_operation(inlined, model).config)
    except InvalidRequest as wrong:
        raise InvalidRequest(f"{path}.{wrong.path}", wrong.value, wrong.expected) from None
    return inlined


_ANY_BACKEND = Gemini()
"""Where a model's short name and its long one are the same."""


def _to_generate_operation(inlined: InlinedRequest, model: str) -> GenerateContent:
    return GenerateContent(
        model=inlined.model or model,
        contents=cast("tuple[Content, ...]", inlined.contents),
        config=inlined.config or GenerateContentConfig(),
    )


# Out: each is what ``generate`` would send, with its model only where it has one of its own


class _GenerateRequestBody(GenerateBody):
    model: str | None = None


class _InlinedRequestBody(Message):
    request: _GenerateRequestBody
    metadata: Mapping[str, str] | None = None


class InlinedRequestsBody(Message):
    """The requests of a batch, within its source."""

    requests: tuple[_InlinedRequestBody, ...]


def encode_requests(inlined: Sequence[InlinedRequest], model: str, at: Gemini) -> InlinedRequestsBody:
    """Write the requests of a batch."""
    written: list[_InlinedRequestBody] = []
    refused: list[str] = []
    for index, each in enumerate(inlined):
        try:
            body: Message = _to_generate_operation(each, model).gemini(at).body
        except Unsupported as error:
            refused += [f"src.inlined_requests[{index}].{path}" for path in error.paths]
            continue
        own = None if each.model is None else resolve_model_name(at, each.model)
        written.append(
            _InlinedRequestBody(request=copy_fields(_GenerateRequestBody, body, model=own), metadata=each.metadata)
        )
    if refused:
        raise Unsupported(at.title, tuple(refused))
    return InlinedRequestsBody(requests=tuple(written))
