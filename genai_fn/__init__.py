"""
Google's generative models as immutable requests: build a value, run it in any world.

::

    from genai_fn import Failure, Success, generate, run, with_config

    match run(generate("gemini-2.5-flash", "Why is the sky blue?") | with_config(temperature=0.2)):
        case Success(response): print(response.text)
        case Failure(error):    print(error)

The names are loaded at their first use: importing this package loads no network stack.
"""

from typing import TYPE_CHECKING

from genai_fn.lazy_names import defer_imports

__version__ = "0.1.0"

if TYPE_CHECKING:
    from genai_fn import schema as schema
    from genai_fn.backend import Backend, Gemini, Vertex, backend_from_env
    from genai_fn.commands import ask, attempt, emit, sleep
    from genai_fn.errors import (
        APIError,
        AsyncOnly,
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
        MissingExtra,
        NoAnswer,
        NoText,
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
    from genai_fn.flows.paging import next_page as next_page
    from genai_fn.flows.parallel import both as both
    from genai_fn.flows.polling import until_done as until_done
    from genai_fn.flows.structured import ParsedResponse as ParsedResponse
    from genai_fn.flows.structured import parse as parse
    from genai_fn.flows.turns import Chat as Chat
    from genai_fn.flows.turns import Turn as Turn
    from genai_fn.http import HttpRequest as HttpRequest
    from genai_fn.http import HttpResponse as HttpResponse
    from genai_fn.http import ValueWithResponse as ValueWithResponse
    from genai_fn.interpreters.async_http import AsyncHttp as AsyncHttp
    from genai_fn.interpreters.default import arun as arun
    from genai_fn.interpreters.default import run as run
    from genai_fn.interpreters.http import Http as Http
    from genai_fn.interpreters.live.session import Session as Session
    from genai_fn.interpreters.offline import Offline as Offline
    from genai_fn.interpreters.protocols import AsyncInterpreter as AsyncInterpreter
    from genai_fn.interpreters.protocols import Interpreter as Interpreter
    from genai_fn.modifiers import calling as calling
    from genai_fn.modifiers import collected as collected
    from genai_fn.modifiers import each as each
    from genai_fn.modifiers import items as items
    from genai_fn.modifiers import joined as joined
    from genai_fn.modifiers import pages as pages
    from genai_fn.modifiers import returning as returning
    from genai_fn.modifiers import streamed as streamed
    from genai_fn.modifiers import text as text
    from genai_fn.modifiers import with_config as with_config
    from genai_fn.modifiers import with_http_response as with_http_response
    from genai_fn.modifiers import with_options as with_options
    from genai_fn.modifiers import with_system as with_system
    from genai_fn.modifiers import with_tools as with_tools
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
    from genai_fn.ops.embed.many import embed_many
    from genai_fn.ops.generate import generate
    from genai_fn.options import Retry, Timeouts
    from genai_fn.request import Action, Flow, Live, Modifier, Operation, Request, Stream, flow, stream
    from genai_fn.results import Failure, Result, Success, ok, raise_for
    from genai_fn.streams import gather
    from genai_fn.wire import decode, encode

_PLACES = {
    "backend": ("Backend", "Gemini", "Vertex", "backend_from_env"),
    "commands": ("ask", "attempt", "emit", "sleep"),
    "errors": (
        "APIError",
        "AsyncOnly",
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
        "MissingExtra",
        "NoAnswer",
        "NoText",
        "OperationFailed",
        "PageLoop",
        "RateLimited",
        "ServerError",
        "TimedOut",
        "TransportError",
        "Truncated",
        "Unsupported",
    ),
    "flows.turns": ("Chat", "Turn"),
    "flows.paging": ("next_page",),
    "flows.parallel": ("both",),
    "flows.polling": ("until_done",),
    "flows.structured": ("ParsedResponse", "parse"),
    "http": ("HttpRequest", "HttpResponse", "ValueWithResponse"),
    "interpreters.async_http": ("AsyncHttp",),
    "interpreters.default": ("arun", "run"),
    "interpreters.http": ("Http",),
    "interpreters.live.session": ("Session",),
    "interpreters.offline": ("Offline",),
    "interpreters.protocols": ("AsyncInterpreter", "Interpreter"),
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
    "ops.embed.many": ("embed_many",),
    "ops.generate": ("generate",),
    "options": ("Retry", "Timeouts"),
    "request": ("Action", "Flow", "Live", "Modifier", "Operation", "Request", "Stream", "flow", "stream"),
    "results": ("Failure", "Result", "Success", "ok", "raise_for"),
    "streams": ("gather",),
    "wire": ("decode", "encode"),
}
_MODULES = {
    "auth_tokens": "ops.auth_tokens",
    "batches": "ops.batches",
    "caches": "ops.caches",
    "chats": "flows.chats",
    "files": "ops.files",
    "images": "ops.images",
    "live": "ops.live",
    "models": "ops.models",
    "operations": "ops.operations",
    "schema": "schema",
    "stores": "ops.stores",
    "tokens": "ops.tokens",
    "tunings": "ops.tunings",
    "videos": "ops.videos",
}
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
    "ParsedResponse",
    "ValueWithResponse",
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
    "MissingExtra",
    "NoAnswer",
    "NoText",
    "AsyncOnly",
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
