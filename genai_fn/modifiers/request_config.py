"""
How a request is shaped: its config, and how it is made. Each applies to the request at the root of a description, and
to a session as it does to a request.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar, cast

import msgspec
from msgspec.structs import replace

from genai_fn.backend import HeadersLike, check_api_version, normalize_base_url, normalize_headers
from genai_fn.errors import InvalidRequest
from genai_fn.flows import calling as loop
from genai_fn.flows import parallel
from genai_fn.options import Options, Retry, Timeouts, check_positive, check_type
from genai_fn.request import Description, Flow, Live, Modifier, Request, Stream
from genai_fn.schema.content import ContentLike
from genai_fn.schema.convert import as_changes, as_value
from genai_fn.schema.tools import ToolLike

__all__ = [
    "RequestModifier",
    "change_root",
    "replace_config",
    "with_config",
    "with_options",
    "with_system",
    "with_tools",
]

D = TypeVar("D", bound=Request[Any] | Flow[Any] | Stream[Any] | Live[Any])
R = TypeVar("R", bound=Request[Any] | Live[Any])


class RequestModifier(Modifier):
    """Changes what is described, and not what comes of it."""

    takes_live: ClassVar[bool] = True

    def __call__(self, description: D) -> D:
        return super().__call__(description)  # type: ignore[no-any-return]  # a shaping function answers what it was given


def with_config(config: msgspec.Struct | Mapping[str, Any] | None = None, /, **fields: Any) -> RequestModifier:
    """
    Set fields of the request's config: later wins, field by field; None unsets.

    >>> from genai_fn import generate
    >>> (generate("m", "hi") | with_config(temperature=0.2, top_k=5) | with_config(top_k=None)).operation.config
    GenerateContentConfig(temperature=0.2)
    """
    return RequestModifier(_apply_config, (config, tuple(sorted(fields.items()))))


def with_system(content: ContentLike) -> RequestModifier:
    """Set what the model is told before the conversation."""
    return with_config(system_instruction=content)


def with_tools(*tools: ToolLike) -> RequestModifier:
    """
    Let the model use tools, beside those that it may use already; nothing is run, see `calling`.

    Args:
        tools: Functions to declare, declarations, `Tool`s or what a `Tool` holds, or dicts of one's fields.

    >>> from genai_fn import generate
    >>> from genai_fn.schema import GoogleSearch
    >>> (generate("m", "hi") | with_tools(GoogleSearch())).operation.config.tools
    (Tool(google_search=GoogleSearch()),)
    """
    return RequestModifier(_apply_tools, (tools,))


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
) -> RequestModifier:
    """
    Say how this action is run, in place of what the interpreter and the backend say.

    Args:
        deadline: Seconds for all of it: a flow with every step, a stream to its last item; a session has none.

        headers: Sent as well, and in place of ours of the same name.

        extra_body: Merged deeply into the body; names in either spelling, lists are replaced.

        server_timeout: Seconds that the server may take, sent as ``x-server-timeout``; nothing else is made of it.
    """
    for path, seconds in (("deadline", deadline), ("server_timeout", server_timeout)):
        if seconds is not None:
            check_positive(path, seconds)
    check_type(Timeouts | None, "timeouts", timeouts)
    check_type(Retry | None, "retry", retry)
    return RequestModifier(
        _apply_options,
        (
            Options(
                timeouts=timeouts,
                retry=retry,
                headers=None if headers is None else normalize_headers(headers, "headers"),
                extra_body=as_value(Mapping[str, Any] | None, extra_body, "extra_body"),
                base_url=None if base_url is None else normalize_base_url(base_url),
                api_version=None if api_version is None else check_api_version(api_version),
                server_timeout=server_timeout,
            ),
            deadline,
        ),
    )


def _apply_config(description: Description | Live[Any], config: Any, fields: tuple[tuple[str, Any], ...]) -> Any:
    return change_root(description, "with_config", replace_config, config, fields)


def replace_config(request: R, config: Any, fields: tuple[tuple[str, Any], ...]) -> R:
    """Change a request's config: by what is set in another or in a mapping, and by single fields, which None unsets."""
    operation = request.operation
    before = getattr(operation, "config", None)
    if before is None:
        raise InvalidRequest("with_config", operation.op, "an operation that has a config")
    kind: type[msgspec.Struct] = before.__class__
    if not isinstance(config, kind | Mapping | None):
        raise InvalidRequest("config", config, f"a {kind.__name__} or a dict of its fields")
    said = cast("Mapping[str, Any]", config or {})
    given = _get_set_fields(config) if isinstance(config, msgspec.Struct) else said
    changes = as_changes(kind, given, "config") | as_changes(kind, dict(fields), "config")
    settled = replace(before, **changes)
    if isinstance(request, Live) and request.calling_options is not None:
        settled = loop.declare_missing_functions(settled, request.calling_options.functions)
    return replace(request, operation=replace(operation, config=settled))


def _get_set_fields(config: msgspec.Struct) -> dict[str, Any]:
    return {name: value for name in config.__struct_fields__ if (value := getattr(config, name)) is not None}


def _apply_tools(description: Description | Live[Any], tools: tuple[Any, ...]) -> Any:
    return change_root(description, "with_tools", _add_tools, tools)


def _add_tools(request: R, tools: tuple[Any, ...]) -> R:
    there = getattr(getattr(request.operation, "config", None), "tools", None) or ()
    return replace_config(request, None, (("tools", (*there, *tools)),))


def _apply_options(description: Description | Live[Any], options: Options, deadline: float | None) -> Any:
    if deadline is not None and isinstance(description, Live):
        raise InvalidRequest("deadline", deadline, "nothing for a session: bound its block, as by anyio.fail_after")
    if deadline is not None and isinstance(description, Flow) and not description.traits.deadline_at_root:
        description = Flow(parallel.run_within, description, (deadline,))
    elif deadline is not None:
        options = replace(options, deadline=deadline)
    return description if options == Options() else change_root(description, "with_options", _replace_options, options)


def _replace_options(request: R, options: Options) -> R:
    given = {name: value for name, value in _get_set_fields(options).items() if value is not False}
    return replace(request, options=replace(request.options, **given))


def change_root(description: Description | Live[Any], name: str, change: Callable[..., Any], *args: Any) -> Any:
    """Change the request that a description was made of, or a session."""
    if isinstance(description, Request | Live):
        return change(description, *args)
    if description.source is not None:
        return replace(description, source=change_root(description.source, name, change, *args))
    raise InvalidRequest(name, description, "a request, or a flow or stream that modifiers made of one")
