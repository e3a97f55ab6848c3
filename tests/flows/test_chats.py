"""Chats: their history, what is sent to the model again, and the modifiers of a turn."""

import pickle
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from returns.result import Failure, Success

from genai_fn import (
    ClientError,
    FunctionCallError,
    InvalidRequest,
    NoText,
    ServerError,
    Stream,
    collected,
    each,
    joined,
    streamed,
    text,
    with_config,
    with_http_response,
    with_options,
    with_system,
)
from genai_fn.effects import Ask, Emit
from genai_fn.flows import chats
from genai_fn.flows.chats import Chat, Turn
from genai_fn.modifiers import calling, returning, with_tools
from genai_fn.request import start_generator
from genai_fn.schema import (
    Content,
    FunctionCall,
    GenerateContentConfig,
    GenerateContentResponse,
    GoogleSearch,
    ModelContent,
    Part,
    Tool,
    UserContent,
)
from tests.support.interpreter_kinds import INTERPRETER_KINDS, InterpreterKind, make_gemini
from tests.support.loopback import Loopback, build_json_reply, build_sse_reply
from tests.support.loopback_replies import build_text_response
from tests.support.scripted_effects import perform_reads, run_by_script
from tests.support.scripted_model import Conversation, build_call, build_response

CHAT = chats.start("m")
CONTINUED_CHAT = chats.start("m", {"temperature": 0.5}, [UserContent("one"), ModelContent("two")])
HELLO, HI = build_response("hello"), build_response("hi")


def clock() -> str:
    """Return the time."""
    return "noon"


def list_next_texts(chat: Chat) -> list[str | None]:
    """Return the texts that are sent with the next message."""
    contents = chats.send(chat, "next").source.operation.contents
    return [part.text for content in contents for part in content.parts or ()]


def take_turn(chat: Chat, message: Any, answer: GenerateContentResponse) -> Chat:
    """Take a turn, and return the chat after it."""
    next_chat: Chat = Conversation(chats.send(chat, message), [answer]).result.unwrap().chat
    return next_chat


# Chats


def test_start() -> None:
    """A chat starts with a model, a config and a history, which are checked at once."""
    assert CONTINUED_CHAT.config == GenerateContentConfig(temperature=0.5)
    assert (
        chats.history(CONTINUED_CHAT)
        == chats.history(CONTINUED_CHAT, curated=True)
        == (UserContent("one"), ModelContent("two"))
    )
    assert chats.start("m", history=[{"role": "user", "parts": [{"text": "one"}]}]).curated == (UserContent("one"),)


@pytest.mark.parametrize(
    "wrong",
    (
        lambda: chats.start(""),
        lambda: chats.start("m", {"temprature": 1}),
        lambda: chats.start("m", history=5),
        lambda: chats.start("m", history="hi"),
        lambda: chats.start("m", history=[Content(role="system", parts=(Part(text="x"),))]),
        lambda: chats.start("m", history=[Content(parts=(Part(text="x"),))]),
        lambda: chats.send(CHAT, []),
        lambda: chats.send(CHAT, [UserContent("a"), UserContent("b")]),  # type: ignore[list-item]  # that is the point
        lambda: chats.send(CHAT, Content(role="tool", parts=(Part(text="x"),))),
        lambda: chats.stream(CHAT, "a", {"top": 1}),
        lambda: chats.stream(CHAT, "a") | returning(int),  # type: ignore[operator]  # that is the point
        lambda: chats.send(CHAT, "a") | with_http_response,  # type: ignore[operator]  # that is the point
        lambda: chats.send(CHAT, "a") | text | streamed,
        lambda: chats.send(CHAT, "a") | calling(clock) | calling(clock),
        lambda: chats.stream(CHAT, "a") | calling(clock) | calling(clock),
        lambda: chats.send(CHAT, "a") | text | calling(clock),  # type: ignore[operator]  # that is the point
    ),
    ids=range(16),
)
def test_mistakes(wrong: Callable[[], Any]) -> None:
    """Invalid arguments are refused at once."""
    with pytest.raises(InvalidRequest):
        wrong()


@pytest.mark.parametrize(
    "value",
    (
        CONTINUED_CHAT,
        Turn(CONTINUED_CHAT, "two"),
        chats.send(CONTINUED_CHAT, "three"),
        chats.stream(CONTINUED_CHAT, "three") | text,
        chats.send(CONTINUED_CHAT, "three") | calling(clock) | returning(int),
    ),
    ids=range(5),
)
def test_values(value: Any) -> None:
    """Chats, turns and flows compare, hash and pickle."""
    duplicate = pickle.loads(pickle.dumps(value))
    assert (value, hash(value)) == (duplicate, hash(duplicate))


# Turns


def test_send() -> None:
    """A turn sends the history and the message, and returns the response and the new chat."""
    flow = chats.send(CONTINUED_CHAT, "three")
    assert flow.source.operation.contents == (*CONTINUED_CHAT.curated, UserContent("three"))
    turn = run_by_script(start_generator(flow), [(Ask(flow.source), Success(HELLO))]).unwrap()
    assert turn.answer == HELLO
    assert chats.history(turn.chat) == (*CONTINUED_CHAT.curated, UserContent("three"), ModelContent("hello"))
    assert turn.chat.config == CONTINUED_CHAT.config


def test_messages() -> None:
    """Any value that converts to one turn is a message; without a role it is the user's."""
    answer = Part.from_function_response(name="clock", response={"result": "noon"})
    message: Any
    for message, expected in (
        (["look:", Part(text="there")], Content(parts=(Part(text="look:"), Part(text="there")), role="user")),
        (answer, Content(parts=(answer,), role="user")),
        (Content(parts=(Part(text="a"),)), UserContent("a")),
        ({"text": "a"}, UserContent("a")),
    ):
        assert chats.send(CHAT, message).source.operation.contents == (expected,)


def test_failure() -> None:
    """A failed turn is the failure, and the old chat can be continued."""
    assert Conversation(chats.send(CONTINUED_CHAT, "three"), [ClientError(400)]).result == Failure(ClientError(400))
    assert take_turn(CONTINUED_CHAT, "three", HELLO) == take_turn(CONTINUED_CHAT, "three", HELLO)


def test_forks() -> None:
    """One chat can be continued in several ways."""
    one, other = take_turn(CONTINUED_CHAT, "a", HELLO), take_turn(CONTINUED_CHAT, "b", HI)
    assert list_next_texts(one) == ["one", "two", "a", "hello", "next"]
    assert list_next_texts(other) == ["one", "two", "b", "hi", "next"]
    assert list_next_texts(CONTINUED_CHAT) == ["one", "two", "next"]


def test_config_of_a_turn() -> None:
    """A config replaces the chat's for one turn, even an empty one; modifiers change single fields."""
    configs = [
        (chats.send(CONTINUED_CHAT, "a"), GenerateContentConfig(temperature=0.5)),
        (chats.send(CONTINUED_CHAT, "a", {"top_k": 3}), GenerateContentConfig(top_k=3)),
        (chats.send(CONTINUED_CHAT, "a", {}), GenerateContentConfig()),
        (chats.send(CONTINUED_CHAT, "a") | with_config(top_k=3), GenerateContentConfig(temperature=0.5, top_k=3)),
        (
            chats.send(CONTINUED_CHAT, "a") | text | with_system("Be brief."),
            GenerateContentConfig(temperature=0.5, system_instruction=UserContent("Be brief.")),
        ),
        (
            chats.stream(CONTINUED_CHAT, "a") | text | with_config(top_k=3),
            GenerateContentConfig(temperature=0.5, top_k=3),
        ),
        (
            chats.send(CONTINUED_CHAT, "a") | with_tools(GoogleSearch()),
            GenerateContentConfig(temperature=0.5, tools=(Tool(google_search=GoogleSearch()),)),
        ),
    ]
    for description, expected in configs:
        conversation = Conversation(description, [[HELLO] if isinstance(description, Stream) else HELLO])
        assert [each.operation.config for each in conversation.requests] == [expected]
        last = conversation.emitted[-1] if conversation.emitted else conversation.result
        assert last.unwrap().chat.config == CONTINUED_CHAT.config


# Curated history


def test_answer_without_content() -> None:
    """A turn without content is in the history, and is not sent to the model again."""
    after = take_turn(CONTINUED_CHAT, "three", build_response())
    assert chats.history(after)[2:] == (UserContent("three"), Content(parts=(), role="model"))
    assert chats.history(after, curated=True) == CONTINUED_CHAT.curated
    assert list_next_texts(after) == ["one", "two", "next"]


def test_content_is_unchanged() -> None:
    """The model's content is kept unchanged: empty texts, thoughts, signatures."""
    content = Content(
        parts=(
            Part(text="Hm.", thought=True, thought_signature="+/+="),
            Part(text=""),
            Part(function_call=FunctionCall(name="f", args={}), thought_signature="-_-"),
        ),
        role="model",
    )
    answer = build_response(*content.parts or ())
    assert take_turn(CHAT, "a", answer).curated[-1] == content
    encoded = msgspec.json.encode(chats.send(take_turn(CHAT, "a", answer), "b").source.operation.contents[1])
    assert encoded == msgspec.json.encode(content)


def omit_role(response: GenerateContentResponse) -> GenerateContentResponse:
    """Return a response as a server sends it that omits the role of the model."""
    candidate = response.candidates[0]
    content = msgspec.structs.replace(candidate.content or Content(), role=None)
    return msgspec.structs.replace(response, candidates=(msgspec.structs.replace(candidate, content=content),))


def test_content_without_role() -> None:
    """A content of the model has its role in the history, also if the server has omitted it: it starts a new chat."""
    answers = [omit_role(build_response(build_call("clock"))), omit_role(HELLO)]
    conversation = Conversation(chats.send(CHAT, "When?") | calling(clock), answers)
    history = chats.history(conversation.result.unwrap().chat)
    assert [content.role for content in history] == ["user", "model", "user", "model"]
    assert chats.start("m", history=history).comprehensive == history
    assert take_turn(CHAT, "a", omit_role(HELLO)) == take_turn(CHAT, "a", HELLO)


# Modifiers of a turn


def test_text() -> None:
    """``text`` returns the text and keeps the chat; without text, the turn is a failure."""
    for description in (
        chats.send(CONTINUED_CHAT, "a") | text,
        chats.send(CONTINUED_CHAT, "a") | with_options(deadline=9) | text,
    ):
        conversation = Conversation(description, [HELLO], clock=[0.0])
        assert conversation.result == Success(Turn(take_turn(CONTINUED_CHAT, "a", HELLO), "hello"))
    assert isinstance(Conversation(chats.send(CONTINUED_CHAT, "a") | text, [build_response()]).result.failure(), NoText)


def test_returning() -> None:
    """``returning`` requests and parses a type, and keeps the chat."""
    conversation = Conversation(chats.send(CONTINUED_CHAT, "a") | returning(int), [build_response("7")])
    assert conversation.requests[0].operation.config.response_mime_type == "application/json"
    assert conversation.result == Success(Turn(take_turn(CONTINUED_CHAT, "a", build_response("7")), 7))
    turn = Conversation(
        chats.send(CONTINUED_CHAT, "a") | returning(int, with_response=True), [build_response("7")]
    ).result.unwrap()
    assert (turn.answer.value, turn.answer.response) == (7, build_response("7"))


def test_calling() -> None:
    """Function calls are part of the history, and are sent to the model again."""
    call_response = build_response(Part(function_call=FunctionCall(name="clock", args={}), thought_signature="sig"))
    for description in (
        chats.send(CONTINUED_CHAT, "time?") | calling(clock) | text,
        chats.send(CONTINUED_CHAT, "time?") | with_options(deadline=9) | calling(clock) | text,
    ):
        conversation = Conversation(description, [call_response, build_response("noon")], clock=[0.0] * 9)
        turn = conversation.result.unwrap()
        assert turn.answer == "noon"
        *history, question, call_content, function_content, answer_content = turn.chat.curated
        assert tuple(history) == CONTINUED_CHAT.curated
        assert (question, call_content, answer_content) == (
            UserContent("time?"),
            call_response.candidates[0].content,
            ModelContent("noon"),
        )
        assert function_content.parts[0].function_response.response == {"result": "noon"}
        assert turn.chat.curated == turn.chat.comprehensive


def test_calling_says_nothing() -> None:
    """If the response after the calls has no content, the calls and their responses are sent again."""
    conversation = Conversation(
        chats.send(CONTINUED_CHAT, "time?") | calling(clock), [build_response(build_call("clock")), build_response()]
    )
    chat = conversation.result.unwrap().chat
    assert len(chat.comprehensive) == 6
    assert chat.curated == chat.comprehensive[:5]


# After a failure

CALLED = build_response(build_call("clock"))


def check_rounds(chat: Chat, count: int) -> None:
    """Check that a chat ends with the message and `count` rounds of calls and responses."""
    assert chat.curated == chat.comprehensive
    names = [
        name
        for content in chat.curated[2:]
        for part in content.parts or ()
        for name in ("text", "function_call", "function_response")
        if getattr(part, name) is not None
    ]
    assert names == ["text", *["function_call", "function_response"] * count]


@pytest.mark.parametrize("rounds", (1, 2))
def test_keep_rounds(rounds: int) -> None:
    """The rounds of calling before a failure stay in the chat, and the next turn sends them."""
    error = Conversation(
        chats.send(CONTINUED_CHAT, "time?") | calling(clock) | text, [CALLED] * rounds + [ServerError(503)]
    ).result.failure()
    assert error == ServerError(503)
    chat = chats.keep_rounds(CONTINUED_CHAT, error)
    check_rounds(chat, rounds)
    assert chats.send(chat, "next").source.operation.contents == (*chat.curated, UserContent("next"))
    assert chats.keep_rounds(CONTINUED_CHAT, pickle.loads(pickle.dumps(error))) == chat


def test_keep_rounds_of_a_stream() -> None:
    """A stream that breaks after a round of calling leaves the round in the chat, and the cut answer out of it."""
    for cut in ([ServerError(503)], [build_response("no", reason=None), ServerError(503)]):
        emitted = Conversation(chats.stream(CONTINUED_CHAT, "time?") | calling(clock), [[CALLED], cut]).emitted
        error = emitted[-1].failure()
        assert error == ServerError(503)
        check_rounds(chats.keep_rounds(CONTINUED_CHAT, error), 1)
    before = emitted[-2].unwrap().chat
    assert before.comprehensive[-1] == ModelContent("no")
    assert before.curated == before.comprehensive[:-1]


def test_keep_rounds_of_a_function() -> None:
    """The calls whose function raised are not kept; those before are."""

    def fail() -> str:
        """Raise."""
        raise ValueError("no")

    flow = chats.send(CONTINUED_CHAT, "time?") | calling(clock, fail, on_error="fail")
    error = Conversation(flow, [CALLED, build_response(build_call("fail"))]).result.failure()
    assert isinstance(error, FunctionCallError)
    check_rounds(chats.keep_rounds(CONTINUED_CHAT, error), 1)


def test_keep_rounds_without_any() -> None:
    """A chat is unchanged by an error before the first round; an error of another chat is refused."""
    assert chats.keep_rounds(CONTINUED_CHAT, ServerError(503)) == CONTINUED_CHAT
    error = Conversation(
        chats.send(CONTINUED_CHAT, "time?") | calling(clock), [CALLED, ServerError(503)]
    ).result.failure()
    with pytest.raises(InvalidRequest):
        chats.keep_rounds(chats.start("m", history=[UserContent("other"), ModelContent("two")]), error)


# Streams

CHUNKS = [build_response("he", reason=None), build_response("llo", reason=None), build_response("", reason="STOP")]


def run_turns(stream: Any, *answers: Any) -> list[Any]:
    """Run a stream to its end."""
    return [each.unwrap() for each in Conversation(stream, answers).emitted]


def test_stream() -> None:
    """Each turn has a chunk and the chat so far; only a finished answer is sent to the model again."""
    turns = run_turns(chats.stream(CONTINUED_CHAT, "a"), CHUNKS)
    assert [turn.answer for turn in turns] == CHUNKS
    assert [turn.chat.comprehensive[2:] for turn in turns] == [
        (UserContent("a"), ModelContent("he")),
        (UserContent("a"), ModelContent("hello")),
        (UserContent("a"), ModelContent("hello")),
    ]
    assert [len(turn.chat.curated) for turn in turns] == [2, 2, 4]
    assert turns[-1].chat == take_turn(CONTINUED_CHAT, "a", build_response("hello"))


def test_stream_as_text() -> None:
    """``text`` emits the texts of the chunks, and the last chat even if its chunk has no text."""
    turns = run_turns(chats.stream(CONTINUED_CHAT, "a") | text, CHUNKS)
    assert [turn.answer for turn in turns] == ["he", "llo", ""]
    assert turns[-1].chat == take_turn(CONTINUED_CHAT, "a", build_response("hello"))
    silent = Conversation(chats.stream(CONTINUED_CHAT, "a") | text, [[build_response()]])
    assert isinstance(silent.emitted[-1].failure(), NoText)


def test_stream_joined() -> None:
    """``joined`` merges a stream into one turn with the last chat; ``each`` calls a function for each turn."""
    next_chat = take_turn(CONTINUED_CHAT, "a", build_response("hello"))
    joined_stream = chats.stream(CONTINUED_CHAT, "a") | text | joined
    assert Conversation(joined_stream, [CHUNKS]).result == Success(Turn(next_chat, "hello"))
    turns: list[Any] = []
    observed_stream = chats.stream(CONTINUED_CHAT, "a") | each(turns.append) | text | joined
    assert Conversation(observed_stream, [CHUNKS]).result == Success(Turn(next_chat, "hello"))
    assert len(turns) == 3
    assert Conversation(chats.stream(CONTINUED_CHAT, "a") | joined, [CHUNKS]).result.unwrap().answer.text == "hello"


def test_stream_signatures() -> None:
    """A thought signature stays on its part."""
    pieces = [build_response("a", reason=None), build_response(Part(text="", thought_signature="s+/"))]
    chat = run_turns(chats.stream(CHAT, "q"), pieces)[-1].chat
    assert chat.curated[-1].parts == (Part(text="a"), Part(text="", thought_signature="s+/"))


def test_stream_fails() -> None:
    """A failure is the last item; the last chat before it contains the chunks so far."""
    conversation = Conversation(chats.stream(CONTINUED_CHAT, "a"), [[CHUNKS[0], ClientError(400)]])
    assert conversation.result is None
    assert conversation.emitted[-1] == Failure(ClientError(400))
    assert conversation.emitted[0].unwrap().chat.comprehensive[-1] == ModelContent("he")
    assert conversation.emitted[0].unwrap().chat.curated == CONTINUED_CHAT.curated


def test_empty_stream() -> None:
    """A stream without chunks has no turns."""
    assert run_turns(chats.stream(CONTINUED_CHAT, "a"), []) == []


def test_stream_calling() -> None:
    """The chunks of every round are turns; the last chat contains the calls and the last answer."""
    rounds = [
        [build_response("Hm. ", reason=None), build_response(build_call("clock"))],
        [build_response("no", reason=None), build_response("on")],
    ]
    for stream in (
        chats.stream(CONTINUED_CHAT, "a") | calling(clock),
        chats.send(CONTINUED_CHAT, "a") | calling(clock) | streamed,
    ):
        turns = run_turns(stream, *rounds)
        assert [turn.answer.text for turn in turns] == ["Hm. ", None, "no", "on"]
        chat = turns[-1].chat
        assert (
            chat
            == Conversation(
                chats.send(CONTINUED_CHAT, "a") | calling(clock),
                [build_response("Hm. ", build_call("clock")), build_response("noon")],
            )
            .result.unwrap()
            .chat
        )


def test_calling_without_history() -> None:
    """If the config ignores the call history, a turn is the message and the last answer, streamed or not."""
    chat = chats.start("m", {"automatic_function_calling": {"ignore_call_history": True}})
    rounds = [[build_response(build_call("clock"))], [build_response("no", reason=None), build_response("on")]]
    turns = run_turns(chats.stream(chat, "a") | calling(clock), *rounds)
    assert turns[-1].chat.curated == (UserContent("a"), ModelContent("noon"))
    conversation = Conversation(
        chats.send(chat, "a") | calling(clock), [build_response(build_call("clock")), build_response("noon")]
    )
    assert conversation.result.unwrap().chat == turns[-1].chat


def test_streamed() -> None:
    """``send(…) | streamed`` equals ``stream(…)``."""
    assert chats.send(CONTINUED_CHAT, "a") | streamed == chats.stream(CONTINUED_CHAT, "a")


def test_emits_before_the_end() -> None:
    """The first turn is emitted before the second chunk is read."""
    generator = perform_reads(start_generator(chats.stream(CHAT, "a")))
    generator.send(None)
    generator.send(Success("handle"))
    assert isinstance(generator.send((Success(CHUNKS[0]),)), Emit)


def test_short_repr() -> None:
    """The repr of a chat has its model and length; that of a turn has its answer once."""
    turn = Turn(take_turn(CONTINUED_CHAT, "a", HELLO), "hello")
    assert repr(turn) == "Turn(chat=<Chat with m of 4 turns>, answer='hello')"
    assert repr(take_turn(CHAT, "a", build_response(reason="SAFETY"))) == "<Chat with m of 2 turns, 0 of them curated>"


# With every interpreter


@pytest.mark.parametrize("kind", INTERPRETER_KINDS, ids=repr)
def test_every_interpreter(kind: InterpreterKind) -> None:
    """A chat of two turns, the second streamed, sends the same with every interpreter."""
    with Loopback(
        [
            build_json_reply(build_text_response("hello")),
            build_sse_reply([build_text_response("b"), build_text_response("ye")]),
        ]
    ) as server:
        backend = make_gemini(server.url)
        turn = kind.run(backend, chats.send(CHAT, "hi") | text).unwrap()
        turns = kind.run(backend, chats.stream(turn.chat, "bye") | text | collected).unwrap()
    assert (turn.answer, [each.answer for each in turns]) == ("hello", ["b", "ye"])
    body = msgspec.json.decode(server.requests[1].body)
    assert [part["text"] for content in body["contents"] for part in content["parts"]] == ["hi", "hello", "bye"]


@pytest.mark.parametrize(
    ("chat", "expected"),
    [("hi", "expected a Chat,"), (None, "expected a Chat,"), (Turn(CHAT, "a"), "expected a Chat: turn.chat of a Turn")],
    ids=["text", "none", "turn"],
)
@pytest.mark.parametrize("send", [chats.send, chats.stream])
def test_no_chat(send: Callable[..., Any], chat: Any, expected: str) -> None:
    """Anything but a chat is refused at once; of a turn, the error names its chat."""
    with pytest.raises(InvalidRequest, match=expected):
        send(chat, "hi")
