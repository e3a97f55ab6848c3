"""Sessions with MCP servers as tools: what is declared, which calls are made, and what ends a flow."""

import pickle
from concurrent.futures import Future
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from returns.result import Failure, Success

from genai_fn import (
    AsyncOnly,
    FunctionCallError,
    InvalidRequest,
    PageLoop,
    Stream,
    TimedOut,
    calling,
    chats,
    collected,
    files,
    generate,
    list_mcp_tools,
    live,
    streamed,
    text,
    tokens,
    with_options,
    with_system,
    with_tools,
)
from genai_fn.schema import CountTokensResponse, FunctionDeclaration, GenerateContentResponse, GoogleSearch, Tool
from genai_fn.testing import Fake
from tests.support.scripted_model import build_call, build_response, list_function_responses
from tests.support.virtual_time import run_virtually

REQUEST = generate("m", "Is it raining?")
SCHEMA = {"type": "object", "properties": {"city": {"$ref": "#/$defs/City"}}, "$defs": {"City": {"type": "string"}}}
KINDS = ("asyncio", "trio")


def describe(*names: str, cursor: str | None = None) -> dict[str, Any]:
    """Return a page of tools."""
    tools = [{"name": each, "description": f"Get {each}.", "inputSchema": SCHEMA} for each in names]
    return {"tools": tools, **({} if cursor is None else {"nextCursor": cursor})}


class ScriptedSession:
    """A session with pages of tools, which records the calls. It takes the cursor, as ``mcp.Client`` does."""

    def __init__(self, *pages: Any, answer: Any = "rain") -> None:
        self.pages = pages
        self.answer = answer
        self.calls: list[Any] = []
        self.cursors: list[Any] = []

    async def list_tools(self, *, cursor: str | None = None) -> Any:
        await anyio.lowlevel.checkpoint()
        self.cursors.append(cursor)
        page = self.pages[min(len(self.cursors), len(self.pages)) - 1]
        if isinstance(page, Exception):
            raise page
        return page

    async def call_tool(self, name: str, arguments: dict[str, Any] | None = None) -> Any:
        await anyio.lowlevel.checkpoint()
        self.calls.append((name, arguments))
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"content": [{"type": "text", "text": self.answer}]} if isinstance(self.answer, str) else self.answer


class ParamsSession(ScriptedSession):
    """A session that takes the parameters of the request, as ``mcp.ClientSession`` does."""

    async def list_tools(self, cursor: str | None = None, *, params: Any = None) -> Any:
        return await super().list_tools(cursor=params and params.cursor)


class HangingSession(ScriptedSession):
    """A session whose server never answers a call, or no request at all."""

    async def call_tool(self, name: str, arguments: dict[str, Any] | None = None) -> Any:
        await anyio.sleep_forever()


class SilentSession(HangingSession):
    async def list_tools(self, *, cursor: str | None = None) -> Any:
        await anyio.sleep_forever()


def run_async(
    description: Any, answers: Any, kind: str = "asyncio", *, virtually: bool = False
) -> tuple[Any, list[Any]]:
    """Run a description with canned responses; return the result and the requests."""
    run = Fake(answers)

    async def body() -> Any:
        return await run.aio(description)

    return (run_virtually(body, kind) if virtually else anyio.run(body, backend=kind)), list(run.requests)


def respond(*responses: GenerateContentResponse) -> dict[str, Any]:
    """Return answers for ``generate``."""
    return {"generate": list(responses)}


def list_declared(request: Any) -> list[Any]:
    """List the names of the functions that a request declares."""
    return [each.name for tool in request.operation.config.tools or () for each in tool.function_declarations or ()]


def weather(city: str) -> str:
    """Get the weather."""
    return f"sun in {city}"


RAIN = build_response("It rains.")
CALL = build_response(build_call("weather", {"city": "Oslo", "days": 2.0, "self": 1}, id="1"))


# calling


@pytest.mark.parametrize("kind", KINDS)
def test_calling(kind: str) -> None:
    """The tools are declared by their schemas, unchanged; calls go to the session with all their arguments."""
    session = ScriptedSession(describe("weather"))
    result, requests = run_async(REQUEST | calling(session) | text, respond(CALL, RAIN), kind)
    assert result == Success("It rains.")
    declared = FunctionDeclaration(name="weather", description="Get weather.", parameters_json_schema=SCHEMA)
    assert requests[0].operation.config.tools == (Tool(function_declarations=(declared,)),)
    assert session.calls == [("weather", {"city": "Oslo", "days": 2, "self": 1})]
    assert session.cursors == [None]
    (response,) = (part.function_response for part in requests[1].operation.contents[-1].parts)
    assert (response.name, response.id) == ("weather", "1")
    assert response.response == {"result": [{"type": "text", "text": "rain"}]}


def test_mixed_with_functions() -> None:
    """Functions and several sessions answer the calls of one response, each its own."""
    first, second = ScriptedSession(describe("get-report")), ScriptedSession(describe("photo"), answer="click")
    calls = build_response(build_call("photo"), build_call("weather", {"city": "Oslo"}), build_call("get-report"))
    _, requests = run_async(REQUEST | calling(first, weather, second), respond(calls, RAIN))
    assert list_declared(requests[0]) == ["weather", "get-report", "photo"]
    texts = [{"result": [{"type": "text", "text": each}]} for each in ("click", "rain")]
    assert list_function_responses(requests[1].operation.contents) == [
        texts[0],
        {"result": "sun in Oslo"},
        texts[1],
    ]


@pytest.mark.parametrize("session_class", [ScriptedSession, ParamsSession])
def test_pages(session_class: Any) -> None:
    """All pages are listed."""
    session = session_class(describe("a", cursor="1"), describe("b", cursor="2"), describe("c"))
    _, requests = run_async(REQUEST | calling(session), respond(RAIN))
    assert list_declared(requests[0]) == ["a", "b", "c"]
    assert session.cursors == [None, "1", "2"]


def test_endless_pages() -> None:
    """A cursor that comes twice ends the flow, and so do more than a thousand pages."""
    session = ScriptedSession(describe("a", cursor="1"))
    assert run_async(REQUEST | calling(session), {})[0] == Failure(PageLoop("1"))
    endless = ScriptedSession(*(describe(f"t{n}", cursor=str(n)) for n in range(1002)))
    result, _ = run_async(REQUEST | calling(endless), {})
    assert "more than 1000 pages" in result.failure().message


@pytest.mark.parametrize("others", [(ScriptedSession(describe("a", "weather")),), (weather,)])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_shared_name(others: Any, is_streamed: bool) -> None:
    """A name that two servers share, or a server and a function, ends the flow before a request."""
    flow: Any = REQUEST | calling(ScriptedSession(describe("weather")), *others)
    result, requests = run_async(flow | streamed | collected if is_streamed else flow, {})
    assert isinstance(result.failure(), InvalidRequest)
    assert result.failure().value == "weather"
    assert requests == []


def build_deep_schema() -> dict[str, Any]:
    """Build a schema of more levels than JSON may have."""
    schema: dict[str, Any] = {}
    for _ in range(1000):
        schema = {"type": "array", "items": schema}
    return schema


def test_answers_of_a_broken_server() -> None:
    """An exception of a call, a result that is none, and an error of the tool are answered to the model."""
    failures: list[tuple[Any, str]] = [
        (ConnectionError("closed"), "ConnectionError: closed"),
        ({"content": [{"type": "text", "text": "no sensor"}], "isError": True}, "no sensor"),
        ({"content": 7}, "InvalidRequest"),
        ({"content": [{"type": "image", "data": "no base64!", "mimeType": "image/png"}]}, "InvalidRequest"),
        ({"content": [], "structuredContent": build_deep_schema()}, "InvalidRequest"),
    ]
    for answer, shown in failures:
        session = ScriptedSession(describe("weather"), answer=answer)
        _, requests = run_async(REQUEST | calling(session), respond(CALL, RAIN))
        (response,) = list_function_responses(requests[1].operation.contents)
        assert response["error"].startswith(shown)
        result, _ = run_async(REQUEST | calling(session, on_error="fail"), respond(CALL))
        assert isinstance(result.failure(), FunctionCallError)
        assert result.failure().name == "weather"
        assert result.failure().message.startswith(shown)


@pytest.mark.parametrize("page", [ConnectionError("closed"), {"tools": [{"name": "a"}]}, {}, 7])
def test_tools_that_cannot_be_listed(page: Any) -> None:
    """If the tools cannot be listed, the flow ends, as there is no call to answer."""
    for description in (REQUEST | calling(ScriptedSession(page)), REQUEST | with_tools(ScriptedSession(page))):
        result, requests = run_async(description, {})
        assert isinstance(result.failure(), FunctionCallError)
        assert (result.failure().name, requests) == ("list_tools", [])


@pytest.mark.parametrize(
    ("tool", "message"),
    [
        ({"name": "deep", "inputSchema": build_deep_schema()}, "'deep': InvalidRequest: "),
        ({"name": "a", "description": 5, "inputSchema": {}}, "'a': InvalidRequest: "),
        ({"name": "", "inputSchema": {}}, "ConversionError: the name of a tool"),
        ({"name": 5, "inputSchema": {}}, "ConversionError: the name of a tool"),
    ],
    ids=["schema", "description", "no name", "name"],
)
def test_tools_that_cannot_be_declared(tool: Any, message: str) -> None:
    """A tool that no request could declare ends the flow, and is not raised: it is the mistake of the server."""
    for build in (calling, with_tools):
        result, requests = run_async(REQUEST | build(ScriptedSession({"tools": [tool]})), {})
        assert isinstance(result.failure(), FunctionCallError)
        assert result.failure().message.startswith(message)
        assert requests == []


def test_schemas_and_names() -> None:
    """Names that the service may refuse, and schemas that contain themselves, are sent as they are."""
    recursive = {"$ref": "#/$defs/Node", "$defs": {"Node": {"properties": {"next": {"$ref": "#/$defs/Node"}}}}}
    tools = [{"name": each, "inputSchema": recursive} for each in ("a b", "x" * 200, "ns/tool.v1")]
    _, requests = run_async(REQUEST | calling(ScriptedSession({"tools": tools})), respond(RAIN))
    assert list_declared(requests[0]) == ["a b", "x" * 200, "ns/tool.v1"]
    (tool,) = requests[0].operation.config.tools
    assert [each.parameters_json_schema for each in tool.function_declarations] == [recursive] * 3


def test_changed_tools() -> None:
    """A flow lists the tools once: a tool that is gone by then is an error of its call; the next flow lists again."""
    session = ScriptedSession(describe("weather"), describe("photo"), answer=LookupError("unknown tool"))
    _, requests = run_async(REQUEST | calling(session), respond(CALL, RAIN))
    assert [list_declared(each) for each in requests] == [["weather"], ["weather"]]
    assert list_function_responses(requests[1].operation.contents) == [{"error": "LookupError: unknown tool"}]
    _, requests = run_async(REQUEST | calling(session), respond(RAIN))
    assert list_declared(requests[0]) == ["photo"]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_max_calls(is_streamed: bool) -> None:
    """Calls of tools count as calls of functions: after the last request, they are in the response."""
    session = ScriptedSession(describe("weather"))
    flow: Any = REQUEST | calling(session, max_calls=2)
    answers = {"generate": [CALL, CALL], "generate.stream": [[CALL], [CALL]]}
    result, requests = run_async(flow | streamed | collected if is_streamed else flow, answers)
    last = result.unwrap()[-1] if is_streamed else result.unwrap()
    assert [each.name for each in last.function_calls] == ["weather"]
    assert (len(requests), len(session.calls)) == (2, 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("session_class", [HangingSession, SilentSession])
def test_deadline(session_class: Any, kind: str) -> None:
    """The deadline of the request bounds the listing of tools, and the calls."""
    flow = REQUEST | calling(session_class(describe("weather"))) | with_options(deadline=5)
    result, _ = run_async(flow, respond(CALL), kind, virtually=True)
    assert isinstance(result.failure(), TimedOut)


def test_history_and_streams() -> None:
    """A stream emits the chunks of every round; the tools are listed once."""
    session = ScriptedSession(describe("weather"))
    result, requests = run_async(
        REQUEST | calling(session) | streamed | collected, {"generate.stream": [[CALL], [RAIN]]}
    )
    assert [each.text for each in result.unwrap()][-1] == "It rains."
    assert (len(requests), session.cursors) == (2, [None])


def test_chat() -> None:
    """A chat calls the tools of a server in its turns."""
    turn = chats.send(chats.start("m"), "Is it raining?") | calling(ScriptedSession(describe("weather")))
    result, _ = run_async(turn, respond(CALL, RAIN))
    assert result.unwrap().answer.text == "It rains."


# with_tools


@pytest.mark.parametrize("kind", KINDS)
def test_declared_only(kind: str) -> None:
    """`with_tools` declares the tools when the flow runs, beside the others, and calls none."""
    session = ScriptedSession(describe("weather"))
    flow = REQUEST | with_tools(GoogleSearch(), session) | with_system("Be brief.")
    result, requests = run_async(flow, respond(CALL), kind)
    assert [each.name for each in result.unwrap().function_calls] == ["weather"]
    config = requests[0].operation.config
    assert config.tools[0] == Tool(google_search=GoogleSearch())
    assert list_declared(requests[0]) == ["weather"]
    assert config.system_instruction.parts[0].text == "Be brief."
    assert session.calls == []


def test_declared_and_called() -> None:
    """A tool that is only declared ends the loop of `calling`; its call is in the last response."""
    session = ScriptedSession(describe("photo"))
    for flow in (
        REQUEST | with_tools(session) | calling(weather),
        REQUEST | calling(weather) | with_tools(session),
    ):
        result, requests = run_async(flow, respond(CALL, build_response(build_call("photo"))))
        assert [each.name for each in result.unwrap().function_calls] == ["photo"]
        assert sorted(list_declared(requests[0])) == ["photo", "weather"]


def test_declared_name_twice() -> None:
    """A name that a function in `calling` or the config has already ends the flow."""
    session = ScriptedSession(describe("weather"))
    for flow in (
        REQUEST | with_tools(session) | calling(weather),
        REQUEST | with_tools(weather, session),
        REQUEST | with_tools(session, ScriptedSession(describe("weather"))),
    ):
        result, requests = run_async(flow, {})
        assert (result.failure().value, requests) == ("weather", [])


def test_declared_in_streams() -> None:
    """A stream and a flow with a session keep what they are; the tools are declared in their root request."""
    session = ScriptedSession(describe("weather"))
    for stream in (REQUEST | streamed | with_tools(session), REQUEST | with_tools(session) | streamed):
        assert isinstance(stream, Stream)
        result, requests = run_async(stream | text | collected, {"generate.stream": [["rain"]]})
        assert result == Success(("rain",))
        assert list_declared(requests[0]) == ["weather"]
    failing = REQUEST | streamed | with_tools(ScriptedSession(ConnectionError())) | collected
    assert isinstance(run_async(failing, {})[0].failure(), FunctionCallError)
    counted = tokens.count("m", "hi") | with_tools(ScriptedSession(describe()))
    assert (
        run_async(counted, {"tokens.count": CountTokensResponse(total_tokens=1)})[1][0].operation.config.tools is None
    )


def test_deadline_of_declarations() -> None:
    """The deadline of the request includes the listing of tools."""
    for flow in (
        REQUEST | with_options(deadline=5) | with_tools(SilentSession()),
        REQUEST | with_tools(SilentSession()) | with_options(deadline=5),
    ):
        assert isinstance(run_async(flow, {}, virtually=True)[0].failure(), TimedOut)


# Values


def test_refused() -> None:
    """A session stands once, where functions are called or declared, and not in a live session."""
    session = ScriptedSession(describe("weather"))
    for build in (
        lambda: REQUEST | calling(session, session),
        lambda: live.connect("m") | calling(session),
        lambda: live.connect("m") | with_tools(session),
        lambda: files.list() | with_tools(session),
        lambda: REQUEST | calling(ScriptedSession),
        list_mcp_tools,
        lambda: list_mcp_tools(weather),  # type: ignore[arg-type]  # refused
    ):
        with pytest.raises(InvalidRequest):
            build()


def test_repr_and_equality() -> None:
    """A flow with a session is a value; its repr has the type of the session, not its contents."""
    session = ScriptedSession()
    assert REQUEST | calling(session) == REQUEST | calling(session)
    assert REQUEST | calling(session) != REQUEST | calling(ScriptedSession())
    assert repr(REQUEST | calling(weather, session, max_calls=2)) == (
        'generate("m", "Is it raining?") | calling(weather, <ScriptedSession>, max_calls=2)'
    )
    assert repr(REQUEST | with_tools(session)) == 'generate("m", "Is it raining?") | with_tools(<ScriptedSession>)'
    assert pickle.loads(pickle.dumps(REQUEST | with_tools(weather))) == REQUEST | with_tools(weather)


# Functions of a server


def test_listed_functions() -> None:
    """`list_mcp_tools` returns functions, of which a program passes some to `calling`, also in a live session."""
    session = ScriptedSession(describe("photo", "weather"))
    tools, _ = run_async(list_mcp_tools(session), {})
    photo, forecast = tools.unwrap()
    assert (photo.name, forecast.name) == ("photo", "weather")
    _, requests = run_async(REQUEST | calling(forecast), respond(CALL, RAIN))
    assert list_declared(requests[0]) == ["weather"]
    assert len(session.calls) == 1
    connected: Any = (live.connect("m") | calling(forecast)).operation
    assert [each.name for tool in connected.config.tools for each in tool.function_declarations] == ["weather"]


def test_sync() -> None:
    """In sync code, a session that lives in an event loop is refused; one in a thread returns futures."""
    session = ScriptedSession(describe("weather"))
    refused = Fake({})(REQUEST | calling(session))
    assert isinstance(refused.failure(), AsyncOnly)
    assert "mcp_tools" in str(refused.failure())

    class ThreadSession(ScriptedSession):
        def start_call(self, function: Any, *args: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_result(anyio.run(function, session, *args))
            return future

    run = Fake(respond(CALL, RAIN))
    assert run(REQUEST | calling(ThreadSession()) | text) == Success("It rains.")
    assert [name for name, _ in session.calls] == ["weather"]
