"""Sessions with MCP servers for sync code: each lives in an event loop in a thread of its own."""

import importlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import anyio
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

    def start_call(self, function: Callable[..., Awaitable[T]], *args: Any) -> Future[T]:
        """Start an async function with the session, in the thread of the session."""
        return self._portal.start_task_soon(function, self._session, *args)

    def list_tools(self) -> Any:
        """Return the first page of the tools, a ``ListToolsResult`` of ``mcp``."""
        return self._portal.call(self._session.list_tools)

    def call_tool(self, name: str, arguments: dict[str, Any] | None = None) -> Any:
        """Call a tool, and return the ``CallToolResult`` of ``mcp``."""
        return self._portal.call(self._session.call_tool, name, arguments)


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
    """
    check_positive("timeout", timeout)
    mcp = _import_mcp()
    if not isinstance(server, str | mcp.StdioServerParameters | AbstractAsyncContextManager):
        raise InvalidRequest("mcp_tools", type(server).__name__, "a command, a URL, or a context manager of a session")
    with start_blocking_portal() as portal:
        opening = portal.wrap_async_context_manager(_open_session(mcp, server, timeout))
        session = opening.__enter__()
        try:
            yield McpThreadSession(session, portal)
        finally:
            opening.__exit__(None, None, None)  # not the exception of the block, which task groups would wrap


def _import_mcp() -> Any:
    try:
        return importlib.import_module("mcp")
    except ImportError:
        raise MissingExtra("mcp", "mcp_tools", install_command("mcp")) from None


@asynccontextmanager
async def _open_session(mcp: Any, server: Any, seconds: float) -> AsyncGenerator[Any]:
    """Open a session within a time limit. An exception at its end is left out, as its server may be dead by then."""
    is_open = False
    with anyio.CancelScope(deadline=anyio.current_time() + seconds) as opening:
        try:
            async with _connect(mcp, server) as session:
                is_open, opening.deadline = True, inf
                yield session
        except Exception as error:
            if not is_open:
                raise ConnectError(_DOING, describe_exception(unwrap_group(error))) from error
    if opening.cancelled_caught and not is_open:
        raise TimedOut("connect", _DOING)


_DOING = "opening a session with an MCP server"


@asynccontextmanager
async def _connect(mcp: Any, server: Any) -> AsyncGenerator[Any]:
    """Connect to a server by what the installed version of ``mcp`` has; version 1 has no ``Client``."""
    async with AsyncExitStack() as stack:
        entered = await stack.enter_async_context(_build_transport(mcp, server))
        if is_mcp_session(entered):
            yield entered
            return
        read, write, *_ = entered
        if hasattr(mcp, "Client"):
            yield await stack.enter_async_context(mcp.Client(nullcontext((read, write))))
            return
        session = await stack.enter_async_context(mcp.ClientSession(read, write))
        await session.initialize()
        yield session


def _build_transport(mcp: Any, server: Any) -> AbstractAsyncContextManager[Any]:
    if isinstance(server, AbstractAsyncContextManager):
        return cast("AbstractAsyncContextManager[Any]", server)
    if isinstance(server, mcp.StdioServerParameters):
        return cast("AbstractAsyncContextManager[Any]", mcp.stdio_client(server))
    module = importlib.import_module("mcp.client.streamable_http")
    client: Any = getattr(module, "streamable_http_client", None) or module.streamablehttp_client
    return cast("AbstractAsyncContextManager[Any]", client(server))
