"""Records what a program traces by the official SDK's in-memory exporters, as JSON."""

from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

__all__ = ["Telemetry"]


class Telemetry:
    """The providers of a test, and what they have recorded."""

    def __init__(self) -> None:
        self._spans, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meter_provider = MeterProvider(metric_readers=[self._reader])

    @property
    def spans(self) -> tuple[Any, ...]:
        """The spans that have ended, in the order of their ends."""
        return self._spans.get_finished_spans()

    def list_spans(self) -> list[dict[str, Any]]:
        """List the spans by their starts: name, kind, status, attributes, events, and the name of the parent."""
        names = {each.context.span_id: each.name for each in self.spans}
        return [
            {
                "name": each.name,
                "kind": each.kind.name,
                "status": each.status.status_code.name,
                "parent": names.get(each.parent.span_id) if each.parent is not None else None,
                "attributes": {
                    key: "a time" if "time" in key else _to_json(value)
                    for key, value in sorted(each.attributes.items())
                },
                "events": [event.name for event in each.events],
            }
            for each in sorted(self.spans, key=lambda span: span.start_time)
        ]

    def list_metrics(self) -> dict[str, Any]:
        """List the metrics by their names: unit, and for each set of attributes the count; durations are no facts."""
        data = self._reader.get_metrics_data()
        found: dict[str, Any] = {}
        for resource in data.resource_metrics if data is not None else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    points = [
                        {
                            "attributes": {key: _to_json(value) for key, value in sorted(point.attributes.items())},
                            "count": point.count,
                            **({"sum": point.sum} if metric.unit == "{token}" else {}),
                            "bounds": list(point.explicit_bounds),
                        }
                        for point in metric.data.data_points
                    ]
                    found[metric.name] = {"unit": metric.unit, "points": sorted(points, key=str)}
        return found


def _to_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
