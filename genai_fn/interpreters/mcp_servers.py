"""Sessions with MCP servers for sync code: each lives in an event loop in a thread of its own."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from genai_fn.errors import ConnectError, InvalidRequest, MissingExtra, TimedOut
from genai_fn.flows.calling.invoke import describe_exception
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
    opening = _open_session(_enter_any(server), timeout)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(opening) as session:
        yield McpThreadSession(session, portal)


@asynccontextmanager
async def _open_session(entering: AbstractAsyncContextManager[Any], timeout: float) -> AsyncGenerator[Any]:
    """Enter a server, within a time limit; what its end raises is left out, as the session is not needed any more."""
    async with AsyncExitStack() as stack:
        try:
            with anyio.fail_after(timeout):
                session = await stack.enter_async_context(entering)
        except TimeoutError:
            raise TimedOut("connect", _DOING) from None
        except Exception as error:
            raise ConnectError(_DOING, describe_exception(_unwrap_group(error))) from error
        yield session
