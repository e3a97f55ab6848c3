"""Live sessions of drawn interpreters: they find possible outcomes, report the shortest session, and replay it."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from genai_fn import Failure, InvalidRequest, NoAnswer, calling, generate, live, ok, text, with_tools
from genai_fn.errors import DecodeError, Disconnected, GenaiError, LiveClosed
from genai_fn.request import Live
from genai_fn.schema import LiveMusicServerMessage, LiveServerMessage
from genai_fn.testing import Fake, Sessions, recording
from genai_fn.testing.strategies import interpreters, messages
from genai_fn.testing.strategies.drawn_interpreters.interpreter import DrawnInterpreter

SESSION = live.connect("m")
HI = live.client_content("hi")
RunSessions = Callable[[Any], Awaitable[Any]]
both_executors = pytest.mark.parametrize("executor", ["asyncio", "trio"])


def get_weather(city: str) -> str:
    """Return the weather in a city."""
    return f"sunny in {city}"


def get_time(city: str) -> int:
    """Return the time in a city."""
    return len(city)


async def send_frames(run: Any, session_request: Live[Any] = SESSION, *frames: Any) -> list[list[Any]]:
    """Send messages, and return the items of the turn after each."""
    with anyio.fail_after(60):
        async with run.live(session_request) as session:
            turns = []
            for frame in frames or (HI,):
                await session.send(frame)
                turns.append([item async for item in session.turn()])
            return turns


def list_items(turns: list[list[Any]]) -> list[Any]:
    return [item for turn in turns for item in turn]


def find_report(
    run_sessions: RunSessions,
    condition: Callable[[Any], object],
    *,
    executor: str = "asyncio",
    shrinks: bool = False,
    **options: bool,
) -> str:
    """Find a session that meets a condition, and return the report."""

    @settings(max_examples=600, database=None, deadline=None, phases=[Phase.generate, *[Phase.shrink] * shrinks])
    @given(interpreters(**options))
    def test(run: DrawnInterpreter) -> None:
        assert not condition(anyio.run(run_sessions, run.aio, backend=executor))

    with pytest.raises(AssertionError) as raised:
        test()
    return "\n".join(getattr(raised.value, "__notes__", ()))


def find_missing(
    run_sessions: RunSessions, outcomes: Mapping[str, Callable[[Any], object]], *, executor: str = "asyncio"
) -> list[str]:
    """Run sessions until each outcome was found, and return the names of those that were not."""
    missing = dict(outcomes)

    # a resumption occurs in some five of 600 examples, and in none with one seed in eight
    @settings(max_examples=3000, database=None, deadline=None, phases=[Phase.generate])
    @given(interpreters())
    def test(run: DrawnInterpreter) -> None:
        result = anyio.run(run_sessions, run.aio, backend=executor)
        for name in [name for name, is_met in missing.items() if is_met(result)]:
            del missing[name]
        assert missing  # ends the test

    with suppress(AssertionError):
        test()
    return list(missing)


def execute_fake(report: str) -> Fake:
    """Execute the code in a report, and return its value."""
    lines = report.partition("as a genai_fn.testing.Fake:")[2].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("run = Fake("))
    last = first if lines[first].endswith(")") else lines.index(")", first)
    names: dict[str, Any] = {}
    exec("\n".join(lines[: last + 1]), names)  # noqa: S102  # written here, and by us
    fake: Fake = names["run"]
    return fake


# Messages


def list_contents(turns: list[list[Any]]) -> list[Any]:
    messages = [item.unwrap() for item in list_items(turns) if ok(item)]
    return [each.server_content for each in messages if each.server_content is not None]


def get_last_failure(turns: list[list[Any]]) -> GenaiError | None:
    *_, last = [None, *list_items(turns)]
    return last.failure() if isinstance(last, Failure) else None


def build_spoken_session(**config: Any) -> Live[Any]:
    return live.connect("m", {"response_modalities": ["AUDIO"], **config})


OUTCOMES: dict[str, tuple[Live[Any], dict[str, Callable[[Any], object]]]] = {
    "a session": (
        SESSION,
        {
            "an interruption": lambda turns: any(each.interrupted for each in list_contents(turns)),
            "an empty turn": lambda turns: any(len(turn) == 1 for turn in turns) and get_last_failure(turns) is None,
            "an unknown message": lambda turns: any(item.unwrap().extra for item in list_items(turns) if ok(item)),
            "a notice of the end": lambda turns: any(
                item.unwrap().go_away is not None for item in list_items(turns) if ok(item)
            ),
            "token counts": lambda turns: any(
                item.unwrap().usage_metadata is not None for item in list_items(turns) if ok(item)
            ),
            "an end": lambda turns: isinstance(get_last_failure(turns), LiveClosed) and len(list_items(turns)) > 1,
            "a cut": lambda turns: isinstance(get_last_failure(turns), Disconnected) and len(list_items(turns)) > 1,
            "an unreadable message": lambda turns: isinstance(get_last_failure(turns), DecodeError),
            "a refusal": lambda turns: isinstance(get_last_failure(turns), LiveClosed) and len(list_items(turns)) == 1,
        },
    ),
    "a spoken session": (
        build_spoken_session(),
        {"audio": lambda turns: any(item.unwrap().data for item in list_items(turns) if ok(item))},
    ),
    "a transcribed session": (
        build_spoken_session(output_audio_transcription={}),
        {"a transcript": lambda turns: any(each.output_transcription is not None for each in list_contents(turns))},
    ),
    "a resumable session": (
        live.connect("m", {"session_resumption": {}}),
        {
            "the end of the setup": lambda turns: any(
                item.unwrap().setup_complete is not None for item in list_items(turns) if ok(item)
            )
        },
    ),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_finds_outcomes(name: str) -> None:
    """Every possible outcome is found: interruptions, empty turns, unknown messages, notices, ends, resumptions."""
    session_request, outcomes = OUTCOMES[name]
    assert find_missing(lambda run: send_frames(run, session_request, HI, HI), outcomes) == []


@both_executors
@pytest.mark.parametrize(
    "session_request",
    [
        SESSION,
        SESSION | calling(get_weather),
        SESSION | with_tools(get_weather),
        SESSION | with_tools(get_weather) | calling(get_time),
        build_spoken_session(session_resumption={}, input_audio_transcription={}),
    ],
    ids=range(5),
)
def test_turns_end(executor: str, session_request: Any) -> None:
    """Every turn ends, even if a call is not answered: with ``turn_complete``, or with the session."""

    @settings(max_examples=25, deadline=None)
    @given(interpreters())
    def test(run: DrawnInterpreter) -> None:
        for turn in anyio.run(
            send_frames, run.aio, session_request, HI, live.realtime_input(text="so?"), backend=executor
        ):
            is_complete = bool(turn) and ok(turn[-1]) and turn[-1].unwrap().server_content.turn_complete
            assert is_complete or not turn or isinstance(turn[-1], Failure)

    test()


@settings(max_examples=50, deadline=None)
@given(interpreters(errors=False))
def test_no_errors(run: DrawnInterpreter) -> None:
    """With ``errors=False``, every session opens, and every item is a success."""
    turns = anyio.run(send_frames, run.aio, SESSION | calling(get_weather), HI, HI)
    assert all(map(ok, list_items(turns)))
    assert (SESSION | calling(get_weather),) == run.requests


async def answer_calls(run: Any) -> list[Any]:
    """Answer function calls in the program, in the order of their arrival."""
    found = []
    with anyio.fail_after(60):
        async with run.live(SESSION | with_tools(get_weather)) as session:
            await session.send(HI)
            async for item in session.turn():
                found.append(item)
                calls = item.unwrap().tool_call.function_calls if ok(item) and item.unwrap().tool_call else ()
                for call in calls:
                    await session.send(live.tool_response({"id": call.id, "name": call.name, "response": {}}))
    return found


@both_executors
def test_calls(executor: str) -> None:
    """After the calls are answered, by the session or by the program, the turn continues; each call has its own id."""

    def has_completed_turn(found: list[Any]) -> bool:
        *turn, last = found
        calls = [each for item in turn if item.unwrap().tool_call for each in item.unwrap().tool_call.function_calls]
        assert len(calls) == len({each.id for each in calls})
        return len(calls) > 1 and turn[-1].unwrap().text and last.unwrap().server_content.turn_complete

    assert find_report(answer_calls, has_completed_turn, executor=executor, errors=False)

    async def call_weather(run: Any) -> Any:
        return list_items(await send_frames(run, SESSION | calling(get_weather)))

    assert find_report(call_weather, has_completed_turn, executor=executor, errors=False)


def test_functions_are_called() -> None:
    """Functions of the session are called in the program's thread; a call may be cancelled."""
    cities: list[str] = []

    def get_city(city: str) -> str:
        """Return the city."""
        cities.append(city)
        return city

    def has_cancellation(turns: Any) -> bool:
        return any(item.unwrap().tool_call_cancellation is not None for item in list_items(turns))

    assert find_report(lambda run: send_frames(run, SESSION | calling(get_city)), lambda _: bool(cities), errors=False)
    assert find_report(lambda run: send_frames(run, SESSION | calling(get_city)), has_cancellation, errors=False)


def test_interrupted_calls() -> None:
    """A message during a pending call cancels the call."""

    async def send_twice(run: Any) -> list[Any]:
        async with run.live(SESSION | with_tools(get_weather)) as session:
            await session.send(HI, HI)
            return [item.unwrap() async for item in session.turn()]

    def is_interrupted(received: list[Any]) -> bool:
        names = [next(name for name in each.__struct_fields__ if getattr(each, name)) for each in received[:3]]
        return (
            names == ["tool_call", "tool_call_cancellation", "server_content"]
            and received[2].server_content.interrupted
        )

    assert find_report(send_twice, is_interrupted, errors=False)


@both_executors
def test_music(executor: str) -> None:
    """Music is sent after ``play``, and prompts may be filtered."""

    async def play_music(run: Any) -> Any:
        with anyio.fail_after(60):
            async with run.live(live.music.connect("m")) as session:
                await session.send(live.music.weighted_prompts([{"text": "a", "weight": 1}]), live.music.play())
                received = []
                async for item in session:
                    received.append(item)
                    if not ok(item) or item.unwrap().server_content is not None:
                        break
                return received

    outcomes: dict[str, Callable[[Any], object]] = {
        "music": lambda received: ok(received[-1]) and len(received) == 1,
        "a filtered prompt": lambda received: ok(received[0]) and received[0].unwrap().filtered_prompt is not None,
        "an end": lambda received: isinstance(received[-1], Failure) and len(received) > 1,
    }
    assert find_missing(play_music, outcomes, executor=executor) == []


# Reports


def test_shortest() -> None:
    """The report contains the shortest session, with the simplest texts."""
    report = find_report(send_frames, list_contents, shrinks=True)
    assert 'run = Fake({"live.connect": ["0"]})' in report
    assert [["0"]] == [
        [item.unwrap().text for item in turn][:1] for turn in anyio.run(send_frames, execute_fake(report).aio)
    ]


async def run_program(run: Any) -> Any:
    """Send a request, and run two sessions, one after the other."""
    first = await run(generate("m", "hi") | text)
    received = list_items(await send_frames(run, SESSION | with_tools(get_weather), HI, HI))
    received += list_items(await send_frames(run, SESSION))
    kinds = [
        type(item.failure()) if isinstance(item, Failure) else item.unwrap().tool_call is None for item in received
    ]
    return ok(first), kinds


@both_executors
@pytest.mark.parametrize(
    "condition",
    [
        lambda outcomes: outcomes[0] and False in outcomes[1],
        lambda outcomes: not outcomes[0] and LiveClosed in outcomes[1][:-1],
        lambda outcomes: LiveClosed == outcomes[1][-1] and len(outcomes[1]) > 4,
    ],
    ids=range(3),
)
def test_replays(executor: str, condition: Any) -> None:
    """The Fake in the report reproduces the failure of the program: unanswered calls, ends, refusals."""
    outcomes = []

    def is_met(result: Any) -> object:
        outcomes.append((result, bool(condition(result))))
        return outcomes[-1][1]

    report = find_report(run_program, is_met, executor=executor)
    last = next(result for result, has_happened in reversed(outcomes) if has_happened)
    assert last == anyio.run(run_program, execute_fake(report).aio, backend=executor)


@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    interpreters(),
    st.lists(
        st.sampled_from([SESSION, SESSION | calling(get_weather), SESSION | with_tools(get_weather)]),
        min_size=1,
        max_size=3,
    ),
)
def test_tables_are_source_code(run: DrawnInterpreter, sessions: list[Any]) -> None:
    """The code of any table evaluates to a Fake that gives the same answers."""

    async def run_program(run: Any) -> Any:
        return [await send_frames(run, each, HI, HI) for each in sessions]

    turns = anyio.run(run_program, run.aio)
    fake = execute_fake(f"as a genai_fn.testing.Fake:\n{run._conversation}\n")
    assert repr(turns) == repr(anyio.run(run_program, fake.aio))


def test_deterministic() -> None:
    """A test has the same sessions in every run, also on trio, which orders tasks at random."""

    async def run_program(run: Any) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(send_frames, run, SESSION | calling(get_weather), HI, HI)

    def list_conversations() -> list[Any]:
        tables = []

        @settings(max_examples=20, derandomize=True, database=None, deadline=None)
        @given(interpreters())
        def test(run: DrawnInterpreter) -> None:
            anyio.run(run_program, run.aio, backend="trio")
            tables.append(repr(run.table))

        test()
        return tables

    anyio.run(run_program, Fake({"live.connect": "0"}).aio, backend="trio")
    assert list_conversations() == list_conversations()


# Execution


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_messages(data: st.DataObject) -> None:
    """The messages that answer one frame can be drawn alone: up to the end of a turn, or to an error."""
    *_, last = data.draw(messages(SESSION, HI))
    assert last.server_content.turn_complete
    *_, last = data.draw(messages(SESSION, HI, errors=True))
    assert isinstance(last, GenaiError | LiveServerMessage)
    assert [] == data.draw(messages(SESSION, live.client_content("so", turn_complete=False)))
    assert all(
        isinstance(each, LiveMusicServerMessage)
        for each in data.draw(messages(live.music.connect("m"), live.music.play()))
    )


def test_own_exceptions() -> None:
    """An exception of the program within a session is raised unchanged."""

    async def raise_in_session(run: Any) -> None:
        async with run.live(SESSION) as session:
            await session.send(HI)
            raise ZeroDivisionError

    @settings(max_examples=10, deadline=None)
    @given(interpreters(errors=False))
    def test(run: DrawnInterpreter) -> None:
        with pytest.raises(ZeroDivisionError):
            anyio.run(raise_in_session, run.aio)
        with pytest.raises(InvalidRequest):
            run.aio.live("m")

    test()


def test_sessions_in_turn(tmp_path: Any) -> None:
    """A Fake answers sessions in order, also those that do not open, and then with `NoAnswer`."""
    fake = Fake({"live.connect": Sessions([["one", "two"], LiveClosed(1008, "no"), "three"])})

    async def run_sessions(run: Any) -> Any:
        return [turn[0] for _ in "1234" for turn in await send_frames(run)]

    one, refused, three, missing = anyio.run(run_sessions, fake.aio)
    assert ["one", "three"] == [one.unwrap().text, three.unwrap().text]
    assert Failure(LiveClosed(1008, "no")) == refused
    assert isinstance(missing.failure(), NoAnswer)
    recorded_fake = Fake({"live.connect": Sessions([["one"], LiveClosed(1008, "no")])})
    one, refused, *_ = anyio.run(run_sessions, recording(recorded_fake, tmp_path / "a.jsonl").aio)
    assert ("one", Failure(LiveClosed(1008, "no"))) == (one.unwrap().text, refused)
