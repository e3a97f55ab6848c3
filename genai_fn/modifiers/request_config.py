"""
Modifiers of the request: they change the config, the model or the options of the root request, or of a live session.

The root request is the request that a flow or stream is derived from.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast, overload

import msgspec
from msgspec.structs import replace

from genai_fn import codec
from genai_fn.backend import (
    Backend,
    HeadersLike,
    check_api_version,
    check_backend,
    normalize_base_url,
    normalize_headers,
)
from genai_fn.errors import InvalidRequest
from genai_fn.flows import parallel
from genai_fn.flows.calling import declare_missing_functions, mcp_sessions
from genai_fn.flows.calling.mcp_sessions import McpSession
from genai_fn.flows.roots import change_root
from genai_fn.ops.generate import GenerateContent, refuse_uncalled_functions
from genai_fn.options import Options, Retry, Timeouts, add_hints, check_positive, check_type
from genai_fn.request import Description, Flow, Live, Modifier, Request, Stream
from genai_fn.schema.convert import as_changes, as_value
from genai_fn.schema.tools import ToolLike, is_mcp_session
from genai_fn.values import FrozenDict, FrozenList
from genai_fn.wire.resource_names import check_model_name

if TYPE_CHECKING:
    from typing import Unpack

    from genai_fn.schema.config_dicts.every_field import ConfigFields
    from genai_fn.schema.content import ContentLike

__all__ = [
    "McpToolsModifier",
    "RequestModifier",
    "replace_config",
    "with_config",
    "with_model",
    "with_options",
    "with_system",
    "with_tools",
]

D = TypeVar("D", bound=Request[Any] | Flow[Any] | Stream[Any] | Live[Any])
R = TypeVar("R", bound=Request[Any] | Live[Any])
T = TypeVar("T")


class RequestModifier(Modifier):
    """Changes the root request or a live session; the type of the result stays the same."""

    takes_live: ClassVar[bool] = True

    def __call__(self, description: D) -> D:
        return super().__call__(description)  # type: ignore[no-any-return]  # its function returns the type of its argument


class McpToolsModifier(Modifier):
    """The tools of MCP servers are listed when the description runs, so that a request becomes a flow."""

    takes_live: ClassVar[bool] = True  # to refuse it with a hint

    @overload
    def __call__(self, description: Request[T]) -> Flow[T]: ...
    @overload
    def __call__(self, description: Flow[T]) -> Flow[T]: ...
    @overload
    def __call__(self, description: Stream[T]) -> Stream[T]: ...
    def __call__(self, description: Any) -> Any:
        return super().__call__(description)


def with_config(
    config: "msgspec.Struct | ConfigFields | None" = None, /, **fields: "Unpack[ConfigFields]"
) -> RequestModifier:
    """
    Set fields of the request's config. Later values replace earlier ones, field by field.

    Args:
        config: A config, of which the fields that are not None are set, or a dict of fields, where None unsets a field.

        fields: Single fields, which take precedence over those of ``config``; None unsets a field.

    Raises:
        InvalidRequest: If there is no root request, its operation has no config, a field is unknown or has the wrong
            type, or ``tools`` of a ``generate`` request contains a Python function: see `calling` and `with_tools`.

    >>> from genai_fn import generate
    >>> (generate("m", "hi") | with_config(temperature=0.2, top_k=5) | with_config(top_k=None)).operation.config
    GenerateContentConfig(temperature=0.2)
    """
    copied = sorted([(name, _copy_containers(each)) for name, each in fields.items()])
    return RequestModifier(_apply_config, (_copy_containers(config), tuple(copied)))


def with_model(name: str) -> RequestModifier:
    """
    Set the model of the root request, or of a live session. The last one is used.

    Args:
        name: As in ``generate``. A chat keeps its own model: only this turn is sent to another.

    Raises:
        InvalidRequest: If the name is empty or invalid, there is no root request, or its operation has no model.

    >>> from genai_fn import generate, text
    >>> (generate("gemini-2.5-flash", "hi") | text | with_model("gemini-2.5-pro")).source.operation.model
    'gemini-2.5-pro'
    """
    return RequestModifier(_apply_model, (check_model_name(name, "name"),))


def with_system(content: "ContentLike") -> RequestModifier:
    """
    Set the system instruction.

    Args:
        content: Anything that ``generate`` accepts as one turn.

    Raises:
        InvalidRequest: If the operation has no system instruction, or ``content`` cannot be converted.

    >>> from genai_fn import generate
    >>> request = generate("gemini-2.5-flash", "hi") | with_system("You sell tea.")
    >>> request.operation.config.system_instruction.parts[0].text
    'You sell tea.'
    """
    return with_config(system_instruction=content)


@overload
def with_tools(*tools: ToolLike) -> RequestModifier: ...  # type: ignore[overload-overlap]  # the first that fits
@overload
def with_tools(*tools: ToolLike | McpSession) -> McpToolsModifier: ...
def with_tools(*tools: Any) -> RequestModifier | McpToolsModifier:
    """
    Add tools to those of the request's config. Functions are only declared; to call them, use `calling`.

    Args:
        tools: Functions to declare, function declarations, `Tool`s, values of their fields, such as `GoogleSearch`,
            dicts of the fields of a `Tool`, or client sessions with MCP servers. The tools of a server are listed when
            the request runs, so that it becomes a flow.

    Raises:
        InvalidRequest: If the operation has no tools, a tool cannot be converted, or a session is passed for a live
            session, which takes the functions of `list_mcp_tools`.

    Fails with:
        FunctionCallError: If the tools of a session cannot be listed.

        InvalidRequest: If a tool of a server has the name of another function.

    >>> from genai_fn import generate
    >>> from genai_fn.schema import GoogleSearch
    >>> (generate("m", "hi") | with_tools(GoogleSearch())).operation.config.tools
    (Tool(google_search=GoogleSearch()),)
    """
    sessions = tuple(each for each in tools if is_mcp_session(each))
    if not sessions:
        return RequestModifier(_apply_tools, (_copy_containers(tools),))
    others = tuple(each for each in tools if not is_mcp_session(each))
    return McpToolsModifier(_apply_mcp_tools, (sessions, _copy_containers(others)))


_GUESSES = {
    **dict.fromkeys(("max_retries", "retries", "retry_options"), "{where}(retry=Retry(attempts=…))"),
    "timeout": "{where}(deadline=…) for the whole action, or {where}(timeouts=Timeouts(total=…)) for each request",
}
"""What to write for an option of google-genai's ``HttpOptions``, or of other libraries."""


@add_hints(_GUESSES)
def with_options(
    *,
    timeouts: Timeouts | None = None,
    retry: Retry | None = None,
    deadline: float | None = None,
    headers: HeadersLike | None = None,
    extra_body: Mapping[str, Any] | None = None,
    base_url: str | None = None,
    api_version: str | None = None,
    server_timeout: float | None = None,
    backend: Backend | None = None,
) -> RequestModifier:
    """
    Override options of the interpreter and the backend for this action.

    Args:
        timeouts: Timeouts of single steps, such as connecting.

        retry: Retry policy.

        deadline: Seconds for the whole action: for a flow all its steps, for a stream all its items. Not for live
            sessions.

        headers: Additional headers; they replace headers of the library that have the same name.

        extra_body: Fields to merge deeply into the body, in snake_case or camelCase; lists are replaced.

        base_url: URL of the API, in place of the backend's.

        api_version: Version of the API, such as ``v1alpha``.

        server_timeout: Seconds that the server may take, sent as ``x-server-timeout``; it has no other effect.

        backend: Another backend than the interpreter's. Headers of the interpreter that may be credentials are not sent
            there. A request with a backend that contains a key does not pickle.

    Raises:
        InvalidRequest: If a value has the wrong type, a time is not a positive number, a URL, header or version is
            invalid, there is no root request, or a deadline is set for a live session.

    Fails with:
        TimedOut: If the deadline passes.

    >>> from genai_fn import generate
    >>> generate("gemini-2.5-flash", "hi") | with_options(deadline=20)
    generate("gemini-2.5-flash", "hi") | with_options(deadline=20)
    """
    _check_times(timeouts, retry, deadline=deadline, server_timeout=server_timeout)
    check_backend(backend, "the interpreter's")
    options = Options(
        timeouts=timeouts,
        retry=retry,
        headers=None if headers is None else normalize_headers(headers, "headers"),
        extra_body=as_value(Mapping[str, Any] | None, extra_body, "extra_body"),
        base_url=None if base_url is None else normalize_base_url(base_url),
        api_version=None if api_version is None else check_api_version(api_version),
        server_timeout=server_timeout,
        backend=backend,
    )
    return RequestModifier(_apply_options, (options, deadline))


def _copy_containers(value: Any) -> Any:
    """Copy the dicts and lists in a value, which the caller may change before the modifier is applied."""
    if type(value) in codec.LEAF_TYPES:  # most values are
        return value
    return value if codec.is_too_deep(value) else _copy_nested(value)  # its conversion refuses it


def _copy_nested(value: Any) -> Any:
    if isinstance(value, FrozenDict | FrozenList):
        return cast("Any", value)
    items: Any = value
    if isinstance(value, dict):
        return {key: _copy_nested(each) for key, each in items.items()}
    if isinstance(value, list):
        return [_copy_nested(each) for each in items]
    if type(value) is tuple:
        return tuple(map(_copy_nested, items))
    return tuple(items) if isinstance(value, Iterator) else items  # the modifier may be applied twice


def _check_times(timeouts: Timeouts | None, retry: Retry | None, **seconds: float | None) -> None:
    for path, value in seconds.items():
        if value is not None:
            check_positive(path, value)
    check_type(Timeouts | None, "timeouts", timeouts)
    check_type(Retry | None, "retry", retry)


def _apply_config(description: Description | Live[Any], config: Any, fields: tuple[tuple[str, Any], ...]) -> Any:
    return change_root(description, "with_config", _replace_config, config, fields)


def _replace_config(request: R, config: Any, fields: tuple[tuple[str, Any], ...]) -> R:
    changed = replace_config(request, config, fields)
    if isinstance(changed.operation, GenerateContent):
        for given in (config, dict(fields)):
            refuse_uncalled_functions(given, changed.operation.config)
    return changed


def replace_config(request: R, config: Any, fields: tuple[tuple[str, Any], ...]) -> R:
    """
    Return a request with a changed config: set the fields of `config`, then `fields`.

    In a Struct, None means that a field is not set; in a mapping and in `fields` it unsets the field.
    """
    operation = request.operation
    current = getattr(operation, "config", None)
    if current is None:
        raise InvalidRequest("with_config", operation.op, "an operation with a config")
    kind: type[msgspec.Struct] = current.__class__
    if not isinstance(config, kind | Mapping | None):
        raise InvalidRequest("config", config, f"a {kind.__name__} or a dict of its fields")
    mapping = cast("Mapping[str, Any]", config or {})
    given = _get_set_fields(config) if isinstance(config, msgspec.Struct) else mapping
    changes = as_changes(kind, given, "config") | as_changes(kind, dict(fields), "config")
    changed = replace(current, **changes)
    if isinstance(request, Live) and request.calling_options is not None:
        changed = declare_missing_functions(changed, request.calling_options.functions)
    return replace(request, operation=replace(operation, config=changed))


def _apply_model(description: Description | Live[Any], name: str) -> Any:
    return change_root(description, "with_model", _replace_model, name)


def _replace_model(request: R, name: str) -> R:
    operation = request.operation
    if "model" not in operation.__struct_fields__:
        raise InvalidRequest("with_model", operation.op, "an operation with a model, such as generate")
    changed: dict[str, Any] = {"model": name}
    return replace(request, operation=replace(operation, **changed))


def _get_set_fields(config: msgspec.Struct) -> dict[str, Any]:
    return {name: value for name in config.__struct_fields__ if (value := getattr(config, name)) is not None}


def _apply_tools(description: Description | Live[Any], tools: tuple[Any, ...]) -> Any:
    return change_root(description, "with_tools", _add_tools, tools)


def _apply_mcp_tools(
    description: Description | Live[Any], sessions: tuple[McpSession, ...], others: tuple[Any, ...]
) -> Flow[Any] | Stream[Any]:
    if isinstance(description, Live):
        raise InvalidRequest(
            "with_tools", description.operation.op, "the functions that list_mcp_tools(…) returns for a session"
        )
    declared = _apply_tools(description, others)  # checks that there is a root request with tools
    source: Any = declared if others else description
    if isinstance(description, Stream):
        return Stream[Any](mcp_sessions.stream_declared, source, (sessions,))
    return Flow[Any](mcp_sessions.run_declared, source, (sessions,))


def _add_tools(request: R, tools: tuple[Any, ...]) -> R:
    existing = getattr(getattr(request.operation, "config", None), "tools", None) or ()
    return replace_config(request, None, (("tools", (*existing, *tools)),))


def _apply_options(description: Description | Live[Any], options: Options, deadline: float | None) -> Any:
    if deadline is not None and isinstance(description, Live):
        raise InvalidRequest(
            "deadline", deadline, "nothing for a session: limit the time of its block, such as by anyio.fail_after"
        )
    if deadline is not None and isinstance(description, Flow) and not description.traits.deadline_at_root:
        description = Flow(parallel.run_within, description, (deadline,))
    elif deadline is not None:
        options = replace(options, deadline=deadline)
    return description if options == Options() else change_root(description, "with_options", _replace_options, options)


def _replace_options(request: R, options: Options) -> R:
    """Return a request whose options are updated with each option in `options` that is neither None nor False."""
    given = {name: value for name, value in _get_set_fields(options).items() if value is not False}
    return replace(request, options=replace(request.options, **given))
