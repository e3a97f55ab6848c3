"""The inferred types of tools of MCP servers; see ``api.py``."""

from typing import assert_type

from mcp import Client, ClientSession, StdioServerParameters, stdio_client

from genai_fn import Flow, Stream, calling, generate, list_mcp_tools, mcp_tools, run, streamed, with_tools
from genai_fn.flows.calling.mcp_sessions import McpTool
from genai_fn.schema import FunctionResponse, GenerateContentResponse, GoogleSearch

request = generate("gemini-2.5-flash", "hi")


def weather(city: str) -> str:
    """Get the weather."""
    return city


def sessions(client: Client, session: ClientSession) -> None:
    """Sessions stand beside functions and tools; `with_tools` then makes a flow of the same type."""
    assert_type(request | calling(client, weather, session), Flow[GenerateContentResponse])
    assert_type(request | with_tools(session), Flow[GenerateContentResponse])
    assert_type(request | with_tools(weather, client, GoogleSearch()), Flow[GenerateContentResponse])
    assert_type(request | streamed | with_tools(session), Stream[GenerateContentResponse])
    assert_type(list_mcp_tools(client, session), Flow[tuple[McpTool, ...]])


def threads(client: Client) -> None:
    """`mcp_tools` takes commands, URLs and context managers; what it opens is a session."""
    command = StdioServerParameters(command="server")
    with mcp_tools(command) as one, mcp_tools("http://127.0.0.1/mcp", timeout=5) as two:
        assert_type(request | calling(one, two), Flow[GenerateContentResponse])
    with mcp_tools(client) as three, mcp_tools(stdio_client(command)) as four:
        run(request | calling(three, *run(list_mcp_tools(four)).unwrap()))
        assert_type(FunctionResponse.from_mcp_response(name="a", response=three.call_tool("a")), FunctionResponse)
