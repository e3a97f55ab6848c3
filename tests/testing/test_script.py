"""`perform`: a flow that follows its script gets the answers; the first difference is shown."""

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
from tests.support.scripted_model import build_call, build_response

ONE, TWO = generate("m", "one"), generate("m", "two")
QUESTION = files.get("a")
PROCESSING, ACTIVE = File(name="files/a", state=FileState.PROCESSING), File(name="files/a", state=FileState.ACTIVE)


@flow
def retry_with_backoff(attempts: int) -> Any:
    for number in range(attempts):
        result = yield from attempt(ONE | text)
        if isinstance(result, Success):
            return result
        yield from sleep(2.0**number)
    return (yield from attempt(TWO | text))


def test_matching_script() -> None:
    """A flow that follows its script returns its result; ``Ask(request)`` and the bare request are equivalent."""
    script = [(Ask(ONE), RateLimited(429)), (Sleep(1.0), None), (ONE, Failure(ServerError(503)))]
    assert Success("yes") == perform(retry_with_backoff(2), [*script, (Sleep(2.0), None), (TWO, "yes")])


def test_result_is_the_flows() -> None:
    """A Failure of the flow is returned as the result, not raised."""
    assert Failure(RateLimited(429)) == perform(ONE | text, [(ONE, RateLimited(429))])


def test_request() -> None:
    """A single request can be performed, also with modifiers."""
    assert Success(build_response("yes")) == perform(ONE, [(ONE, "yes")])
    with_response = ONE | with_http_response
    assert 200 == perform(with_response, [(with_response, "yes")]).unwrap().http.status


def test_stream() -> None:
    """For a stream the result is the tuple of its items; the script answers a server stream with a list of chunks."""
    answers = [(ONE | streamed, ["a", "b", RateLimited(429)])]
    assert (Success("a"), Success("b"), Failure(RateLimited(429))) == perform(ONE | streamed | text, answers)
    request = (ONE | streamed).source
    assert Success("ab") == perform(ONE | streamed | text | joined, [(OpenStream(request), ["a", "b"])])


def test_virtual_clock() -> None:
    """Sleeps return immediately and advance the virtual clock, so a timeout is exact."""
    lines = [(Sleep(pause), None) for pause in (1.0, 4.0, 2.0)]
    script = [each for line in lines for each in ((QUESTION, PROCESSING), line)]
    result = perform(QUESTION | until_done(every=5.0, timeout=7.0), script)
    assert isinstance(result.failure(), TimedOut)
    assert Success(ACTIVE) == perform(QUESTION | until_done(), [(QUESTION, ACTIVE)])


def test_concurrent_flows_run_in_order() -> None:
    """The script lists concurrent flows one after the other; each sleeps on its own branch of the clock."""
    assert Success(("a", "b")) == perform(both(ONE | text, TWO | text), [(ONE, "a"), (TWO, "b")])
    assert (Success("a"), Success("b")) == perform(gather([ONE | text, TWO | text]), [(ONE, "a"), (TWO, "b")])
    sleeping = both(retry_with_backoff(1), retry_with_backoff(1))
    script = [(ONE, RateLimited(429)), (Sleep(1.0), None), (TWO, "x")] * 2
    assert Success(("x", "x")) == perform(sleeping, script)


def test_functions_are_called() -> None:
    """Functions passed to `calling` and `map` run, and their exceptions propagate."""
    cities: list[str] = []

    def weather(city: str) -> str:
        cities.append(city)
        return "sunny"

    first = ONE | calling(weather)
    with pytest.raises(AssertionError, match="step 1 of 1 differs"):
        perform(first, [(TWO, "x")])
    with pytest.raises(AssertionError, match="step 2: the script has ended"):
        perform(first, [(_with_function_declaration(weather), build_response(build_call("weather", {"city": "Oslo"})))])
    assert ["Oslo"] == cities
    with pytest.raises(ZeroDivisionError):
        perform(ONE.map(lambda _: 1 / 0), [(ONE, "x")])
    with pytest.raises(ZeroDivisionError):
        perform(gather([ONE.map(lambda _: 1 / 0)]), [(ONE, "x")])


def _with_function_declaration(function: Any) -> Any:
    from genai_fn import with_tools

    return ONE | with_tools(function)


def test_first_difference_is_shown() -> None:
    """The message names the step and marks the differing fields: - for the script, + for the flow."""
    with pytest.raises(AssertionError) as raised:
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
    ) == str(raised.value).splitlines()


def test_sleep_differs() -> None:
    """A sleep of another length differs, and so does a sleep where the script has a request."""
    with pytest.raises(AssertionError, match=r"- Sleep\(seconds=9.0\)\n\+ Sleep\(seconds=1.0\)"):
        perform(retry_with_backoff(1), [(ONE, RateLimited(429)), (Sleep(9.0), None)])
    with pytest.raises(AssertionError, match=r"\+ Sleep\(seconds=1.0\)"):
        perform(retry_with_backoff(1), [(ONE, RateLimited(429)), (TWO, "x")])


def test_too_short() -> None:
    """If the script ends first, the message shows the next action of the flow."""
    with pytest.raises(AssertionError, match=r"step 2: the script has ended, but the flow continues with:\nSleep"):
        perform(retry_with_backoff(1), [(ONE, RateLimited(429))])


def test_too_long() -> None:
    """If the flow ends first, the message shows the next step of the script."""
    with pytest.raises(AssertionError, match=r"the flow has ended without step 2 of 3:\nSleep"):
        perform(retry_with_backoff(1), [(ONE, "x"), (Sleep(1.0), None), (TWO, "y")])


def test_no_flow_hides_a_difference() -> None:
    """A flow that catches every Exception does not hide a difference."""

    @flow
    def catch_everything() -> Any:
        try:
            yield from ask(ONE)
        except Exception:
            return Success("hidden")
        return Success("seen")

    with pytest.raises(AssertionError, match="differs"):
        perform(catch_everything(), [(TWO, "x")])


def test_secrets_are_not_shown() -> None:
    """Secrets stay masked in the shown difference."""
    from genai_fn import with_options

    secret = ONE | with_options(headers={"authorization": "test-token"})
    with pytest.raises(AssertionError) as raised:
        perform(secret, [(TWO, "x")])
    assert "***" in str(raised.value)
    assert "test-token" not in str(raised.value)


@pytest.mark.parametrize("step", ["text", ONE | text, Ask(ONE | text), ONE | streamed | text, GeneratorExit])
def test_invalid_step(step: Any) -> None:
    """A step that is neither a request nor a sleep is refused at once, and the error names its number."""
    with pytest.raises(InvalidRequest, match="step 1"):
        perform(ONE, [(step, "x")])


@pytest.mark.parametrize("pair", ["text", ("text",), None, ONE])
def test_invalid_pair(pair: Any) -> None:
    """A script that is no list of pairs is refused at once."""
    with pytest.raises(InvalidRequest, match="step 1: expected a pair of a step and its answer"):
        perform(ONE, [pair])


def test_wrong_answers() -> None:
    """An answer of the wrong type is refused, such as a list for a request that is not streamed."""
    for answer in (ACTIVE, ["x"]):
        with pytest.raises(InvalidRequest, match="the answer to generate"):
            perform(ONE, [(ONE, answer)])


def test_no_flow() -> None:
    """Anything but a request, flow or stream is refused."""
    with pytest.raises(InvalidRequest, match="description"):
        perform("text", [])  # type: ignore[call-overload]  # the mistake under test


def test_long_difference() -> None:
    """The difference of long requests is shown up to a limit, as pairing all their lines would take hours."""
    expected, actual = (generate("m", [f"{kind} text {index}" for index in range(1000)]) for kind in ("one", "another"))
    with pytest.raises(AssertionError, match="more lines") as raised:
        perform(actual, [(expected, "x")])
    assert "-             text='one text 0',\n" in str(raised.value)
    assert "+             text='another text 0',\n" in str(raised.value)
