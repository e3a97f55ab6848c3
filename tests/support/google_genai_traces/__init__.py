"""
The spans and metrics of google-genai under ``opentelemetry-instrumentation-google-genai``, as committed facts.

- `calls`: the calls and the replies of the server, which both sides share.
- `capture`: runs google-genai and rewrites ``captured.json``. It runs in an environment of its own, with
  ``google-genai==1.51.0``, ``opentelemetry-sdk`` and ``opentelemetry-instrumentation-google-genai==1.3b0``:
  ``python -m tests.support.google_genai_traces.capture``.
- `export`: converts the spans and metrics of the official SDK's in-memory exporters to JSON.
"""
