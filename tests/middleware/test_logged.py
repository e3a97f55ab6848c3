"""`logged`: one line for each call in every place, its attempts, and nothing that is secret or content."""

import logging
import pickle
from typing import Any

import anyio
import pytest

from genai_fn import Failure, InvalidRequest, ServerError, generate, live, ok, streamed, text
from genai_fn.middleware import logged
from genai_fn.schema import Candidate, GenerateContentResponse
from genai_fn.testing import Fake
from tests.support.interpreter_kinds import AwaitableInterpreter
from tests.support.middleware_places import PLACES, Place

HI = generate("models/gemini-2.5-flash", "a prompt that is private")
LIVE_PLACES = [each for each in PLACES if not each.is_sync and each.interpreter != "Http"]
"""Those with live sessions; the loopback server of the places speaks no WebSocket."""


@pytest.fixture(autouse=True)
def log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "genai_fn")


def list_lines(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    """List the lines of a level or above, with a star in place of each duration."""
    return [
        record.getMessage().replace(f"{vars(record)['genai_duration']:.2f} s", "*")
        for record in caplog.records
        if record.levelno >= level
    ]


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_success(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """A call is one line at INFO, with its attempts if there were several; each attempt is one at DEBUG."""

    async def body(run: AwaitableInterpreter) -> Any:
        return await run(HI | text)

    answers: list[Any] = [503, "private answer"] if place.retries else ["private answer"]
    assert ok(place.run(body, logged(), answers=answers))
    (line,) = list_lines(caplog)
    assert line.startswith("generate gemini-2.5-flash: ")
    assert line.endswith(", 2 attempts") == place.retries
    attempts = [line for line in list_lines(caplog, logging.DEBUG) if "attempt " in line]
    statuses = (503, 200) if place.retries else (200,)
    assert attempts == [
        f"generate gemini-2.5-flash: attempt {number}: HTTP status {status}"
        for number, status in enumerate(statuses, 1)
    ]
    assert "private" not in caplog.text
    fields = vars(caplog.records[-1])
    assert (fields["genai_operation"], fields["genai_model"]) == ("generate", "gemini-2.5-flash")
    assert (fields["genai_attempts"], fields["genai_status"], fields["genai_error"]) == (len(statuses), 200, None)


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_failure(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """A call that fails is one line at WARNING, with the type and code of the error, and without its text."""

    async def body(run: AwaitableInterpreter) -> Any:
        return await run(HI)

    error = place.run(body, logged(), answers=[429]).failure()
    (record,) = [each for each in caplog.records if each.levelno >= logging.INFO]
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("generate gemini-2.5-flash: failed (RateLimited 429")
    assert vars(record)["genai_error_code"] == 429
    assert not error.message or error.message not in record.getMessage()


FORGED: Any = "STOP\nforged"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (GenerateContentResponse(candidates=(Candidate(finish_reason=FORGED),)), r"'STOP\nforged' in"),
        (ServerError(500, "BAD\x1b[2J"), r"failed (ServerError 500 'BAD\x1b[2J') in"),
    ],
    ids=["finish reason", "status"],
)
def test_texts_of_servers_are_escaped(answer: Any, expected: str, caplog: pytest.LogCaptureFixture) -> None:
    """A server cannot write a line of its own into the log, nor control a terminal that shows it."""
    Fake({"generate": answer}).with_middleware(logged())(HI)
    messages = [each.getMessage() for each in caplog.records]
    assert expected in messages[-1]
    assert all(each.isprintable() for each in messages)


@pytest.mark.parametrize("place", PLACES, ids=repr)
def test_streams(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """A stream is one line, when it was read to its end, or was left early."""

    async def body(run: AwaitableInterpreter) -> Any:
        await run.read_items(HI | streamed | text)
        async with run.stream(HI | streamed) as items:
            await anext(items)

    place.run(body, logged(), answers=["a|b"])
    whole, part = list_lines(caplog)
    assert ", 2 chunks" in whole or ", 3 chunks" in whole
    assert "left early in *" in part
    assert [each.levelno for each in caplog.records if each.levelno >= logging.INFO] == [logging.INFO] * 2
    assert all(vars(each)["genai_time_to_first_item"] is not None for each in caplog.records if each.levelno > 10)


@pytest.mark.parametrize("place", LIVE_PLACES, ids=repr)
def test_live(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """A live session has a line when it is opened and one when it is closed, with its messages."""

    async def body(run: AwaitableInterpreter) -> Any:
        async with run.interpreter.live(live.connect("gemini-live-2.5-flash-preview")) as session:
            await session.send(live.client_content("a private turn"))
            return [each async for each in session.turn()]

    async def run_fake() -> Any:
        run = Fake({"live.connect": "private answer"}).aio.with_middleware(logged())
        return await body(AwaitableInterpreter(run))

    if place.interpreter == "Fake":
        anyio.run(run_fake, backend=place.executor)
    else:
        place.run(body, logged())
    opened, closed = list_lines(caplog)
    assert opened == "live.connect gemini-live-2.5-flash-preview: opened"
    assert closed.startswith("live.connect gemini-live-2.5-flash-preview: closed in *")
    assert " messages" in closed
    assert "private" not in caplog.text


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelled(backend: str, caplog: pytest.LogCaptureFixture) -> None:
    """A call that is cancelled is one line at WARNING."""

    async def cancel_call() -> None:
        with anyio.CancelScope() as scope:

            async def answer(_: Any) -> str:
                scope.cancel()
                await anyio.sleep_forever()
                raise AssertionError

            await Fake({"generate": answer}).aio.with_middleware(logged())(HI)

    anyio.run(cancel_call, backend=backend)
    (record,) = [each for each in caplog.records if each.levelno >= logging.INFO]
    assert record.levelno == logging.WARNING
    assert ": cancelled in " in record.getMessage()


def test_exceptions_of_users(caplog: pytest.LogCaptureFixture) -> None:
    """An exception of a user's function, which an interpreter raises, is a failure of the call."""

    def answer(_: Any) -> str:
        raise LookupError("private")

    with pytest.raises(LookupError):
        Fake({"generate": answer}).with_middleware(logged())(HI)
    assert list_lines(caplog) == ["generate gemini-2.5-flash: failed (LookupError) in *"]


def test_levels(caplog: pytest.LogCaptureFixture) -> None:
    """Levels and the logger can be chosen."""
    run = Fake({"generate": "hello"}).with_middleware(logged("genai_fn.test", level=logging.ERROR))
    assert run(HI | text).unwrap() == "hello"
    (record,) = [each for each in caplog.records if each.levelno > logging.DEBUG]
    assert (record.name, record.levelno) == ("genai_fn.test", logging.ERROR)


@pytest.mark.parametrize(
    ("given", "path"),
    [({"logger": 7}, "logged.logger"), ({"level": "INFO"}, "logged.level"), ({"attempt_level": True}, "attempt_level")],
)
def test_wrong_parameters(given: dict[str, Any], path: str) -> None:
    """A logger or a level of a wrong type raises at once."""
    with pytest.raises(InvalidRequest, match=path):
        logged(**given)


def test_pickled() -> None:
    """It can be pickled, as it contains no function of its own."""
    run = Fake({"generate": Failure(InvalidRequest("a", 1, "b"))})
    assert not ok(run.with_middleware(pickle.loads(pickle.dumps(logged())))(HI))
