"""Rewrites the captured spans and metrics; see the package."""

import json
import os
from pathlib import Path
from typing import Any

from google import genai
from google.genai import errors, types

from tests.support.google_genai_traces.calls import CALLS, ReplyServer
from tests.support.google_genai_traces.export import Telemetry

FILE = Path(__file__).with_name("captured.json")


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def perform_call(client: Any, call: dict[str, Any]) -> None:
    """Make a call, and read its answer to the end."""
    arguments = {"model": "gemini-2.5-flash", "contents": call["contents"]}
    try:
        match call["method"]:
            case "generate":
                client.models.generate_content(**arguments, config=call["config"] or None)
            case "stream":
                list(client.models.generate_content_stream(**arguments, config=call["config"] or None))
            case "calling":
                client.models.generate_content(**arguments, config={"tools": [add]})
            case _:
                client.models.embed_content(**arguments, config=call["config"])
    except errors.APIError as error:
        print("as expected:", error.code)  # noqa: T201  # a script


def capture(call: dict[str, Any], *, content: bool) -> dict[str, Any]:
    """Capture the spans and metrics of a call."""
    from opentelemetry.instrumentation.google_genai import GoogleGenAiSdkInstrumentor  # only here

    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY" if content else "NO_CONTENT"
    telemetry = Telemetry()
    instrumentor = GoogleGenAiSdkInstrumentor()
    instrumentor.instrument(tracer_provider=telemetry.tracer_provider, meter_provider=telemetry.meter_provider)
    try:
        with ReplyServer(call["replies"]) as server:
            options = types.HttpOptions(base_url=server.url)
            perform_call(genai.Client(api_key="test-key", http_options=options), call)
    finally:
        instrumentor.uninstrument()
    return {"spans": telemetry.list_spans(), "metrics": telemetry.list_metrics()}


def main() -> None:
    """Capture all calls, without and with contents."""
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
    captured = {
        name: {
            "without content": capture(call, content=False),
            "with content": capture(call, content=True)["spans"],
        }
        for name, call in CALLS.items()
    }
    FILE.write_text(json.dumps(captured, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
