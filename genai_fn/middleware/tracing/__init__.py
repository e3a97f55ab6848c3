"""
Traces and metrics of OpenTelemetry, by its semantic conventions for generative AI.

- `traced`: the middleware
- `spans`: starts and ends the spans, and records the metrics
- `workflows`: spans of flows and streams of several steps, and of the functions that models call
- `attributes`: attributes of requests, answers and errors
- `messages`: contents as JSON, for those who ask for them
"""
