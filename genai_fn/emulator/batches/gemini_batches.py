"""Batches of the Developer API: each request is handled as if it were sent alone, and fails alone."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from genai_fn import codec
from genai_fn.emulator.batches.gemini_operations import (
    CANCELLED,
    PENDING,
    RUNNING,
    SUCCEEDED,
    EmulatedBatch,
    EmulatedBatchItem,
    EmulatedBatchResponse,
    EmulatedBatchStats,
    StoredBatch,
)
from genai_fn.emulator.contents.embeddings import EmulatedEmbedRequest, build_embedding
from genai_fn.emulator.contents.generation import generate_response
from genai_fn.emulator.contents.prompts import EmulatedGenerateRequest
from genai_fn.emulator.files import find_file, save_generated_file
from genai_fn.emulator.server.faults import EmulatedFault, build_rpc_status, make_invalid_argument
from genai_fn.emulator.server.pagination import build_page_response
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body, parse_message
from genai_fn.emulator.server.responses import EMPTY_RESPONSE, Int64, build_json_response, encode_json
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema.base import Message
from genai_fn.schema.operations import WebhookConfig


class _InlinedRequest(Message):
    request: Any = None
    metadata: Mapping[str, Any] | None = None


class _InlinedRequests(Message):
    requests: tuple[_InlinedRequest, ...] = ()


class _InputConfig(Message):
    file_name: str | None = None
    requests: _InlinedRequests | None = None


class _NewBatch(Message):
    input_config: _InputConfig = _InputConfig()
    display_name: str | None = None
    model: str | None = None
    priority: int | None = None
    webhook_config: WebhookConfig | None = None


class _CreateBatchBody(Message):
    batch: _NewBatch = _NewBatch()


def _create_batch(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    new = parse_body(request, _CreateBatchBody).batch
    kind = "EmbedContentBatch" if request.path.endswith(":asyncBatchEmbedContent") else "GenerateContentBatch"
    items = _parse_items(state, request, new.input_config, _BATCH_KINDS[kind][0])
    state, name = state.assign_name("batches")
    count = Int64(len(items))
    resource = EmulatedBatch(
        type=f"type.googleapis.com/google.ai.generativelanguage.v1main.{kind}",
        name=name,
        model=request.resource_name,
        state=PENDING,
        create_time=request.now,
        update_time=request.now,
        display_name=new.display_name,
        batch_stats=EmulatedBatchStats(request_count=count, pending_request_count=count),
    )
    batch = StoredBatch(resource, kind, items, is_from_file=new.input_config.requests is None)
    return state.with_resource(name, batch), build_json_response(batch.to_operation())


def _parse_items(
    state: EmulatorState, request: EmulatedRequest, source: _InputConfig, kind: type[Message]
) -> tuple[EmulatedBatchItem, ...]:
    """Return the requests of the body, all of which must be valid, or those of a file, whose lines fail one by one."""
    if (source.requests is None) == (source.file_name is None):
        raise make_invalid_argument("* batch.input_config: either requests or file_name is required")
    if source.requests is not None:
        inlined_requests = source.requests.requests
        items = tuple(
            EmulatedBatchItem(codec.encode(each.request or {}), None, each.metadata) for each in inlined_requests
        )
        for each in items:
            parse_message(each.request, kind)
    else:
        data = find_file(state, request, source.file_name or "").data
        items = tuple(_parse_line(each) for each in data.splitlines() if each.strip())
    if not items:
        raise make_invalid_argument("* batch.input_config: at least one request is required")
    return items


class _BatchLine(Message):
    request: msgspec.Raw
    key: str | None = None
    metadata: Mapping[str, Any] | None = None


def _parse_line(text: bytes) -> EmulatedBatchItem:
    """Parse a line of a file. An invalid line becomes an invalid request, so that its response is an error."""
    try:
        line = codec.decode(text, _BatchLine)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return EmulatedBatchItem(text)
    return EmulatedBatchItem(bytes(line.request), line.key, line.metadata)


def _generate_item(state: EmulatorState, request: EmulatedRequest, model: str, text: bytes) -> Any:
    body = parse_message(text, EmulatedGenerateRequest)
    name = body.model or model
    collection = "tunedModels" if name.startswith("tunedModels/") else "models"
    model_id = name.rpartition("/")[2]
    alone = replace(request, path=f"{urlsplit(request.api_root).path}/{collection}/{model_id}:generateContent")
    return generate_response(state, alone, model_id, body)


def _embed_item(_: EmulatorState, __: EmulatedRequest, model: str, text: bytes) -> Any:
    item = parse_message(text, EmulatedEmbedRequest)
    return build_embedding(item.content, item, model)


_BATCH_KINDS: Mapping[str, tuple[type[Message], Callable[[EmulatorState, EmulatedRequest, str, bytes], Any]]] = {
    "GenerateContentBatch": (EmulatedGenerateRequest, _generate_item),
    "EmbedContentBatch": (EmulatedEmbedRequest, _embed_item),
}


def _run_item(
    state: EmulatorState, request: EmulatedRequest, batch: StoredBatch, item: EmulatedBatchItem
) -> EmulatedBatchResponse:
    try:
        response = _BATCH_KINDS[batch.kind][1](state, request, batch.resource.model, item.request)
    except EmulatedFault as fault:
        return EmulatedBatchResponse(key=item.key, error=build_rpc_status(fault), metadata=item.metadata)
    return EmulatedBatchResponse(key=item.key, response=response, metadata=item.metadata)


def _advance_batch(
    state: EmulatorState, request: EmulatedRequest, batch: StoredBatch
) -> tuple[EmulatorState, StoredBatch]:
    """Advance a batch by one state. When it leaves ``RUNNING``, all requests are handled."""
    if batch.resource.state == PENDING:
        return state, batch.update(request.now, state=RUNNING)
    if batch.resource.state != RUNNING:
        return state, batch
    responses = tuple(_run_item(state, request, batch, each) for each in batch.items)
    output: dict[str, Any] = {"inlinedResponses": {"inlinedResponses": responses}}
    if batch.is_from_file:
        lines = b"".join(encode_json(each) + b"\n" for each in responses)
        display_name = f"{batch.resource.name} responses"
        state, file = save_generated_file(state, request, lines, "application/jsonl", display_name=display_name)
        output = {"responsesFile": file.name}
    failed_count = sum(each.error is not None for each in responses)
    stats = EmulatedBatchStats(
        request_count=Int64(len(responses)),
        successful_request_count=Int64(len(responses) - failed_count),
        failed_request_count=Int64(failed_count),
    )
    return state, _finish_batch(batch.update(request.now, batch_stats=stats, output=output), SUCCEEDED, request)


def _finish_batch(batch: StoredBatch, state: str, request: EmulatedRequest) -> StoredBatch:
    return batch.update(request.now, state=state, end_time=request.now)


def _get_batch(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    state, batch = _advance_batch(state, request, state.get_resource(request.resource_name, StoredBatch))
    return state.with_resource(request.resource_name, batch), build_json_response(batch.to_operation())


def _list_batches(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    batches = state.list_resources("batches")[::-1]
    return state, build_page_response("operations", batches, request, StoredBatch.to_operation)


def _cancel_batch(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Cancel a batch. A batch that has ended does not change."""
    batch = state.get_resource(request.resource_name, StoredBatch)
    if batch.resource.end_time is None:
        state = state.with_resource(request.resource_name, _finish_batch(batch, CANCELLED, request))
    return state, EMPTY_RESPONSE


def _delete_batch(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    batch = state.get_resource(request.resource_name, StoredBatch)
    return state.without_resource(batch.resource.name), EMPTY_RESPONSE


ROUTES = (
    ("POST", "{name=models/*}:batchGenerateContent", _create_batch),
    ("POST", "{name=tunedModels/*}:batchGenerateContent", _create_batch),
    ("POST", "{name=models/*}:asyncBatchEmbedContent", _create_batch),
    ("GET", "batches", _list_batches),
    ("GET", "{name=batches/*}", _get_batch),
    ("POST", "{name=batches/*}:cancel", _cancel_batch),
    ("DELETE", "{name=batches/*}", _delete_batch),
)
