"""Drawn interpreters hold live sessions: they find what may happen, tell the shortest session, and do it again."""

from collections.abc import Awaitable, Callable
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

ASKED = live.connect("m")
HI = live.client_content("hi")
Talk = Callable[[Any], Awaitable[Any]]
both_worlds = pytest.mark.parametrize("world", ["asyncio", "trio"])


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


def clock(city: str) -> int:
    """Tell the time in a city."""
    return len(city)


async def said(run: Any, asked: Live[Any] = ASKED, *frames: Any) -> list[list[Any]]:
    """Send frames, and give what came in the turn after each."""
    with anyio.fail_after(60):
        async with run.live(asked) as session:
            heard = []
            for frame in frames or (HI,):
                await session.send(frame)
                heard.append([item async for item in session.turn()])
            return heard


def items(heard: list[list[Any]]) -> list[Any]:
    return [item for turn in heard for item in turn]


def found(
    talk: Talk, happens: Callable[[Any], object], *, world: str = "asyncio", shrinks: bool = False, **how: bool
) -> str:
    """Give the report on a session in which something happens."""

    @settings(max_examples=6000, database=None, deadline=None, phases=[Phase.generate, *[Phase.shrink] * shrinks])
    @given(interpreters(**how))
    def test(run: DrawnInterpreter) -> None:
        assert not happens(anyio.run(talk, run.aio, backend=world))

    with pytest.raises(AssertionError) as caught:
        test()
    return "\n".join(getattr(caught.value, "__notes__", ()))


def fake_in(report: str) -> Fake:
    """Run what a report tells to be pasted."""
    lines = report.partition("as a genai_fn.testing.Fake:")[2].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("run = Fake("))
    last = first if lines[first].endswith(")") else lines.index(")", first)
    names: dict[str, Any] = {}
    exec("\n".join(lines[: last + 1]), names)  # noqa: S102  # written here, and by us
    fake: Fake = names["run"]
    return fake


# What is said


def contents(heard: list[list[Any]]) -> list[Any]:
    messages = [item.unwrap() for item in items(heard) if ok(item)]
    return [each.server_content for each in messages if each.server_content is not None]


def failed(heard: list[list[Any]]) -> GenaiError | None:
    *_, last = [None, *items(heard)]
    return last.failure() if isinstance(last, Failure) else None


def spoken(**config: Any) -> Live[Any]:
    return live.connect("m", {"response_modalities": ["AUDIO"], **config})


@pytest.mark.parametrize(
    ("asked", "happens"),
    [
        (ASKED, lambda heard: any(each.interrupted for each in contents(heard))),
        (ASKED, lambda heard: any(len(turn) == 1 for turn in heard) and failed(heard) is None),
        (
            ASKED,
            lambda heard: any(item.unwrap().extra for item in items(heard) if ok(item)),
        ),
        (ASKED, lambda heard: any(item.unwrap().go_away is not None for item in items(heard) if ok(item))),
        (ASKED, lambda heard: any(item.unwrap().usage_metadata is not None for item in items(heard) if ok(item))),
        (ASKED, lambda heard: isinstance(failed(heard), LiveClosed) and len(items(heard)) > 1),
        (ASKED, lambda heard: isinstance(failed(heard), Disconnected) and len(items(heard)) > 1),
        (ASKED, lambda heard: isinstance(failed(heard), DecodeError)),
        (ASKED, lambda heard: isinstance(failed(heard), LiveClosed) and len(items(heard)) == 1),
        (spoken(), lambda heard: any(item.unwrap().data for item in items(heard) if ok(item))),
        (
            spoken(output_audio_transcription={}),
            lambda heard: any(each.output_transcription is not None for each in contents(heard)),
        ),
        (
            live.connect("m", {"session_resumption": {}}),
            lambda heard: any(item.unwrap().setup_complete is not None for item in items(heard) if ok(item)),
        ),
    ],
    ids=range(12),
)
def test_finds(asked: Any, happens: Any) -> None:
    """What may happen in a session is found: interruptions, silence, what is new, notices, ends, and going on."""
    assert found(lambda run: said(run, asked, HI, HI), happens)


@both_worlds
@pytest.mark.parametrize(
    "asked",
    [
        ASKED,
        ASKED | calling(weather),
        ASKED | with_tools(weather),
        ASKED | with_tools(weather) | calling(clock),
        spoken(session_resumption={}, input_audio_transcription={}),
    ],
    ids=range(5),
)
def test_turns_end(world: str, asked: Any) -> None:
    """A reader of a turn comes to its end, even if nobody answers a call: by ``turn_complete``, or with the session."""

    @settings(max_examples=50, deadline=None)
    @given(interpreters())
    def test(run: DrawnInterpreter) -> None:
        for turn in anyio.run(said, run.aio, asked, HI, live.realtime_input(text="so?"), backend=world):
            is_complete = bool(turn) and ok(turn[-1]) and turn[-1].unwrap().server_content.turn_complete
            assert is_complete or not turn or isinstance(turn[-1], Failure)

    test()


@settings(max_examples=50, deadline=None)
@given(interpreters(errors=False))
def test_no_errors(run: DrawnInterpreter) -> None:
    """Without errors every session opens, and every message is one."""
    heard = anyio.run(said, run.aio, ASKED | calling(weather), HI, HI)
    assert all(map(ok, items(heard)))
    assert (ASKED | calling(weather),) == run.requests


async def answering(run: Any) -> list[Any]:
    """Answer calls in the program, as they come."""
    heard = []
    with anyio.fail_after(60):
        async with run.live(ASKED | with_tools(weather)) as session:
            await session.send(HI)
            async for item in session.turn():
                heard.append(item)
                calls = item.unwrap().tool_call.function_calls if ok(item) and item.unwrap().tool_call else ()
                for call in calls:
                    await session.send(live.tool_response({"id": call.id, "name": call.name, "response": {}}))
    return heard


@both_worlds
def test_calls(world: str) -> None:
    """Who answers calls, the session or the program, is given the turn after them; each call has an id of its own."""

    def goes_on(heard: list[Any]) -> bool:
        *turn, last = heard
        calls = [each for item in turn if item.unwrap().tool_call for each in item.unwrap().tool_call.function_calls]
        assert len(calls) == len({each.id for each in calls})
        return len(calls) > 1 and turn[-1].unwrap().text and last.unwrap().server_content.turn_complete

    assert found(answering, goes_on, world=world, errors=False)

    async def called(run: Any) -> Any:
        return items(await said(run, ASKED | calling(weather)))

    assert found(called, goes_on, world=world, errors=False)


def test_functions_are_called() -> None:
    """Functions of the session are called as the model asks, in no thread but the program's; one may be taken back."""
    cities: list[str] = []

    def tell(city: str) -> str:
        """Tell."""
        cities.append(city)
        return city

    def is_taken_back(heard: Any) -> bool:
        return any(item.unwrap().tool_call_cancellation is not None for item in items(heard))

    assert found(lambda run: said(run, ASKED | calling(tell)), lambda _: bool(cities), errors=False)
    assert found(lambda run: said(run, ASKED | calling(tell)), is_taken_back, errors=False)


def test_interrupted_calls() -> None:
    """What is said while the model waits for a function takes the call back."""

    async def impatient(run: Any) -> list[Any]:
        async with run.live(ASKED | with_tools(weather)) as session:
            await session.send(HI, HI)
            return [item.unwrap() async for item in session.turn()]

    def is_interrupted(heard: list[Any]) -> bool:
        names = [next(name for name in each.__struct_fields__ if getattr(each, name)) for each in heard[:3]]
        return (
            names == ["tool_call", "tool_call_cancellation", "server_content"] and heard[2].server_content.interrupted
        )

    assert found(impatient, is_interrupted, errors=False)


@both_worlds
def test_music(world: str) -> None:
    """Music plays once it is told to, and refuses wishes."""

    async def play(run: Any) -> Any:
        with anyio.fail_after(60):
            async with run.live(live.music.connect("m")) as session:
                await session.send(live.music.weighted_prompts([{"text": "a", "weight": 1}]), live.music.play())
                heard = []
                async for item in session:
                    heard.append(item)
                    if not ok(item) or item.unwrap().server_content is not None:
                        break
                return heard

    assert found(play, lambda heard: ok(heard[-1]) and len(heard) == 1, world=world)
    assert found(play, lambda heard: ok(heard[0]) and heard[0].unwrap().filtered_prompt is not None, world=world)
    assert found(play, lambda heard: isinstance(heard[-1], Failure) and len(heard) > 1, world=world)


# What is told


def test_shortest() -> None:
    """The report has the shortest session, in the simplest words."""
    report = found(said, contents, shrinks=True)
    assert 'run = Fake({"live.connect": ["0"]})' in report
    assert [["0"]] == [[item.unwrap().text for item in turn][:1] for turn in anyio.run(said, fake_in(report).aio)]


async def program(run: Any) -> Any:
    """Ask, and hold two sessions, one after the other."""
    first = await run(generate("m", "hi") | text)
    heard = items(await said(run, ASKED | with_tools(weather), HI, HI))
    heard += items(await said(run, ASKED))
    kinds = [type(item.failure()) if isinstance(item, Failure) else item.unwrap().tool_call is None for item in heard]
    return ok(first), kinds


@both_worlds
@pytest.mark.parametrize(
    "happens",
    [
        lambda made: made[0] and False in made[1],
        lambda made: not made[0] and LiveClosed in made[1][:-1],
        lambda made: LiveClosed == made[1][-1] and len(made[1]) > 4,
    ],
    ids=range(3),
)
def test_replays(world: str, happens: Any) -> None:
    """The Fake of the report, run with the same program, fails as it did: calls that nobody answers, ends, refusals."""
    made = []

    def it_happens(result: Any) -> object:
        made.append((result, bool(happens(result))))
        return made[-1][1]

    report = found(program, it_happens, world=world, shrinks=True)
    last = next(result for result, has_happened in reversed(made) if has_happened)
    assert last == anyio.run(program, fake_in(report).aio, backend=world)


@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    interpreters(),
    st.lists(st.sampled_from([ASKED, ASKED | calling(weather), ASKED | with_tools(weather)]), min_size=1, max_size=3),
)
def test_tables_are_python(run: DrawnInterpreter, sessions: list[Any]) -> None:
    """Whatever was said, what is written and run again is the same table, and answers the same."""

    async def program(run: Any) -> Any:
        return [await said(run, each, HI, HI) for each in sessions]

    heard = anyio.run(program, run.aio)
    again = fake_in(f"as a genai_fn.testing.Fake:\n{run._conversation}\n")
    assert repr(heard) == repr(anyio.run(program, again.aio))


def test_nothing_is_left_to_chance() -> None:
    """The same test has the same sessions each time, in a world that orders its tasks at random, too."""

    async def program(run: Any) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(said, run, ASKED | calling(weather), HI, HI)

    def conversations() -> list[Any]:
        kept = []

        @settings(max_examples=20, derandomize=True, database=None, deadline=None)
        @given(interpreters())
        def test(run: DrawnInterpreter) -> None:
            anyio.run(program, run.aio, backend="trio")
            kept.append(repr(run.table))

        test()
        return kept

    anyio.run(program, Fake({"live.connect": "0"}).aio, backend="trio")
    assert conversations() == conversations()


# How it is run


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_messages(data: st.DataObject) -> None:
    """What one frame is answered may be drawn alone: to the end of a turn, or to an error."""
    *_, last = data.draw(messages(ASKED, HI))
    assert last.server_content.turn_complete
    *_, last = data.draw(messages(ASKED, HI, errors=True))
    assert isinstance(last, GenaiError | LiveServerMessage)
    assert [] == data.draw(messages(ASKED, live.client_content("so", turn_complete=False)))
    assert all(
        isinstance(each, LiveMusicServerMessage)
        for each in data.draw(messages(live.music.connect("m"), live.music.play()))
    )


def test_own_exceptions() -> None:
    """What a function of the program's raises goes to the model; what the program itself raises comes out as itself."""

    async def fails(run: Any) -> None:
        async with run.live(ASKED) as session:
            await session.send(HI)
            raise ZeroDivisionError

    @settings(max_examples=10, deadline=None)
    @given(interpreters(errors=False))
    def test(run: DrawnInterpreter) -> None:
        with pytest.raises(ZeroDivisionError):
            anyio.run(fails, run.aio)
        with pytest.raises(InvalidRequest):
            run.aio.live("m")

    test()


def test_sessions_in_turn(tmp_path: Any) -> None:
    """A Fake answers sessions one after the other, those that do not open, too, and then with `NoAnswer`."""
    fake = Fake({"live.connect": Sessions([["one", "two"], LiveClosed(1008, "no"), "three"])})

    async def talk(run: Any) -> Any:
        return [turn[0] for _ in "1234" for turn in await said(run)]

    one, refused, three, spent = anyio.run(talk, fake.aio)
    assert ["one", "three"] == [one.unwrap().text, three.unwrap().text]
    assert Failure(LiveClosed(1008, "no")) == refused
    assert isinstance(spent.failure(), NoAnswer)
    again = Fake({"live.connect": Sessions([["one"], LiveClosed(1008, "no")])})
    one, refused, *_ = anyio.run(talk, recording(again, tmp_path / "a.jsonl").aio)
    assert ("one", Failure(LiveClosed(1008, "no"))) == (one.unwrap().text, refused)
