"""The middleware that traces calls with OpenTelemetry."""

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from genai_fn.errors import InvalidRequest, MissingExtra
from genai_fn.interpreters.extras import install_command
from genai_fn.interpreters.middleware import SeveralSeams
from genai_fn.middleware.observers import ObservedConnector
from genai_fn.options import check_type

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider  # optional
    from opentelemetry.trace import Tracer, TracerProvider


def traced(
    tracer_provider: "TracerProvider | None" = None,
    meter_provider: "MeterProvider | None" = None,
    *,
    capture_content: bool = False,
) -> SeveralSeams:
    """
    Trace calls with OpenTelemetry, by its semantic conventions for generative AI.

    Each request, stream and live connection is a span with the model, the parameters, tokens, finish reasons and the
    type of an error; retries are events of it. A flow of several steps is a span around its requests, and each function
    that a model calls one around what the function does. Metrics count tokens, and measure durations and the time to
    the first chunk. The parent of a span is the caller's.

    Args:
        tracer_provider: Where spans go; None for the global one.

        meter_provider: Where metrics go; None for the global one.

        capture_content: Whether spans contain messages, system instructions, declarations of functions, and their
            arguments and results.

    Raises:
        InvalidRequest: If a provider has no tracers or meters, or ``capture_content`` is not a bool.

        MissingExtra: If ``opentelemetry-api`` is not installed.

    >>> from opentelemetry.sdk.trace import TracerProvider
    >>> from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    >>> from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    >>> from genai_fn import Offline, generate, text
    >>> provider, spans = TracerProvider(), InMemorySpanExporter()
    >>> provider.add_span_processor(SimpleSpanProcessor(spans))
    >>> run = Offline().with_middleware(traced(provider))
    >>> _ = run(generate("gemini-2.5-flash", "hi") | text)
    >>> [each.name for each in spans.get_finished_spans()]
    ['generate_content gemini-2.5-flash']
    """
    _check_provider("traced.tracer_provider", tracer_provider, "get_tracer")
    _check_provider("traced.meter_provider", meter_provider, "get_meter")
    check_type(bool, "traced.capture_content", capture_content)
    try:
        trace: Any = import_module("opentelemetry.trace")
        metrics: Any = import_module("opentelemetry.metrics")
    except ImportError:
        raise MissingExtra("opentelemetry-api", "traced()", install_command("opentelemetry-api")) from None
    from genai_fn.middleware.tracing import spans, workflows  # noqa: PLC0415  # they import the optional package

    tracer: Tracer = trace.get_tracer("genai_fn", None, tracer_provider, _SCHEMA_URL)
    instruments = spans.Instruments(metrics.get_meter("genai_fn", "", meter_provider, _SCHEMA_URL))
    call_tracer = spans.CallTracer(tracer, instruments, capture_content)
    return SeveralSeams(
        handler=partial(spans.trace_handler, call_tracer),
        session=partial(ObservedConnector, observer=call_tracer),
        program=workflows.WorkflowTracer(tracer, instruments, capture_content),
        name=f"traced({tracer_provider!r}, {meter_provider!r}, {capture_content=})",
    )


def _check_provider(path: str, provider: object, method: str) -> None:
    if provider is not None and not callable(getattr(provider, method, None)):
        raise InvalidRequest(path, provider, f"None, or a provider with the method {method}")


_SCHEMA_URL = "https://opentelemetry.io/schemas/1.43.0"
