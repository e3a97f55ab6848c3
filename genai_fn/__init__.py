"""
Google's generative models as immutable requests: build a value, run it with any interpreter.

::

    from genai_fn import Failure, Success, generate, run, with_config

    match run(generate("gemini-2.5-flash", "Why is the sky blue?") | with_config(temperature=0.2)):
        case Success(response): print(response.text)
        case Failure(error):    print(error)

Public names are loaded at their first use, so importing this package loads no network stack.

- ``schema``: the types of the API.
- ``ops``: the operations of the API, a module or folder for each resource.
- ``flows``, ``modifiers``: several requests as one value, and what follows ``|``.
- ``request``, ``effects``, ``commands``, ``streams``, ``options``: requests, flows and streams, and what they yield.
- ``backend``, ``http``, ``errors``, ``events``, ``results``, ``values``: the values that all parts use.
- ``wire``, ``live_protocol``: encoding, decoding, and the protocol of Live sessions. No I/O.
- ``engine``, ``retry``: executes requests and flows as generators of effects.
- ``interpreters``: performs the effects, sync or async.
- ``testing``, ``emulator``: fakes, recordings, strategies, and the API as a local server.
- ``cli``: the command ``genai-fn``.
- ``codec``, ``masking``, ``extras``, ``lazy_names``: helpers.
"""

from typing import TYPE_CHECKING

from genai_fn.lazy_names import defer_imports

__version__ = "0.1.0"

if TYPE_CHECKING:
    from genai_fn import schema as schema
    from genai_fn.backend import Backend as Backend
    from genai_fn.backend import Gemini as Gemini
    from genai_fn.backend import Vertex as Vertex
    from genai_fn.backend import backend_from_env as backend_from_env
    from genai_fn.commands import ask as ask
    from genai_fn.commands import attempt as attempt
    from genai_fn.commands import emit as emit
    from genai_fn.commands import sleep as sleep
    from genai_fn.errors import APIError as APIError
    from genai_fn.errors import AsyncOnly as AsyncOnly
    from genai_fn.errors import AuthError as AuthError
    from genai_fn.errors import ClientError as ClientError
    from genai_fn.errors import Closed as Closed
    from genai_fn.errors import ConnectError as ConnectError
    from genai_fn.errors import CountMismatch as CountMismatch
    from genai_fn.errors import DecodeError as DecodeError
    from genai_fn.errors import Disconnected as Disconnected
    from genai_fn.errors import FunctionCallError as FunctionCallError
    from genai_fn.errors import GenaiError as GenaiError
    from genai_fn.errors import InvalidRequest as InvalidRequest
    from genai_fn.errors import LiveClosed as LiveClosed
    from genai_fn.errors import MissingExtra as MissingExtra
    from genai_fn.errors import NoAnswer as NoAnswer
    from genai_fn.errors import NoText as NoText
    from genai_fn.errors import OperationFailed as OperationFailed
    from genai_fn.errors import PageLoop as PageLoop
    from genai_fn.errors import RateLimited as RateLimited
    from genai_fn.errors import ServerError as ServerError
    from genai_fn.errors import TimedOut as TimedOut
    from genai_fn.errors import TransportError as TransportError
    from genai_fn.errors import Truncated as Truncated
    from genai_fn.errors import Unsupported as Unsupported
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
    from genai_fn.ops.embed import embed as embed
    from genai_fn.ops.embed.many import embed_many as embed_many
    from genai_fn.ops.generate import generate as generate
    from genai_fn.options import Retry as Retry
    from genai_fn.options import Timeouts as Timeouts
    from genai_fn.request import Action as Action
    from genai_fn.request import Flow as Flow
    from genai_fn.request import Live as Live
    from genai_fn.request import Modifier as Modifier
    from genai_fn.request import Operation as Operation
    from genai_fn.request import Request as Request
    from genai_fn.request import Stream as Stream
    from genai_fn.request import flow as flow
    from genai_fn.request import stream as stream
    from genai_fn.results import Failure as Failure
    from genai_fn.results import Result as Result
    from genai_fn.results import Success as Success
    from genai_fn.results import ok as ok
    from genai_fn.results import raise_for as raise_for
    from genai_fn.streams import gather as gather
    from genai_fn.wire import decode as decode
    from genai_fn.wire import encode as encode
else:
    __getattr__, __dir__ = defer_imports(globals())
