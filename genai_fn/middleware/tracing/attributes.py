"""Attributes of spans and metrics, by the semantic conventions for generative AI (version 1.43)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from genai_fn.backend import Gemini
from genai_fn.engine.handler import RequestHandler, find_backend
from genai_fn.errors import APIError
from genai_fn.middleware.observers import ObservedCall
from genai_fn.schema.usage import Usage


def find_provider(handler: RequestHandler) -> str:
    """
    Return the conventions' name of the provider: that of the backend of a handler, also of one that middleware wraps.

    It is ``gcp.gemini`` or ``gcp.vertex_ai``; ``gcp.gen_ai`` if the handler has no backend.
    """
    backend = find_backend(handler)
    if backend is None:
        return "gcp.gen_ai"
    return "gcp.gemini" if isinstance(backend, Gemini) else "gcp.vertex_ai"


def _get_operation_name(operation: str) -> str:
    """
    Return the conventions' name of an operation, or the operation itself if they have no name for it.

    >>> _get_operation_name("generate.stream"), _get_operation_name("embed.numpy"), _get_operation_name("files.list")
    ('generate_content', 'embeddings', 'files.list')
    """
    return _OPERATION_NAMES.get(operation.partition(".")[0], operation)


_OPERATION_NAMES = {"generate": "generate_content", "embed": "embeddings"}


def get_error_type(error: BaseException) -> str:
    """Return the type of an error: the HTTP status of an `APIError`, otherwise the name of the class."""
    return str(error.code) if isinstance(error, APIError) else type(error).__name__


def list_request_attributes(call: ObservedCall, provider: str) -> dict[str, Any]:
    """List the attributes of a span that are known before the call."""
    config: Any = getattr(call.request.operation, "config", None)
    found: dict[str, Any] = {
        "gen_ai.operation.name": _get_operation_name(call.operation),
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": call.model,
        "gen_ai.request.stream": True if call.is_stream else None,
        **{f"gen_ai.request.{name}": getattr(config, field, None) for name, field in _CONFIG_FIELDS},
        "gen_ai.output.type": _get_output_type(getattr(config, "response_mime_type", None)),
        "gen_ai.embeddings.dimension.count": getattr(config, "output_dimensionality", None),
    }
    return {name: value for name, value in found.items() if value not in (None, ())}


_CONFIG_FIELDS = (
    ("choice.count", "candidate_count"),
    ("frequency_penalty", "frequency_penalty"),
    ("max_tokens", "max_output_tokens"),
    ("presence_penalty", "presence_penalty"),
    ("seed", "seed"),
    ("stop_sequences", "stop_sequences"),
    ("temperature", "temperature"),
    ("top_k", "top_k"),
    ("top_p", "top_p"),
)


def _get_output_type(mime_type: str | None) -> str | None:
    return _OUTPUT_TYPES.get(mime_type, mime_type) if mime_type is not None else None


_OUTPUT_TYPES = {"text/plain": "text", "application/json": "json"}


def list_response_attributes(call: ObservedCall) -> dict[str, Any]:
    """List the attributes of a span that are known after the call."""
    response: Any = getattr(call.last_value, "value", call.last_value)
    found: dict[str, Any] = {
        "gen_ai.response.finish_reasons": tuple(reason.lower() for reason in call.finish_reasons),
        "gen_ai.response.id": getattr(response, "response_id", None),
        "gen_ai.response.model": getattr(response, "model_version", None),
        "gen_ai.response.time_to_first_chunk": call.first_item if call.is_stream else None,
        "http.request.resend_count": call.attempts - 1 if call.attempts > 1 else None,
        **_list_address_attributes(call.url),
        **(_list_usage_attributes(call.usage) if call.usage is not None else {}),
    }
    if call.error is not None:
        found["error.type"] = get_error_type(call.error)
    elif call.is_left and not call.is_stream:
        found["error.type"] = "cancelled"
    return {name: value for name, value in found.items() if value not in (None, ())}


def _list_address_attributes(url: str) -> dict[str, Any]:
    """List the attributes of a server's address. The port is None if the URL does not contain it."""
    address = urlsplit(url)
    return {"server.address": address.hostname, "server.port": address.port}


def _list_usage_attributes(usage: Usage) -> dict[str, Any]:
    found: dict[str, Any] = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens or None,
        "gen_ai.usage.reasoning.output_tokens": usage.thought_tokens or None,
    }
    for kind, details in (
        ("input_tokens", usage.input_details),
        ("output_tokens", usage.output_details),
        ("cache_read.input_tokens", usage.cached_details),
    ):
        for modality, count in details:
            found[f"gen_ai.usage.{modality.lower()}.{kind}"] = count
    return found


def list_metric_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Select the attributes of a span that its metrics also have: those of low cardinality."""
    return {name: attributes[name] for name in _METRIC_ATTRIBUTES if name in attributes}


_METRIC_ATTRIBUTES = (
    "error.type",
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "server.address",
    "server.port",
)
