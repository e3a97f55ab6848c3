"""Starts and ends spans, and records metrics: the observer of requests, streams and live connections."""

from typing import Any

from msgspec.structs import replace
from opentelemetry.context import Context, get_current
from opentelemetry.metrics import Histogram, Meter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from genai_fn.effects import EffectFailed, OpenResponse
from genai_fn.engine.handler import RequestHandler
from genai_fn.middleware.observers import CallObserver, ObservedCall, ObservingHandler
from genai_fn.middleware.tracing.attributes import (
    find_provider,
    get_error_type,
    list_metric_attributes,
    list_request_attributes,
    list_response_attributes,
)
from genai_fn.middleware.tracing.messages import list_input_messages, list_output_messages
from genai_fn.values import Value

_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = tuple(4**power for power in range(14))
"""The boundaries of histograms that the conventions advise."""


class Instruments:
    """The histograms of a meter."""

    def __init__(self, meter: Meter) -> None:
        self.duration = _create_histogram(
            meter, "gen_ai.client.operation.duration", "s", "Duration of a call, with its retries."
        )
        self.first_chunk = _create_histogram(
            meter, "gen_ai.client.operation.time_to_first_chunk", "s", "Time to the first item of a stream."
        )
        self.tokens = _create_histogram(meter, "gen_ai.client.token.usage", "{token}", "Tokens used by a call.")
        self.tool_duration = _create_histogram(
            meter, "gen_ai.execute_tool.duration", "s", "Duration of a function that a model has called."
        )

    def record_call(self, call: ObservedCall, attributes: dict[str, Any]) -> None:
        """Record a call that has ended; of one that was cancelled the duration is not known."""
        if call.error is not None or not call.is_left or call.is_stream:
            self.duration.record(call.duration, attributes)
        if call.is_stream and call.first_item is not None:
            self.first_chunk.record(call.first_item, attributes)
        if call.usage is not None:
            counts = (("input", call.usage.input_tokens), ("output", call.usage.output_tokens))
            for kind, count in counts:
                if count:
                    self.tokens.record(count, {**attributes, "gen_ai.token.type": kind})


def _create_histogram(meter: Meter, name: str, unit: str, description: str) -> Histogram:
    bounds = _TOKENS if unit == "{token}" else _SECONDS
    return meter.create_histogram(name, unit, description, explicit_bucket_boundaries_advisory=bounds)


class _CallState:
    """The span of a call, its attributes so far, and its items if contents are captured."""

    __slots__ = ("attributes", "items", "last_error", "span")

    def __init__(self, span: Span, attributes: dict[str, Any]) -> None:
        self.span = span
        self.attributes = attributes
        self.items: list[Any] = []
        self.last_error = ""


class CallTracer(CallObserver, Value):
    """Traces requests, streams and live connections."""

    tracer: Tracer
    instruments: Instruments
    capture_content: bool
    provider: str = "gcp.gen_ai"

    def start_call(self, call: ObservedCall) -> None:
        """Start a span, whose parent is the current one."""
        attributes = list_request_attributes(call, self.provider)
        name = " ".join(filter(None, (attributes["gen_ai.operation.name"], call.model)))
        context: Context = get_current()
        span = self.tracer.start_span(name, context, SpanKind.CLIENT, attributes)
        call.state = _CallState(span, attributes)
        if self.capture_content and span.is_recording():
            span.set_attributes(list_input_messages(call))

    def start_attempt(self, call: ObservedCall) -> None:
        """Add an event for each further attempt, with the reason; a hedged one has none, as no other has failed."""
        if call.attempts > 1:
            reason = {"error.type": call.state.last_error} if call.state.last_error else {}
            call.state.span.add_event("retry", {"http.request.resend_count": call.attempts - 1, **reason})

    def end_attempt(self, call: ObservedCall, outcome: OpenResponse | EffectFailed) -> None:
        """Keep the reason of a possible retry."""
        shown = get_error_type(outcome.error) if isinstance(outcome, EffectFailed) else str(outcome.status)
        call.state.last_error = shown

    def add_item(self, call: ObservedCall) -> None:
        """Keep the items of a stream, if contents are captured."""
        if self.capture_content and call.state.span.is_recording():
            call.state.items.append(call.last_value)

    def end_call(self, call: ObservedCall) -> None:
        """End the span, and record the metrics."""
        if call.state is None:  # interrupted before it started
            return
        state: _CallState = call.state
        span, attributes = state.span, list_response_attributes(call)
        if span.is_recording():
            span.set_attributes(attributes)
            if self.capture_content:
                values = state.items or ([] if call.last_value is None else [call.last_value])
                span.set_attributes(list_output_messages(values))
        end_span(span, attributes.get("error.type"))
        self.instruments.record_call(call, list_metric_attributes({**state.attributes, **attributes}))


def trace_handler(tracer: CallTracer, handler: RequestHandler) -> ObservingHandler:
    """Trace the requests of a handler, whose backend is the provider."""
    return ObservingHandler(handler, replace(tracer, provider=find_provider(handler)))


def end_span(span: Span, error_type: str | None) -> None:
    """End a span, with an error if there is one. Its text is left out, as it might repeat contents."""
    if error_type is not None:
        span.set_attribute("error.type", error_type)
        span.set_status(Status(StatusCode.ERROR))
    span.end()
