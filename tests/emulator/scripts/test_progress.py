"""Which step of a script answers a request, and what happens if none does."""

from typing import Any

import pytest

from genai_fn.emulator import EmulatorState
from genai_fn.testing import ScriptedRequest
from tests.support.emulator_requests import GEMINI, HI, VERTEX, JsonClient, get_text

PATH = "models/gemini-2.5-flash:generateContent"
CALL = {"role": "model", "parts": [{"functionCall": {"name": "clock", "args": {}}}]}
RESPONSE = {"role": "user", "parts": [{"functionResponse": {"name": "clock", "response": {"now": "noon"}}}]}


def make_client(script: Any, base: str = GEMINI) -> JsonClient:
    return JsonClient(base, EmulatorState().with_script(script))


def ask(api: JsonClient, text: str = "hi", path: str = PATH, **fields: Any) -> str:
    """Return the text of the answer to a question."""
    turns = [{"role": "user", "parts": [{"text": text}]}]
    return get_text(api.request_json("POST", path, {"contents": turns, **fields}))


def test_in_order() -> None:
    """Steps answer in order; after the last, the error names the request and how many steps there were."""
    api = make_client([{"text": "one"}, {"text": "two", "times": 2}, {"text": "three"}])
    assert [ask(api) for _ in range(4)] == ["one", "two", "two", "three"]
    code, status, message = api.request_fault("POST", PATH, {"contents": [HI]})
    assert (code, status) == (400, "FAILED_PRECONDITION")
    assert message.endswith("for gemini-2.5-flash with the question 'hi': its 3 step(s) are used.")


def test_otherwise() -> None:
    """After the last step, a script can begin again, or leave the answer to the fake model."""
    steps = [{"text": "one"}, {"text": "two"}]
    repeated = make_client({"steps": steps, "otherwise": "repeat"})
    assert [ask(repeated) for _ in range(5)] == ["one", "two", "one", "two", "one"]
    faked = make_client({"steps": steps, "otherwise": "fake"})
    assert [ask(faked)[:4] for _ in range(4)] == ["one", "two", "I am", "I am"]


def test_unlimited() -> None:
    """A step without a limit is never used up."""
    api = make_client([{"text": "again", "times": None}, {"text": "never"}])
    assert {ask(api) for _ in range(20)} == {"again"}


@pytest.mark.parametrize(
    ("when", "fields"),
    [
        ({"model": "gemini-2.5-flash"}, {}),
        ({"model": "models/gemini-2.5-flash"}, {}),
        ({"text": "weather"}, {"text": "The weather?"}),
        ({"system": "brief"}, {"systemInstruction": {"parts": [{"text": "Be brief."}]}}),
        ({"path": ":generateContent"}, {}),
        ({"path": ":generateContent", "text": "weather"}, {"text": "The weather?"}),
    ],
)
def test_conditions(when: Any, fields: Any) -> None:
    """A step answers only requests that fulfil its conditions; others get the next step that fits."""
    api = make_client([{"when": when, "text": "first"}, {"text": "second"}])
    other = "models/gemini-2.5-pro:generateContent"
    if set(when) & {"text", "system"}:
        assert ask(api) == "second"
    elif "model" in when:
        assert ask(api, path=other) == "second"
    assert ask(api, **fields) == "first"


def test_function_response() -> None:
    """A step can wait for the response of a function."""
    api = make_client([{"when": {"function_response": "clock"}, "text": "noon"}, {"calls": {"name": "clock"}}])
    body = {"contents": [HI, CALL, RESPONSE]}
    assert "functionCall" in str(api.request_json("POST", PATH, {"contents": [HI]}))
    assert get_text(api.request_json("POST", PATH, body)) == "noon"


def test_nothing_fits() -> None:
    """If no step that is left fits, the error names the conditions that are not fulfilled."""
    api = make_client([{"when": {"text": "weather", "model": "m"}, "text": "one"}])
    message = api.request_fault("POST", PATH, {"contents": [HI]})[2]
    assert message.endswith("the question 'hi': step 1 expects model 'm', text 'weather'.")
    assert ask(api, "weather", "models/m:generateContent") == "one"


def test_invalid_request() -> None:
    """A request that the API refuses uses no step."""
    api = make_client([{"text": "one"}])
    assert api.request_fault("POST", PATH, {"contents": []})[0] == 400
    assert api.request_fault("POST", "models/gpt-4o:generateContent", {"contents": [HI]})[0] == 404
    assert ask(api) == "one"


def test_vertex() -> None:
    """A script answers on Vertex AI as well."""
    path = "projects/p/locations/us-central1/publishers/google/models/gemini-2.5-flash:generateContent"
    assert ask(make_client([{"when": {"model": "gemini-2.5-flash"}, "text": "one"}], VERTEX), path=path) == "one"


def run_batch(api: JsonClient) -> list[Any]:
    """Run a batch of three requests, and return its responses."""
    requests = {"requests": {"requests": [{"request": {"contents": [HI]}}] * 3}}
    created = api.request_json(
        "POST", "models/gemini-2.5-flash:batchGenerateContent", {"batch": {"input_config": requests}}
    )
    for _ in range(3):
        batch = api.request_json("GET", created["name"])
    responses: list[Any] = batch["metadata"]["output"]["inlinedResponses"]["inlinedResponses"]
    return responses


def test_batch() -> None:
    """Each request of a batch takes a step; an error is the error of its item."""
    api = make_client([{"text": "one"}, {"error": {"status": 503}}, {"text": "three"}])
    first, second, third = run_batch(api)
    assert (get_text(first["response"]), get_text(third["response"])) == ("one", "three")
    assert second["error"]["message"] == "The model is overloaded. Please try again later."


class TestFunction:
    def test_request(self) -> None:
        """A function receives each request with its number, model, question and body, and returns the answer."""
        received: list[ScriptedRequest] = []

        def answer(request: ScriptedRequest) -> Any:
            received.append(request)
            return (f"answer {request.number}", {"json": request.question}, None)[request.number - 1]

        api = make_client(answer)
        texts = [ask(api, generationConfig={"temperature": 0.5}) for _ in range(3)]
        assert texts[:2] == ["answer 1", '"hi"']
        assert texts[2].startswith("I am an offline model")
        first = received[0]
        assert (first.number, first.model, first.question) == (1, "gemini-2.5-flash", "hi")
        assert first.path.endswith(PATH)
        assert first.body == {"contents": [HI], "generationConfig": {"temperature": 0.5}}

    def test_batch(self) -> None:
        """A function answers each request of a batch, also if it fails on another."""
        api = make_client(lambda request: f"answer {request.number}" if request.number != 2 else 1 // 0)
        first, second, third = run_batch(api)
        assert (get_text(first["response"]), get_text(third["response"])) == ("answer 1", "answer 3")
        assert second["error"]["message"].startswith("The script's function failed on request 2")
        assert ask(api) == "answer 4"

    def test_error(self) -> None:
        """A function can answer with an error."""
        api = make_client(lambda request: {"error": {"status": 429, "retry": 2}})
        assert api.request_fault("POST", PATH, {"contents": [HI]})[:2] == (429, "RESOURCE_EXHAUSTED")

    @pytest.mark.parametrize(
        ("function", "reason"),
        [
            (lambda _: 1 // 0, "it raised ZeroDivisionError("),
            (lambda _: 3, "answer: expected a text, an answer as a mapping, or None, got 3"),
            (lambda _: {"txt": ""}, 'answer: expected no field "txt"'),
            (lambda _: {}, "answer: expected at least one of text"),
            (lambda _: {"json": object()}, "answer: expected JSON ("),
            (lambda _: "\ud800", "answer: expected JSON ("),
        ],
        ids=range(6),
    )
    def test_failed(self, function: Any, reason: str) -> None:
        """A function that raises, or returns something else, is a 500 that says what happened."""
        code, status, message = make_client(function).request_fault("POST", PATH, {"contents": [HI]})
        assert (code, status) == (500, "INTERNAL")
        assert message.startswith(f"The script's function failed on request 1: {reason}")
