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
- ``source_code``: writes values as the Python code that builds them, as in their ``repr``.
- ``backend``, ``http``, ``errors``, ``events``, ``results``, ``values``: the values that all parts use.
- ``wire``, ``live_protocol``: encoding, decoding, and the protocol of Live sessions. No I/O.
- ``engine``: executes requests and flows as generators of effects, and retries.
- ``interpreters``: performs the effects, sync or async.
- ``middleware``: rate limits, fallbacks, caches, budgets, traces: wrappers of any interpreter.
- ``local_tokenizer``: counts tokens without a request.
- ``jobs``: embeds any number of texts to Parquet files, which can be interrupted and resumed.
- ``testing``, ``emulator``: fakes, recordings, strategies, and the API as a local server.
- ``cli``: the command ``genai-fn``.
- ``codec``, ``lazy_names``: JSON for all parts, and the loading of public names, and of hints for wrong ones.
"""

from typing import TYPE_CHECKING

from genai_fn.lazy_names import defer_imports

__version__ = "0.1.0"

if TYPE_CHECKING:
    from genai_fn import schema as schema
    from genai_fn.backend import (
        Backend as Backend,
        Gemini as Gemini,
        Vertex as Vertex,
        backend_from_env as backend_from_env,
    )
    from genai_fn.commands import ask as ask, attempt as attempt, emit as emit, sleep as sleep
    from genai_fn.errors import (
        APIError as APIError,
        AsyncOnly as AsyncOnly,
        AuthError as AuthError,
        BudgetExceeded as BudgetExceeded,
        CertificateError as CertificateError,
        ClientError as ClientError,
        Closed as Closed,
        ConnectError as ConnectError,
        CountMismatch as CountMismatch,
        DecodeError as DecodeError,
        Disconnected as Disconnected,
        EmbeddingFailed as EmbeddingFailed,
        FunctionCallError as FunctionCallError,
        GenaiError as GenaiError,
        InvalidRequest as InvalidRequest,
        LiveClosed as LiveClosed,
        MissingExtra as MissingExtra,
        NoAnswer as NoAnswer,
        NoText as NoText,
        OperationFailed as OperationFailed,
        PageLoop as PageLoop,
        QuotaExceeded as QuotaExceeded,
        RateLimited as RateLimited,
        ServerError as ServerError,
        TimedOut as TimedOut,
        TransportError as TransportError,
        Truncated as Truncated,
        Unsupported as Unsupported,
    )
    from genai_fn.flows import chats as chats
    from genai_fn.flows.calling.mcp_sessions import list_mcp_tools as list_mcp_tools
    from genai_fn.flows.paging import next_page as next_page
    from genai_fn.flows.parallel import both as both
    from genai_fn.flows.partial_values import Partial as Partial
    from genai_fn.flows.polling import until_done as until_done
    from genai_fn.flows.structured import ParsedResponse as ParsedResponse, parse as parse
    from genai_fn.flows.turns import Chat as Chat, Turn as Turn
    from genai_fn.http import (
        HttpRequest as HttpRequest,
        HttpResponse as HttpResponse,
        ValueWithResponse as ValueWithResponse,
    )
    from genai_fn.interpreters.async_http import AsyncHttp as AsyncHttp
    from genai_fn.interpreters.curl import to_curl as to_curl
    from genai_fn.interpreters.default import arun as arun, run as run
    from genai_fn.interpreters.http import Http as Http
    from genai_fn.interpreters.live.session import Session as Session
    from genai_fn.interpreters.mcp_servers import mcp_tools as mcp_tools
    from genai_fn.interpreters.offline.interpreter import Offline as Offline
    from genai_fn.interpreters.protocols import AsyncInterpreter as AsyncInterpreter, Interpreter as Interpreter
    from genai_fn.local_tokenizer.tokenizer import LocalTokenizer as LocalTokenizer
    from genai_fn.modifiers import (
        calling as calling,
        collected as collected,
        continued as continued,
        each as each,
        explained as explained,
        items as items,
        joined as joined,
        pages as pages,
        partial as partial,
        retry_invalid as retry_invalid,
        returning as returning,
        streamed as streamed,
        text as text,
        with_config as with_config,
        with_http_response as with_http_response,
        with_model as with_model,
        with_options as with_options,
        with_system as with_system,
        with_tools as with_tools,
    )
    from genai_fn.modifiers.batching import batched as batched
    from genai_fn.ops import (
        auth_tokens as auth_tokens,
        batches as batches,
        caches as caches,
        files as files,
        images as images,
        live as live,
        models as models,
        operations as operations,
        stores as stores,
        tokens as tokens,
        tunings as tunings,
        videos as videos,
    )
    from genai_fn.ops.embed import embed as embed
    from genai_fn.ops.embed.arrays import (
        ContentEmbeddingArray as ContentEmbeddingArray,
        EmbedContentArrayResponse as EmbedContentArrayResponse,
    )
    from genai_fn.ops.embed.many import embed_many as embed_many
    from genai_fn.ops.generate import generate as generate
    from genai_fn.options import Retry as Retry, Timeouts as Timeouts
    from genai_fn.request import (
        Action as Action,
        Flow as Flow,
        Live as Live,
        Modifier as Modifier,
        Operation as Operation,
        Request as Request,
        Stream as Stream,
        flow as flow,
        stream as stream,
    )
    from genai_fn.results import (
        Failure as Failure,
        Result as Result,
        Success as Success,
        ok as ok,
        raise_for as raise_for,
    )
    from genai_fn.schema.plain_data import to_dict as to_dict, to_json as to_json
    from genai_fn.schema.usage import Usage as Usage, get_usage as get_usage
    from genai_fn.streams import gather as gather
    from genai_fn.wire import decode as decode, encode as encode
else:
    __getattr__, __dir__ = defer_imports(globals(), guesses="genai_fn.lazy_names.guesses")
