"""The source of a batch: converts what callers pass, and encodes the requests in it and the new batch."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from msgspec.structs import replace

from genai_fn.backend import Gemini
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.ops.batches.lines import REQUEST_KEY, check_same_model, get_batch_operation
from genai_fn.ops.generate import GenerateBody, GenerateContent, refuse_automatic_calling
from genai_fn.ops.request_parts import copy_fields
from genai_fn.request import Request
from genai_fn.schema.base import Message, OpenMessage
from genai_fn.schema.batches import DATASET_NAME, BatchJobSource, InlinedRequest
from genai_fn.schema.convert import as_struct
from genai_fn.schema.generation import GenerateContentConfig
from genai_fn.schema.operations import WebhookConfig
from genai_fn.schema.responses import GenerateContentResponse
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

if TYPE_CHECKING:
    from genai_fn.schema.content import Content

__all__ = [
    "CreateGeminiBatchBody",
    "GeminiBatch",
    "GeminiBatchInput",
    "InlinedRequestBody",
    "InlinedRequestsBody",
    "SourceLike",
    "encode_requests",
    "parse_source",
]

SourceLike: TypeAlias = (
    str
    | BatchJobSource
    | Mapping[str, Any]
    | Sequence[Request[GenerateContentResponse]]
    | Sequence[InlinedRequest | Mapping[str, Any] | Request[GenerateContentResponse]]
)
"""The URI or name of a source, or the requests themselves."""


def parse_source(src: SourceLike, model: str) -> BatchJobSource:
    """
    Convert the source of a batch.

    Requests in it become `InlinedRequest`s; `model` is the model of the batch, which theirs must equal.

    Raises:
        InvalidRequest: If it is not exactly one file, table, dataset or list of requests, or if a request is not
            possible in a batch.
    """
    if isinstance(src, str) and not (src.startswith(("gs://", "bq://", "files/")) or DATASET_NAME.fullmatch(src)):
        raise InvalidRequest("src", src, "gs://…, bq://…, files/… or projects/…/locations/…/datasets/…, or requests")
    source = as_struct(BatchJobSource, _convert_source_requests(src, model), "src")
    if sum(getattr(source, name) is not None for name in _SOURCE_FIELDS) != 1:
        raise InvalidRequest("src", src, f"exactly one of {', '.join(_SOURCE_FIELDS)}")
    return source


_SOURCE_FIELDS = ("gcs_uri", "bigquery_uri", "vertex_dataset_name", "file_name", "inlined_requests")


def _convert_source_requests(src: Any, model: str) -> Any:
    """Convert the requests in a source of any accepted type; a list becomes a mapping with ``inlined_requests``."""
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
        operation = get_batch_operation(cast("Any", each), path)
        check_same_model(operation.model, model, _ANY_BACKEND, f"{path}.model")
        return InlinedRequest(contents=operation.contents, metadata={REQUEST_KEY: str(index)}, config=operation.config)
    if each is None:
        raise InvalidRequest(path, None, "a generate request, an InlinedRequest or a dict of its fields")
    inlined = as_struct(InlinedRequest, each, path)
    if inlined.contents is None:
        raise InvalidRequest(f"{path}.contents", None, "at least one content")
    if inlined.model is not None:
        check_model_name(inlined.model, f"{path}.model")
    if inlined.config is not None:
        try:
            refuse_automatic_calling(inlined.config)
        except InvalidRequest as wrong:
            raise InvalidRequest(f"{path}.{wrong.path}", wrong.value, wrong.expected) from None
    return inlined


_ANY_BACKEND = Gemini()
"""Resolves the short and the long name of a model to the same name, to compare models without the caller's backend."""


def _to_generate_operation(inlined: InlinedRequest, model: str) -> GenerateContent:
    return GenerateContent(
        model=inlined.model or model,
        contents=cast("tuple[Content, ...]", inlined.contents),
        config=inlined.config or GenerateContentConfig(),
    )


# A new batch on the Gemini Developer API: its requests, or a file with them


class InlinedRequestBody(OpenMessage):
    """A request of a batch, as it is sent: the body of ``generate``, or a request for an embedding."""

    request: Message
    metadata: Mapping[str, str] | None = None


class InlinedRequestsBody(Message):
    """The requests of a batch, as they are sent."""

    requests: tuple[InlinedRequestBody, ...]


class GeminiBatchInput(OpenMessage):
    """The source of a batch, as it is sent."""

    file_name: str | None = None
    requests: InlinedRequestsBody | None = None


class GeminiBatch(Message):
    """A new batch, as it is sent."""

    input_config: GeminiBatchInput
    display_name: str | None = None
    webhook_config: WebhookConfig | None = None


class CreateGeminiBatchBody(Message):
    """Body of the request that creates a batch."""

    batch: GeminiBatch


# Each request is the body of ``generate``, with a model only if the request has its own


class _GenerateRequestBody(GenerateBody):
    model: str | None = None


def encode_requests(inlined: Sequence[InlinedRequest], model: str, at: Gemini) -> InlinedRequestsBody:
    """Encode the requests of a batch; raise `Unsupported` with the paths of all fields that Gemini does not have."""
    bodies: list[InlinedRequestBody] = []
    unsupported: list[str] = []
    for index, each in enumerate(inlined):
        try:
            body: Message = _to_generate_operation(each, model).gemini(at).body
        except Unsupported as error:
            unsupported += [f"src.inlined_requests[{index}].{path}" for path in error.paths]
            continue
        model_name = None if each.model is None else resolve_model_name(at, each.model)
        bodies.append(
            InlinedRequestBody(
                request=copy_fields(_GenerateRequestBody, body, model=model_name),
                metadata=each.metadata,
                extra=each.extra,
            )
        )
    if unsupported:
        raise Unsupported(at.title, tuple(unsupported))
    return InlinedRequestsBody(requests=tuple(bodies))
