"""Scripts: what keeps to one is answered by it, and what differs is shown."""

from typing import Any

import pytest

from genai_fn import (
    Failure,
    InvalidRequest,
    RateLimited,
    ServerError,
    Success,
    TimedOut,
    ask,
    attempt,
    both,
    calling,
    files,
    flow,
    gather,
    generate,
    joined,
    sleep,
    streamed,
    text,
    until_done,
    with_http_response,
)
from genai_fn.schema import File, FileState
from genai_fn.testing import Ask, OpenStream, Sleep, perform
from tests.support.scripted_model import call, saying

ONE, TWO = generate("m", "one"), generate("m", "two")
QUESTION = files.get("a")
WORKING, READY = File(name="files/a", state=FileState.PROCESSING), File(name="files/a", state=FileState.ACTIVE)


@flow
def patient(tries: int) -> Any:
    for number in range(tries):
        result = yield from attempt(ONE | text)
        if isinstance(result, Success):
            return result
        yield from sleep(2.0**number)
    return (yield from attempt(TWO | text))


def test_kept() -> None:
    """A flow that keeps to its script gives its result; requests within ``Ask`` and bare ones are the same."""
    script = [(Ask(ONE), RateLimited(429)), (Sleep(1.0), None), (ONE, Failure(ServerError(503)))]
    assert Success("yes") == perform(patient(2), [*script, (Sleep(2.0), None), (TWO, "yes")])


def test_result_is_the_flows() -> None:
    """A failure of the flow is its result, and no failure of the script."""
    assert Failure(RateLimited(429)) == perform(ONE | text, [(ONE, RateLimited(429))])


def test_request() -> None:
    """A request is the shortest flow, wrapped as everywhere."""
    assert Success(saying("yes")) == perform(ONE, [(ONE, "yes")])
    wrapped = ONE | with_http_response
    assert 200 == perform(wrapped, [(wrapped, "yes")]).unwrap().http.status


def test_stream() -> None:
    """Of a stream the result is its items; a server stream is answered with its chunks."""
    answers = [(ONE | streamed, ["a", "b", RateLimited(429)])]
    assert (Success("a"), Success("b"), Failure(RateLimited(429))) == perform(ONE | streamed | text, answers)
    listened = (ONE | streamed).source
    assert Success("ab") == perform(ONE | streamed | text | joined, [(OpenStream(listened), ["a", "b"])])


def test_virtual_clock() -> None:
    """Sleeps take no time and move the clock: a limit is met to the second."""
    script = [(QUESTION, WORKING), (Sleep(5.0), None), (QUESTION, WORKING), (Sleep(2.0), None)]
    result = perform(QUESTION | until_done(every=5.0, timeout=7.0), script)
    assert isinstance(result.failure(), TimedOut)
    assert Success(READY) == perform(QUESTION | until_done(), [(QUESTION, READY)])


def test_at_once_is_in_order() -> None:
    """What runs at once stands in the script in its order, by a clock that lets them sleep at once."""
    assert Success(("a", "b")) == perform(both(ONE | text, TWO | text), [(ONE, "a"), (TWO, "b")])
    assert (Success("a"), Success("b")) == perform(gather([ONE | text, TWO | text]), [(ONE, "a"), (TWO, "b")])
    sleeping = both(patient(1), patient(1))
    script = [(ONE, RateLimited(429)), (Sleep(1.0), None), (TWO, "x")] * 2
    assert Success(("x", "x")) == perform(sleeping, script)


def test_functions_are_called() -> None:
    """Functions of the caller's own run, and what they raise comes out."""
    asked: list[str] = []

    def weather(city: str) -> str:
        asked.append(city)
        return "sunny"

    first = ONE | calling(weather)
    with pytest.raises(AssertionError, match="step 1 of 1 differs"):
        perform(first, [(TWO, "x")])
    with pytest.raises(AssertionError, match="step 2: the script is over"):
        perform(first, [(_declaring(weather), saying(call("weather", {"city": "Oslo"})))])
    assert ["Oslo"] == asked
    with pytest.raises(ZeroDivisionError):
        perform(ONE.map(lambda _: 1 / 0), [(ONE, "x")])
    with pytest.raises(ZeroDivisionError):
        perform(gather([ONE.map(lambda _: 1 / 0)]), [(ONE, "x")])


def _declaring(function: Any) -> Any:
    from genai_fn import with_tools

    return ONE | with_tools(function)


def test_first_difference_is_shown() -> None:
    """The message names the step, and marks what the script has and what the flow does, field by field."""
    with pytest.raises(AssertionError) as caught:
        perform(both(ONE, TWO), [(ONE, "x"), (generate("m", "three"), "y")])
    assert (
        [
            "step 2 of 2 differs: - is in the script, + is what the flow does",
            "  Request(",
            "    operation=GenerateContent(",
            "      model='m',",
            "      contents=(",
            "        Content(",
            "          parts=(",
            "            Part(",
            "-             text='three',",
            "+             text='two',",
            "            ),",
            "          ),",
            "          role='user',",
            "        ),",
            "      ),",
            "    ),",
            "  )",
        ]
    ) == str(caught.value).splitlines()


def test_sleep_differs() -> None:
    """A sleep of another length, and one in the place of a request, differ."""
    with pytest.raises(AssertionError, match=r"- Sleep\(seconds=9.0\)\n\+ Sleep\(seconds=1.0\)"):
        perform(patient(1), [(ONE, RateLimited(429)), (Sleep(9.0), None)])
    with pytest.raises(AssertionError, match=r"\+ Sleep\(seconds=1.0\)"):
        perform(patient(1), [(ONE, RateLimited(429)), (TWO, "x")])


def test_too_short() -> None:
    """A flow that goes on after its script is shown with what it does next."""
    with pytest.raises(AssertionError, match=r"step 2: the script is over, and the flow goes on with\nSleep"):
        perform(patient(1), [(ONE, RateLimited(429))])


def test_too_long() -> None:
    """A flow that ends before its script is shown with what was to come."""
    with pytest.raises(AssertionError, match=r"did not come to step 2 of 3:\nSleep"):
        perform(patient(1), [(ONE, "x"), (Sleep(1.0), None), (TWO, "y")])


def test_no_flow_hides_a_difference() -> None:
    """A flow that catches every exception does not swallow what differs."""

    @flow
    def careless() -> Any:
        try:
            yield from ask(ONE)
        except Exception:
            return Success("hidden")
        return Success("seen")

    with pytest.raises(AssertionError, match="differs"):
        perform(careless(), [(TWO, "x")])


def test_secrets_are_not_shown() -> None:
    """What hides itself stays hidden in a difference."""
    from genai_fn import with_options

    secret = ONE | with_options(headers={"authorization": "test-token"})
    with pytest.raises(AssertionError) as caught:
        perform(secret, [(TWO, "x")])
    assert "***" in str(caught.value)
    assert "test-token" not in str(caught.value)


@pytest.mark.parametrize("asked", ["text", ONE | text, Ask(ONE | text), ONE | streamed | text, GeneratorExit])
def test_no_line(asked: Any) -> None:
    """A line that speaks of neither a request nor a sleep is refused at once, by its number."""
    with pytest.raises(InvalidRequest, match="step 1"):
        perform(ONE, [(asked, "x")])


def test_wrong_answers() -> None:
    """An answer of the wrong type is refused, a list for what is no stream among them."""
    for answer in (READY, ["x"]):
        with pytest.raises(InvalidRequest, match="the answer to generate"):
            perform(ONE, [(ONE, answer)])


def test_no_flow() -> None:
    """Only a description can be performed."""
    with pytest.raises(InvalidRequest, match="description"):
        perform("text", [])  # type: ignore[call-overload]  # that is the point
