"""Real MCP servers, in processes of their own, as tools: over stdio and streamable HTTP, in threads and in tasks."""

import gc
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import AsyncExitStack
from functools import partial
from types import ModuleType
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp.server import MCPServer
from returns.result import Failure, Success

from genai_fn import (
    Closed,
    ConnectError,
    FunctionCallError,
    Gemini,
    Http,
    InvalidRequest,
    MissingExtra,
    TimedOut,
    calling,
    codec,
    generate,
    joined,
    list_mcp_tools,
    mcp_tools,
    streamed,
    text,
    with_options,
    with_tools,
)
from genai_fn.flows.calling.mcp_sessions import _request_page
from genai_fn.testing import Fake
from tests.support.loopback import Loopback, build_json_reply, reserve_refusing_port
from tests.support.mcp.processes import ServerProcesses, build_direct_command, start_server_processes
from tests.support.scripted_model import build_call, build_response, list_function_responses

REQUEST = generate("m", "Is it raining?")
FINAL = build_response("It rains.")
KINDS = ("sync", "asyncio", "trio")
TOOLS = {"weather", "get-report", "photo", "record", "fail", "hang", "wait-for-hanging-calls", "die"}


@pytest.fixture(scope="module")
def servers() -> Generator[ServerProcesses]:
    """Starts servers, as forks of one process."""
    with start_server_processes() as processes:
        yield processes


@pytest.fixture(scope="module")
def url(servers: ServerProcesses) -> Generator[str]:
    """The URL of a server over streamable HTTP."""
    with servers.serve_http() as served:
        yield served


def run_with_server(
    server: Any, kind: str, build: Callable[[Any], Any], answers: Any, *, own_thread: bool = False
) -> tuple[Any, list[Any]]:
    """Run a description with a session, in a thread or in tasks; return the result and the requests."""
    run = Fake(answers)
    if kind == "sync":
        with mcp_tools(server, timeout=120) as tools:
            return run(build(tools)), list(run.requests)

    async def body() -> Any:
        with anyio.fail_after(300):
            if own_thread:
                with mcp_tools(server, timeout=120) as tools:
                    return await run.aio(build(tools))
            async with Client(server) as session:
                return await run.aio(build(session))

    return anyio.run(body, backend=kind), list(run.requests)


def respond(*calls: tuple[str, Any]) -> dict[str, Any]:
    """Return answers for ``generate``: the calls, one a response, and the end."""
    return {"generate": [*(build_response(build_call(name, args)) for name, args in calls), FINAL]}


# Results


CALLS = (
    ("weather", {"city": "Oslo", "days": 2.0}),
    ("get-report", {"city": "Oslo"}),
    ("photo", {}),
    ("record", {}),
    ("fail", {}),
    ("weather", {"days": "many"}),
    ("nothing", {}),
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_results(kind: str, transport: str, url: str, servers: ServerProcesses) -> None:
    """Texts, structured content, media, resources and errors of a server reach the model, over both transports."""
    server = servers.build_command() if transport == "stdio" else url
    result, requests = run_with_server(server, kind, lambda session: REQUEST | calling(session) | text, respond(*CALLS))
    assert result == Success("It rains.")
    (tool,) = requests[0].operation.config.tools
    declared = {each.name: each for each in tool.function_declarations}
    assert set(declared) == TOOLS
    assert declared["weather"].description == "Get the weather."
    assert declared["weather"].parameters_json_schema["properties"]["days"] == {
        "default": 1,
        "title": "Days",
        "type": "integer",
    }
    forecast, report, photo, sound, failed, refused, missing = list_function_responses(requests[-1].operation.contents)
    assert forecast["result"] == [{"type": "text", "text": "rain in Oslo for 2 days"}]
    assert '"degrees": 3.5' in report["result"][0]["text"]
    assert photo["result"] == [{"type": "image", "data": {"$ref": "image_1"}, "mimeType": "image/png"}]
    assert [each["type"] for each in sound["result"]] == ["audio", "resource", "resource_link"]
    assert failed["error"].startswith("Error executing tool fail")
    assert "days" in refused["error"]
    assert missing == {"error": "the function nothing does not exist"}
    sent = [part.function_response for turn in requests[-1].operation.contents for part in turn.parts]
    data = {each.name: [part.inline_data.data for part in each.parts or ()] for each in sent if each is not None}
    assert (data["photo"], data["record"], data["fail"]) == ([b"pixels"], [b"wave", b"log"], [])


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_client_session(kind: str, url: str) -> None:
    """A bare ``ClientSession`` serves as well, with its way to ask for a page, and so does `list_mcp_tools`."""

    async def body() -> None:
        async with Client(url) as opened:
            session = opened.session
            listed = await Fake({}).aio(list_mcp_tools(session))
            assert {each.name for each in listed.unwrap()} == TOOLS
            page = await _request_page(session, "a cursor that this server does not need")
            assert len(page.tools) == len(TOOLS)
            page = await _request_page(opened, "a cursor that this server does not need")
            assert len(page.tools) == len(TOOLS)

    anyio.run(body, backend=kind)


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_session_of_a_thread_in_tasks(kind: str, url: str) -> None:
    """A session in a thread serves async interpreters as well, also for concurrent calls and streams."""
    calls = build_response(*(build_call("weather", {"city": str(n)}) for n in range(20)))
    _, requests = run_with_server(
        url, kind, lambda session: REQUEST | calling(session), {"generate": [calls, FINAL]}, own_thread=True
    )
    texts = [each["result"][0]["text"] for each in list_function_responses(requests[1].operation.contents)]
    assert texts == [f"rain in {n} for 1 days" for n in range(20)]


def test_threads(url: str) -> None:
    """Many threads share a session; its own methods return what ``mcp`` returns."""
    calls = build_response(*(build_call("weather", {"city": str(n)}) for n in range(5)))
    with mcp_tools(url, timeout=120) as tools:
        runs = [Fake({"generate": [calls, FINAL]}) for _ in range(8)]
        threads = [threading.Thread(target=run, args=(REQUEST | calling(tools),)) for run in runs]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert [len(list_function_responses(run.requests[-1].operation.contents)) for run in runs] == [5] * 8
        assert {each.name for each in tools.list_tools().tools} == TOOLS
        assert tools.call_tool("weather", {"city": "Oslo"}).content[0].text == "rain in Oslo for 1 days"
    assert isinstance(Fake({})(REQUEST | calling(tools)).failure(), FunctionCallError)


def test_headers(url: str) -> None:
    """The headers of a request do not tell that a program uses MCP."""
    final = codec.decode(codec.encode(FINAL))
    with (
        mcp_tools(url, timeout=120) as tools,
        Loopback(build_json_reply(final)) as server,
        Http(Gemini("test-key", base_url=server.url), on_event=None) as run,
    ):
        run(REQUEST | calling(tools)).unwrap()
    assert b"get-report" in server.requests[0].body
    assert "mcp" not in str(server.requests[0].headers)


def test_declared_only(url: str) -> None:
    """`with_tools` declares the tools of a server, in a stream as well."""

    def build(session: Any) -> Any:
        return REQUEST | with_tools(session) | streamed | text | joined

    result, requests = run_with_server(url, "sync", build, {"generate.stream": [["hi"]]})
    assert result == Success("hi")
    assert len(requests[0].operation.config.tools[0].function_declarations) == len(TOOLS)


# Servers that hang, die, or write garbage


@pytest.mark.parametrize("kind", KINDS)
def test_hanging_tool(kind: str, url: str) -> None:
    """The deadline of the request ends a call that hangs, also in sync code, and the session stays usable."""

    def build(session: Any) -> Any:
        hanging = list_mcp_tools(session).bind(lambda tools: REQUEST | with_options(deadline=0.2) | calling(*tools))
        return hanging.lash(lambda error: (generate("n", "Is it over?") | calling(session)).map(lambda _: error))

    def answer(request: Any) -> Any:
        if len(request.operation.contents) > 1:
            return FINAL
        return build_response(build_call("hang") if request.operation.model == "m" else build_call(*NO_HANGING_CALLS))

    result, requests = run_with_server(url, kind, build, answer)
    assert isinstance(result.unwrap(), TimedOut)
    (response,) = list_function_responses(requests[-1].operation.contents)
    assert "result" in response


NO_HANGING_CALLS, HANGING_CALL = (("wait-for-hanging-calls", {"count": each}) for each in (0, 1))
"""Calls that return when so many calls hang in the server."""


def test_end_of_the_block() -> None:
    """The end of the block ends the calls of other threads, as errors of the session, for any server."""
    hanging = MCPServer("hanging")
    is_called = threading.Event()

    @hanging.tool()
    async def hang() -> None:
        is_called.set()
        await anyio.sleep_forever()

    results: list[Any] = []
    with mcp_tools(Client(hanging)) as tools:
        run = Fake(respond(("hang", {})))
        thread = threading.Thread(target=lambda: results.append(run(REQUEST | calling(tools, on_error="fail"))))
        thread.start()
        is_called.wait()
    thread.join()
    assert isinstance(results[0].failure(), FunctionCallError)
    assert "has ended" in results[0].failure().message


def test_interrupt(url: str) -> None:
    """Ctrl-C ends a call that hangs, and the session with it."""
    main = threading.get_ident()

    def interrupt(tools: Any) -> None:
        tools.call_tool(*HANGING_CALL)
        signal.pthread_kill(main, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), mcp_tools(url, timeout=120) as tools:
        thread = threading.Thread(target=interrupt, args=(tools,))
        thread.start()
        Fake(respond(("hang", {})))(REQUEST | calling(tools))
    thread.join()
    assert list_portals() == []


def list_portals() -> list[str]:
    """List the threads of sessions."""
    return [each.name for each in threading.enumerate() if "Portal" in each.name]


def test_fork() -> None:
    """A session belongs to its process: in a fork, a call fails at once, and the parent's session goes on."""
    code = (
        "import os\n"
        "from genai_fn import list_mcp_tools, mcp_tools\n"
        "from genai_fn.testing import Fake\n"
        "from mcp import Client\n"
        "from mcp.server import MCPServer\n"
        "with mcp_tools(Client(MCPServer('empty'))) as tools:\n"
        "    if not (child := os.fork()):\n"
        "        os._exit('after the fork' not in str(Fake({})(list_mcp_tools(tools)).failure()))\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "    assert Fake({})(list_mcp_tools(tools)).unwrap() == ()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # Python 3.12 warns of threads and forks


def test_closed_interpreter(url: str) -> None:
    """Closing a sync interpreter in another thread ends a call that hangs."""
    with (
        mcp_tools(url, timeout=120) as tools,
        Loopback(build_json_reply(codec.decode(codec.encode(build_response(build_call("hang")))))) as server,
        Http(Gemini("test-key", base_url=server.url), on_event=None) as run,
    ):
        is_waiting = threading.Event()
        tools.start_call = partial(_call_and_set, tools.start_call, is_waiting)
        closing = threading.Thread(target=lambda: (is_waiting.wait(120), run.close()))
        closing.start()
        result = run(REQUEST | calling(tools))
        closing.join()
    assert isinstance(result.failure(), Closed)


def _call_and_set(start: Any, event: threading.Event, function: Any, *args: Any) -> Any:
    future = start(function, *args)
    if args:  # not the listing
        event.set()
    return future


@pytest.mark.parametrize("own_thread", [False, True])
@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_cancelled_call(kind: str, own_thread: bool, url: str) -> None:
    """A cancelled run cancels its call, in the server as well, and leaves the session usable."""

    async def body() -> None:
        async with AsyncExitStack() as stack:
            if own_thread:
                session: Any = stack.enter_context(mcp_tools(url, timeout=120))
            else:
                session = await stack.enter_async_context(Client(url))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(Fake(respond(("hang", {}))).aio, REQUEST | calling(session))
                waited = await Fake(respond(HANGING_CALL)).aio(REQUEST | calling(session))
                tasks.cancel_scope.cancel()
            again = await Fake(respond(NO_HANGING_CALLS)).aio(REQUEST | calling(session))
            assert is_complete(waited)
            assert is_complete(again)

    anyio.run(body, backend=kind)


@pytest.mark.parametrize("kind", KINDS)
def test_garbage(kind: str, servers: ServerProcesses) -> None:
    """Lines that are no messages do not end a session over stdio."""
    server = servers.build_command("--garbage", b'no JSON\n{}\n{"jsonrpc": "2.0", "id": 9, "result": {}}\n\x00\n'.hex())
    result, _ = run_with_server(server, kind, lambda session: REQUEST | calling(session) | text, respond(CALLS[0]))
    assert result == Success("It rains.")


def test_broken_encoding(servers: ServerProcesses) -> None:
    """A server that does not write UTF-8 is not waited for longer than the timeout, though ``mcp`` waits for ever."""
    with pytest.raises((TimedOut, ConnectError)), mcp_tools(servers.build_command("--garbage", "ff0a"), timeout=1):
        raise AssertionError


@pytest.mark.parametrize("kind", KINDS)
def test_dead_server(kind: str, servers: ServerProcesses) -> None:
    """A server that dies in a call is answered to the model, or ends the flow; the next flow fails at once."""

    def build(session: Any) -> Any:
        strict = REQUEST | calling(session, on_error="fail")
        return (REQUEST | calling(session) | text).map(lambda _: None).bind(lambda _: strict)

    result, requests = run_with_server(servers.build_command(), kind, build, respond(("die", {})))
    (response,) = list_function_responses(requests[-1].operation.contents)
    assert "Connection closed" in response["error"]
    assert isinstance(result.failure(), FunctionCallError)
    assert result.failure().name == "list_tools"


def run_until_killed(server: Any, kind: str) -> Any:
    """Run a flow with a call; return its result, or the error of a session that could not be opened."""
    try:
        result, _ = run_with_server(server, kind, lambda session: REQUEST | calling(session), respond(CALLS[0]))
    except Exception as error:
        return error
    return result


def check_killed(outcome: Any, kind: str) -> None:
    """Check what comes of a server that dies: an error, or a response of the model, which was told."""
    if isinstance(outcome, Failure):
        assert isinstance(outcome.failure(), FunctionCallError)
    elif isinstance(outcome, Exception) and kind == "sync":
        assert isinstance(outcome, ConnectError)
    elif not isinstance(outcome, Exception):
        assert outcome.unwrap().text == "It rains."


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_each_message(kind: str, servers: ServerProcesses) -> None:
    """A server over stdio that is killed at any message of a session: nothing hangs, and nothing stays open."""
    number, outcome = 1, None
    while not is_complete(outcome):
        outcome = run_until_killed(servers.build_command("--kill-at", str(number)), kind)
        check_killed(outcome, kind)
        number += 1
    gc.collect()
    assert number > 6


def is_complete(outcome: Any) -> bool:
    """Whether the call had a result, so that the server was not killed before the end."""
    if not isinstance(outcome, Success):
        return False
    history = outcome.unwrap().automatic_function_calling_history
    return all("result" in each for each in list_function_responses(history))


@pytest.mark.parametrize("kind", KINDS)
def test_killed_over_http(kind: str, servers: ServerProcesses) -> None:
    """A server over HTTP that is killed at any request or response of a session: as over stdio."""
    number, outcome = 1, None
    while not is_complete(outcome):
        with servers.serve_http("--kill-at", str(number)) as served:
            outcome = run_until_killed(served, kind)
        check_killed(outcome, kind)
        number += 1
    gc.collect()
    assert number > 5


# Opening


def test_not_opened() -> None:
    """A command that does not run, a URL that nobody serves, and a server that stays silent are errors."""
    with pytest.raises(ConnectError), mcp_tools(StdioServerParameters(command="no-such-command-anywhere")):
        raise AssertionError
    with reserve_refusing_port() as port, pytest.raises(ConnectError), mcp_tools(f"http://127.0.0.1:{port}/mcp"):
        raise AssertionError
    silent = StdioServerParameters(command=sys.executable, args=["-c", "import sys; sys.stdin.read()"])
    with pytest.raises(TimedOut), mcp_tools(silent, timeout=0.2):
        raise AssertionError


def test_refused() -> None:
    """What is neither a command nor a URL nor a context manager is refused, as is a timeout that is not positive."""
    with pytest.raises(InvalidRequest), mcp_tools(7):  # type: ignore[arg-type]  # refused
        raise AssertionError
    with pytest.raises(InvalidRequest), mcp_tools("http://127.0.0.1/mcp", timeout=0):
        raise AssertionError


@pytest.mark.parametrize("package", [None, ModuleType("mcp")], ids=["none", "version 1"])
def test_missing_extra(package: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package, or with version 1, which has no ``Client``, the error has the command that installs it."""
    monkeypatch.setitem(sys.modules, "mcp", package)
    with pytest.raises(MissingExtra, match="pip install 'mcp"), mcp_tools("http://127.0.0.1/mcp"):
        raise AssertionError


def test_context_managers(url: str) -> None:
    """A context manager of a session, such as ``mcp.Client``, and one of a transport's streams are opened as well."""
    for server in (Client(url), stdio_client(build_direct_command())):
        with mcp_tools(server, timeout=120) as tools:
            assert len(tools.list_tools().tools) == len(TOOLS)


def test_exception_of_the_block(url: str) -> None:
    """An exception of the block leaves it as it is, and ends the session."""
    with pytest.raises(LookupError, match="mine"), mcp_tools(url, timeout=120):
        raise LookupError("mine")
    assert list_portals() == []


def test_lazy_import() -> None:
    """Neither the package nor a call of functions imports ``mcp``."""
    code = (
        "import sys, genai_fn\n"
        "from genai_fn import calling, generate, mcp_tools, list_mcp_tools, with_tools\n"
        "from genai_fn.testing import Fake\n"
        "def f() -> str: ...\n"
        "Fake({'generate': 'hi'})(generate('m', 'hi') | calling(f) | with_tools({'googleSearch': {}})).unwrap()\n"
        "assert not [each for each in sys.modules if each.partition('.')[0] in ('mcp', 'mcp_types', 'pydantic')]\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
