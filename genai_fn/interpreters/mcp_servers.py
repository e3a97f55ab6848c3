"""Sessions with MCP servers for sync code: each lives in an event loop in a thread of its own."""

import importlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from math import inf
from operator import methodcaller
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import anyio
from anyio.abc import TaskStatus
from anyio.from_thread import BlockingPortal, start_blocking_portal

from genai_fn.errors import ConnectError, InvalidRequest, MissingExtra, TimedOut
from genai_fn.flows.calling.invoke import describe_exception
from genai_fn.interpreters.executors.tasks import unwrap_group
from genai_fn.interpreters.extras import install_command
from genai_fn.options import check_positive
from genai_fn.schema.tools import is_mcp_session

if TYPE_CHECKING:
    from mcp import StdioServerParameters

    McpServerLike: TypeAlias = StdioServerParameters | str | AbstractAsyncContextManager[Any]
    """What `mcp_tools` opens: a command, a URL, or a context manager of a session or of the streams of a transport."""

__all__ = ["McpThreadSession", "mcp_tools"]

T = TypeVar("T")


class McpThreadSession:
    """A session with an MCP server that lives in another thread: an argument of `calling` and `with_tools`."""

    def __init__(self, session: Any, portal: BlockingPortal) -> None:
        self._session = session
        self._portal = portal
        self._process = os.getpid()
        self.is_over = False
        """Whether the block of `mcp_tools` has ended, and with it the session."""

    def start_call(self, function: Callable[..., Awaitable[T]], *args: Any) -> Future[T]:
        """Start an async function with the session, in the thread of the session."""
        if self._process != os.getpid():  # a fork has no thread of the session, and would wait for it for ever
            raise RuntimeError("the session belongs to another process: open one after the fork")
        if self.is_over:
            raise RuntimeError(_CLOSED)
        return self._portal.start_task_soon(self._run_call, function, *args)

    async def _run_call(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        try:
            return await function(self._session, *args)
        except anyio.get_cancelled_exc_class():
            if self.is_over:  # the end of the block cancels what has not ended with the session
                raise RuntimeError(_CLOSED) from None
            raise

    def list_tools(self) -> Any:
        """Return the first page of the tools, a ``ListToolsResult`` of ``mcp``."""
        return self.start_call(methodcaller("list_tools")).result()

    def call_tool(self, name: str, arguments: dict[str, Any] | None = None) -> Any:
        """Call a tool, and return the ``CallToolResult`` of ``mcp``."""
        return self.start_call(methodcaller("call_tool", name, arguments)).result()


_CLOSED = "the session is closed, as the block of mcp_tools has ended"


@contextmanager
def mcp_tools(server: "McpServerLike", *, timeout: float = 30.0) -> Generator[McpThreadSession]:
    """
    Open a session with an MCP server in a thread of its own: for sync code, and for threads.

    Args:
        server: What to run or call: ``mcp.StdioServerParameters``, the URL of a server over streamable HTTP,
            ``mcp.Client(…)``, or another async context manager, of a session or of the streams of a transport, such as
            ``streamable_http_client(…)``.

        timeout: Seconds until the session must be open.

    Returns:
        A context manager. Its value is the session, which ends with the block; a server that it has started, too.

    Raises:
        MissingExtra: If the package ``mcp`` is not installed.

        InvalidRequest: If the server is something else, or ``timeout`` is not a positive number.

        ConnectError: If the session cannot be opened.

        TimedOut: If it is not open in time.

    >>> from mcp import Client
    >>> from mcp.server import MCPServer
    >>> station = MCPServer("weather station")
    >>> @station.tool()
    ... def weather(city: str) -> str:
    ...     return f"rain in {city}"
    >>> with mcp_tools(Client(station)) as tools:
    ...     tools.call_tool("weather", {"city": "Oslo"}).content[0].text
    'rain in Oslo'
    """
    check_positive("timeout", timeout)
    mcp = _import_mcp()
    if not isinstance(server, str | mcp.StdioServerParameters | AbstractAsyncContextManager):
        raise InvalidRequest("mcp_tools", type(server).__name__, "a command, a URL, or a context manager of a session")
    with start_blocking_portal() as portal:
        task, (session, block_is_over) = portal.start_task(_hold_session, mcp, server, timeout)
        tools = McpThreadSession(session, portal)
        try:
            yield tools
        finally:
            tools.is_over = True
            portal.call(block_is_over.set)
            task.result()
            portal.call(portal.stop, True)  # calls of other threads that have not ended with the session


def _import_mcp() -> Any:
    try:
        mcp = importlib.import_module("mcp")
    except ImportError:
        mcp = None
    if not hasattr(mcp, "Client"):  # version 1 has none
        raise MissingExtra("mcp", "mcp_tools", install_command("mcp"))
    return mcp


async def _hold_session(mcp: Any, server: Any, seconds: float, *, task_status: TaskStatus[Any]) -> None:
    """
    Open a session within a time limit, and keep it open until the event is set that is the status beside the session.

    Exceptions after the session is open, of a server that has died, are the results of calls, and not raised here.
    """
    is_open = False
    with anyio.CancelScope(deadline=anyio.current_time() + seconds) as opening:
        try:
            async with _connect(mcp, server) as session:
                is_open, opening.deadline = True, inf
                block_is_over = anyio.Event()
                task_status.started((session, block_is_over))
                await block_is_over.wait()
        except Exception as error:
            if not is_open:
                raise ConnectError(_DOING, describe_exception(unwrap_group(error))) from error
    if opening.cancelled_caught and not is_open:
        raise TimedOut("connect", _DOING)


_DOING = "opening a session with an MCP server"


@asynccontextmanager
async def _connect(mcp: Any, server: Any) -> AsyncGenerator[Any]:
    async with AsyncExitStack() as stack:
        if not isinstance(server, AbstractAsyncContextManager):  # a command, or a URL
            yield await stack.enter_async_context(mcp.Client(server))
            return
        entered: Any = await stack.enter_async_context(cast("AbstractAsyncContextManager[Any]", server))
        if not is_mcp_session(entered):
            read, write, *_ = entered
            entered = await stack.enter_async_context(mcp.Client(nullcontext((read, write))))
        yield entered
