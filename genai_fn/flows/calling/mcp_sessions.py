"""Client sessions with servers of the Model Context Protocol: lists their tools, as functions that a model may call."""

import inspect
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.commands import StreamReader, attempt, emit
from genai_fn.effects import AskAll, CallFunction, FlowFailed
from genai_fn.errors import AsyncOnly, FunctionCallError, GenaiError, InvalidRequest, PageLoop
from genai_fn.flows.calling.invoke import describe_exception
from genai_fn.flows.calling.options import CallingOptions, list_declared_names
from genai_fn.flows.deadlines import apply_remaining_time, attempt_until, compute_deadline
from genai_fn.flows.roots import change_root, list_steps
from genai_fn.request import Action, Flow, FlowGenerator, FlowTraits, Request, Stream, flow, stream
from genai_fn.schema.function_declarations import DeclaredFunction, get_function_name
from genai_fn.schema.functions import FunctionResponse
from genai_fn.schema.mcp_results import convert_tool, dump_model
from genai_fn.schema.tools import FunctionDeclaration, Tool, is_mcp_session

T = TypeVar("T")
D = TypeVar("D", bound=Action[Any] | Stream[Any])


class McpSession(Protocol):
    """
    A client session with an MCP server: ``mcp.ClientSession``, ``mcp.Client``, or what `mcp_tools` opens.

    Its methods are async, unless it has a method ``start_call``: then it lives in another thread, where that method
    starts an async function, and returns a ``concurrent.futures.Future``.
    """

    def list_tools(self) -> Any:
        """Return the first page of the tools."""
        ...

    def call_tool(self, name: str, arguments: dict[str, Any] | None = None) -> Any:
        """Call a tool."""
        ...


class McpTool(DeclaredFunction):
    """A tool of an MCP server, as a function that a model may call: an argument of `calling`."""

    session: Any

    def __call__(self, /, **arguments: Any) -> Any:
        return _start_in_session(self.session, _call_tool, self.name, arguments)


def list_mcp_tools(*sessions: McpSession) -> Flow[tuple[McpTool, ...]]:
    """
    List the tools of MCP servers, as functions to pass to `calling`: to choose some, or for a live session.

    Args:
        sessions: Client sessions, which are open while this runs, and while the tools are called.

    Raises:
        InvalidRequest: If there is none, or something else is among them.

    Fails with:
        FunctionCallError: If the tools of a session cannot be listed.

        AsyncOnly: If a session is async, and the interpreter is sync: see `mcp_tools`.

    >>> from mcp import Client
    >>> from mcp.server import MCPServer
    >>> from genai_fn import Offline, mcp_tools
    >>> station = MCPServer("weather station")
    >>> @station.tool()
    ... def weather(city: str) -> str:
    ...     return f"rain in {city}"
    >>> with mcp_tools(Client(station)) as tools:
    ...     [tool.name for tool in Offline()(list_mcp_tools(tools)).unwrap()]
    ['weather']
    """
    if not sessions or not all(map(is_mcp_session, sessions)):
        raise InvalidRequest("list_mcp_tools", [type(each).__name__ for each in sessions], "open MCP client sessions")
    return list_all_tools(sessions)


@flow
def list_all_tools(sessions: tuple[McpSession, ...]) -> FlowGenerator[Result[tuple[McpTool, ...], GenaiError]]:
    """List the tools of all sessions concurrently, in the order of the sessions."""
    lists = tuple(_list_tools(each) for each in sessions)
    results: tuple[Result[tuple[McpTool, ...], GenaiError], ...]
    results = ((yield from attempt(lists[0])),) if len(lists) == 1 else (yield AskAll(lists))
    tools: list[McpTool] = []
    for result in results:
        if isinstance(result, Failure):
            return result
        tools += result.unwrap()
    return Success(tuple(tools))


@flow
def _list_tools(session: McpSession) -> FlowGenerator[Result[tuple[McpTool, ...], GenaiError]]:
    try:
        declarations: list[dict[str, Any]] = yield CallFunction(_start_in_session, (session, _list_declarations))
    except FlowFailed as end:
        if isinstance(end.error, AsyncOnly):
            return Failure(AsyncOnly("an MCP session is async: run this with AsyncHttp, or open it with mcp_tools(…)"))
        raise
    except Exception as error:  # noqa: BLE001  # of the session, which may raise anything
        return Failure(FunctionCallError("list_tools", describe_exception(error)))
    tools = tuple(McpTool(each, session) for each in declarations)
    for each in tools:
        try:
            FunctionDeclaration.from_callable(callable=each)
        except InvalidRequest as mistake:  # of the server, not of the program
            message = f"{each.name!r:.100}: {describe_exception(mistake)}"
            return Failure(FunctionCallError("list_tools", message))
    return Success(tools)


def find_repeated_name(path: str, names: list[str]) -> InvalidRequest | None:
    """Return an error, with a path, about the first name that occurs twice; None if all differ."""
    repeated = next((name for name, count in Counter(names).items() if count > 1), None)
    expected = "no name that two functions or tools of MCP servers share"
    return None if repeated is None else InvalidRequest(path, repeated, expected)


@stream(traits=FlowTraits(passes_calling=True))
def stream_declared(source: Stream[Any], sessions: tuple[McpSession, ...]) -> FlowGenerator[None]:
    """Declare the tools of sessions in the root request of a stream, and emit its items."""
    declared = yield from _declare_tools(source, sessions)
    if isinstance(declared, Failure):
        yield from emit(declared)
        return
    reader = StreamReader(declared.unwrap())
    while (item := (yield from reader.read_next())) is not None:
        yield from emit(item)


@flow(traits=FlowTraits(passes_calling=True, streamed_builder=stream_declared))
def run_declared(description: Action[T], sessions: tuple[McpSession, ...]) -> FlowGenerator[Result[T, GenaiError]]:
    """Declare the tools of sessions in the root request of an action, and run it."""
    declared = yield from _declare_tools(description, sessions)
    return declared if isinstance(declared, Failure) else (yield from attempt(declared.unwrap()))


_DOING = "listing the tools of MCP servers"


def _declare_tools(description: D, sessions: tuple[McpSession, ...]) -> FlowGenerator[Result[D, GenaiError]]:
    *derived, request = list_steps(description, "with_tools")
    deadline = yield from compute_deadline(request)
    listed = yield from attempt_until(list_all_tools(sessions), deadline, _DOING)
    bounded = yield from apply_remaining_time(request, deadline, _DOING)
    if isinstance(listed, Failure):
        return listed
    if isinstance(bounded, Failure):
        return bounded
    tools = listed.unwrap()
    names = [*_list_other_names(request, derived), *(each.name for each in tools)]
    mistake = find_repeated_name("with_tools", names)
    if mistake is not None:
        return Failure(mistake)
    return Success(change_root(description, "with_tools", _append_tools, bounded.unwrap(), tools))


def _list_other_names(request: Request[Any], derived: list[Any]) -> list[str]:
    """List the names that the config declares, and those of Python functions in ``calling(…)``."""
    config: Any = cast("Any", request.operation).config
    options = (each for step in derived for each in step.args if isinstance(each, CallingOptions))
    functions = (each for option in options for each in option.functions if not is_mcp_session(each))
    called = {get_function_name(each) for each in functions if not isinstance(each, DeclaredFunction)}
    return [*(list_declared_names(config) | called)]


def _append_tools(_: Request[Any], request: Request[Any], tools: tuple[McpTool, ...]) -> Request[Any]:
    operation: Any = request.operation
    declarations = tuple(FunctionDeclaration.from_callable(callable=each) for each in tools)
    added = (Tool(function_declarations=declarations),) if declarations else ()
    config = replace(operation.config, tools=(*(operation.config.tools or ()), *added) or None)
    return replace(request, operation=replace(operation, config=config))


# In the event loop of the session


def _start_in_session(session: Any, function: Callable[..., Any], *args: Any) -> Any:
    """Call an async function with a session; returns an awaitable, or a Future if the session lives in a thread."""
    start: Callable[..., Any] | None = getattr(session, "start_call", None)
    return function(session, *args) if start is None else start(function, *args)


async def _list_declarations(session: Any) -> list[dict[str, Any]]:
    """Return the declarations of all tools of a server."""
    declarations: list[dict[str, Any]] = []
    cursors: set[str] = set()
    page = dump_model(await session.list_tools())
    while True:
        declarations += map(convert_tool, page["tools"])
        cursor: str | None = page.get("nextCursor")
        if not cursor:
            return declarations
        if cursor in cursors:
            raise FlowFailed(PageLoop(cursor))
        if len(cursors) >= _MAX_PAGES:
            raise ValueError(f"the server has more than {_MAX_PAGES} pages of tools")
        cursors.add(cursor)
        page = dump_model(await _request_page(session, cursor))


_MAX_PAGES = 1000


def _request_page(session: Any, cursor: str) -> Any:
    """Request a page: ``ClientSession`` takes the parameters of the request, ``mcp.Client`` the cursor."""
    if "params" not in inspect.signature(session.list_tools).parameters:
        return session.list_tools(cursor=cursor)
    from mcp.types import PaginatedRequestParams  # noqa: PLC0415  # the session has loaded it

    return session.list_tools(params=PaginatedRequestParams(cursor=cursor))


async def _call_tool(session: Any, name: str, arguments: dict[str, Any]) -> FunctionResponse:
    return FunctionResponse.from_mcp_response(name=name, response=await session.call_tool(name, arguments))
