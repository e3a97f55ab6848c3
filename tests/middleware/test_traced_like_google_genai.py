"""`traced` against, field by field, what OpenTelemetry's instrumentation of google-genai emits for equal calls."""

import json
from pathlib import Path
from typing import Any

import pytest

from genai_fn import Gemini, Http, Retry, calling, embed, generate, streamed
from genai_fn.middleware import traced
from tests.support.google_genai_traces import calls
from tests.support.google_genai_traces.export import Telemetry

CAPTURED = json.loads(Path(calls.__file__).with_name("captured.json").read_text(encoding="utf-8"))
MODEL = "gemini-2.5-flash"

DIFFERENCES = {
    "gen_ai.provider.name": "the conventions' name of the provider: gcp.gemini, where the instrumentation says gemini",
    "server.port": "recommended by the conventions, and missing in the instrumentation",
    "http.request.resend_count": "the number of retries, which the instrumentation does not see",
    "gen_ai.tool.call.id": "recommended by the conventions, and missing in the instrumentation",
    "gen_ai.tool.type": "recommended by the conventions, and missing in the instrumentation",
}
"""Attributes that differ, each with the reason; all others are equal."""

MESSAGE_DIFFERENCES = {
    "name": "null in the instrumentation, and omitted here",
    "parameters": "null in the instrumentation, which does not read a function's parameters; its JSON Schema here",
}
"""Keys in the JSON of contents that differ."""


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def perform_call(name: str, *, capture_content: bool) -> Telemetry:
    """Make one of the calls with this package."""
    call, telemetry = calls.CALLS[name], Telemetry()
    traces = traced(telemetry.tracer_provider, telemetry.meter_provider, capture_content=capture_content)
    with (
        calls.ReplyServer(call["replies"]) as server,
        Http(Gemini("test-key", base_url=server.url), retry=Retry(attempts=1)) as http,
    ):
        run = http.with_middleware(traces)
        request = generate(MODEL, call["contents"], call["config"] if call["method"] != "embed" else {})
        match call["method"]:
            case "generate":
                run(request)
            case "stream":
                list(run.stream(request | streamed))
            case "calling":
                run(request | calling(add))
            case _:
                run(embed(MODEL, call["contents"], call["config"]))
    return telemetry


def select_comparable(attributes: dict[str, Any]) -> dict[str, Any]:
    """Leave out what differs, and parse the JSON of contents."""
    return {
        name: _strip_keys(json.loads(value)) if isinstance(value, str) and value.startswith(("[", "{")) else value
        for name, value in attributes.items()
        if name not in DIFFERENCES
    }


def _strip_keys(value: Any) -> Any:
    if isinstance(value, list):
        return [_strip_keys(each) for each in value]
    if isinstance(value, dict):
        is_call = value.get("type") == "tool_call"
        return {key: _strip_keys(each) for key, each in value.items() if key not in MESSAGE_DIFFERENCES or is_call}
    return value


@pytest.mark.parametrize("name", sorted(set(calls.CALLS) - {"tool"}))
@pytest.mark.parametrize("capture_content", [False, True])
def test_spans(name: str, capture_content: bool) -> None:
    """The span of a request or a stream has the same name, kind, status and attributes."""
    (ours,) = perform_call(name, capture_content=capture_content).list_spans()
    (theirs,) = CAPTURED[name]["with content"] if capture_content else CAPTURED[name]["without content"]["spans"]
    for key in ("name", "kind", "status", "parent", "events"):
        assert ours[key] == theirs[key]
    assert select_comparable(ours["attributes"]) == select_comparable(theirs["attributes"])


def test_spans_of_a_calling_loop() -> None:
    """A loop of function calls is a span around one for each request, where the instrumentation has one for all."""
    workflow, first, tool, second = perform_call("tool", capture_content=False).list_spans()
    their_request, their_tool = CAPTURED["tool"]["without content"]["spans"]
    assert (workflow["name"], workflow["kind"], workflow["parent"]) == (
        "invoke_workflow calling_loop",
        "INTERNAL",
        None,
    )
    assert [first["parent"], tool["parent"], second["parent"]] == [workflow["name"]] * 3
    for each in (first, second):
        assert (each["name"], each["kind"]) == (their_request["name"], their_request["kind"])
        assert select_comparable(each["attributes"]) == select_comparable(their_request["attributes"])
    assert (tool["name"], tool["kind"], tool["status"]) == (their_tool["name"], "INTERNAL", "UNSET")
    assert select_comparable(tool["attributes"]) == select_comparable(their_tool["attributes"])


def test_contents_of_a_calling_loop() -> None:
    """The arguments and the result of a function are the same JSON."""
    _, first, tool, _ = perform_call("tool", capture_content=True).list_spans()
    their_request, their_tool = CAPTURED["tool"]["with content"]
    assert select_comparable(tool["attributes"]) == select_comparable(their_tool["attributes"])
    names = ("gen_ai.input.messages", "gen_ai.tool.definitions")
    ours, theirs = (select_comparable(each["attributes"]) for each in (first, their_request))
    assert [ours[name] for name in names] == [theirs[name] for name in names]


@pytest.mark.parametrize("name", sorted(calls.CALLS))
def test_metrics(name: str) -> None:
    """The metrics have the same names, units, boundaries, attributes, counts and sums, except those listed here."""
    ours = perform_call(name, capture_content=False).list_metrics()
    theirs = CAPTURED[name]["without content"]["metrics"]
    theirs.pop("gen_ai.client.operation.time_per_output_chunk", None)  # items may arrive several at once
    assert ours.keys() == theirs.keys()
    for metric, recorded in theirs.items():
        assert ours[metric]["unit"] == recorded["unit"]
        for our_point, their_point in zip(ours[metric]["points"], recorded["points"], strict=True):
            factor = 2 if name == "tool" and metric.startswith("gen_ai.client") else 1  # each request, not the last
            assert our_point["bounds"] == their_point["bounds"]
            assert our_point["count"] == factor * their_point["count"]
            assert our_point.get("sum") == (factor * their_point["sum"] if "sum" in their_point else None)
            assert select_comparable(our_point["attributes"]) == select_comparable(their_point["attributes"])
