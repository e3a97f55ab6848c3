"""
Google's generative models as immutable requests: build a value, run it in any world.

::

    from genai_fn import Failure, Success, generate, run, with_config

    match run(generate("gemini-2.5-flash", "Why is the sky blue?") | with_config(temperature=0.2)):
        case Success(response): print(response.text)
        case Failure(error):    print(error)

The names are loaded at their first use: importing this package loads no network stack.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genai_fn import schema as schema
    from genai_fn.backend import Backend, Gemini, Vertex, backend_from_env
    from genai_fn.errors import (
        APIError,
        AuthError,
        ClientError,
        Closed,
        ConnectError,
        CountMismatch,
        DecodeError,
        Disconnected,
        FunctionCallError,
        GenaiError,
        InvalidRequest,
        LiveClosed,
        NoAnswer,
        NoText,
        NotInThisWorld,
        OperationFailed,
        PageLoop,
        RateLimited,
        ServerError,
        TimedOut,
        TransportError,
        Truncated,
        Unsupported,
    )
    from genai_fn.flows import chats as chats
    from genai_fn.flows.embedding import embed_many
    from genai_fn.flows.gathering import gather
    from genai_fn.flows.paging import next_page
    from genai_fn.flows.polling import until_done
    from genai_fn.flows.structured import Parsed, parse
    from genai_fn.flows.together import both
    from genai_fn.flows.turns import Chat, Turn
    from genai_fn.http import HttpRequest, HttpResponse, Replied
    from genai_fn.interpret.aio import AsyncHttp
    from genai_fn.interpret.ambient import arun, run
    from genai_fn.interpret.interpreters import AsyncInterpreter, Interpreter
    from genai_fn.interpret.live import Session
    from genai_fn.interpret.offline import Offline
    from genai_fn.interpret.sync import Http
    from genai_fn.modifiers import (
        calling,
        collected,
        each,
        items,
        joined,
        pages,
        returning,
        streamed,
        text,
        with_config,
        with_http_response,
        with_options,
        with_system,
        with_tools,
    )
    from genai_fn.ops import auth_tokens as auth_tokens
    from genai_fn.ops import batches as batches
    from genai_fn.ops import caches as caches
    from genai_fn.ops import files as files
    from genai_fn.ops import images as images
    from genai_fn.ops import live as live
    from genai_fn.ops import models as models
    from genai_fn.ops import operations as operations
    from genai_fn.ops import stores as stores
    from genai_fn.ops import tokens as tokens
    from genai_fn.ops import tunings as tunings
    from genai_fn.ops import videos as videos
    from genai_fn.ops.embed import embed
    from genai_fn.ops.generate import generate
    from genai_fn.options import Retry, Timeouts
    from genai_fn.request import Action, Flow, Live, Modifier, Operation, Request, Stream
    from genai_fn.results import Failure, Result, Success, ok, raise_for
    from genai_fn.steps import ask, attempt, emit, flow, sleep, stream
    from genai_fn.wire import decode, encode

_PLACES = {
    "backend": ("Backend", "Gemini", "Vertex", "backend_from_env"),
    "errors": (
        "APIError",
        "AuthError",
        "ClientError",
        "Closed",
        "ConnectError",
        "CountMismatch",
        "DecodeError",
        "Disconnected",
        "FunctionCallError",
        "GenaiError",
        "InvalidRequest",
        "LiveClosed",
        "NoAnswer",
        "NoText",
        "NotInThisWorld",
        "OperationFailed",
        "PageLoop",
        "RateLimited",
        "ServerError",
        "TimedOut",
        "TransportError",
        "Truncated",
        "Unsupported",
    ),
    "flows.embedding": ("embed_many",),
    "flows.gathering": ("gather",),
    "flows.paging": ("next_page",),
    "flows.polling": ("until_done",),
    "flows.structured": ("Parsed", "parse"),
    "flows.together": ("both",),
    "flows.turns": ("Chat", "Turn"),
    "http": ("HttpRequest", "HttpResponse", "Replied"),
    "interpret.aio": ("AsyncHttp",),
    "interpret.ambient": ("arun", "run"),
    "interpret.interpreters": ("AsyncInterpreter", "Interpreter"),
    "interpret.live": ("Session",),
    "interpret.offline": ("Offline",),
    "interpret.sync": ("Http",),
    "modifiers": (
        "calling",
        "collected",
        "each",
        "items",
        "joined",
        "pages",
        "returning",
        "streamed",
        "text",
        "with_config",
        "with_http_response",
        "with_options",
        "with_system",
        "with_tools",
    ),
    "ops.embed": ("embed",),
    "ops.generate": ("generate",),
    "options": ("Retry", "Timeouts"),
    "request": ("Action", "Flow", "Live", "Modifier", "Operation", "Request", "Stream"),
    "results": ("Failure", "Result", "Success", "ok", "raise_for"),
    "steps": ("ask", "attempt", "emit", "flow", "sleep", "stream"),
    "wire": ("decode", "encode"),
}
_RESOURCES = (
    "auth_tokens",
    "batches",
    "caches",
    "files",
    "images",
    "live",
    "models",
    "operations",
    "stores",
    "tokens",
    "tunings",
    "videos",
)
_MODULES = {"schema": "schema", "chats": "flows.chats"} | {name: f"ops.{name}" for name in _RESOURCES}
_PLACE = {name: place for place, names in _PLACES.items() for name in names}

__version__ = "0.1.0"
__all__ = [  # noqa: RUF022  # by what they are for
    # build
    "auth_tokens",
    "batches",
    "caches",
    "chats",
    "embed",
    "files",
    "generate",
    "images",
    "live",
    "models",
    "operations",
    "stores",
    "tokens",
    "tunings",
    "videos",
    # shape
    "calling",
    "collected",
    "each",
    "items",
    "joined",
    "pages",
    "returning",
    "streamed",
    "text",
    "until_done",
    "with_config",
    "with_http_response",
    "with_options",
    "with_system",
    "with_tools",
    # combine, and write one's own
    "ask",
    "attempt",
    "both",
    "embed_many",
    "emit",
    "flow",
    "gather",
    "next_page",
    "sleep",
    "stream",
    # run
    "AsyncHttp",
    "Gemini",
    "Http",
    "Offline",
    "Retry",
    "Timeouts",
    "Vertex",
    "arun",
    "backend_from_env",
    "decode",
    "encode",
    "run",
    # annotate
    "Action",
    "AsyncInterpreter",
    "Backend",
    "Chat",
    "Flow",
    "HttpRequest",
    "HttpResponse",
    "Interpreter",
    "Live",
    "Modifier",
    "Operation",
    "Parsed",
    "Replied",
    "Request",
    "Session",
    "Stream",
    "Turn",
    "schema",
    # results
    "Failure",
    "Result",
    "Success",
    "ok",
    "parse",
    "raise_for",
    # errors
    "APIError",
    "AuthError",
    "ClientError",
    "Closed",
    "ConnectError",
    "CountMismatch",
    "DecodeError",
    "Disconnected",
    "FunctionCallError",
    "GenaiError",
    "InvalidRequest",
    "LiveClosed",
    "NoAnswer",
    "NoText",
    "NotInThisWorld",
    "OperationFailed",
    "PageLoop",
    "RateLimited",
    "ServerError",
    "TimedOut",
    "TransportError",
    "Truncated",
    "Unsupported",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{_MODULES[name]}")
    place = _PLACE.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{place}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *globals()})
