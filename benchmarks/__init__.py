"""
Benchmarks of this library, of google-genai 1.51.0, and of the bare tools beneath, in the same run.

- ``__main__``: the command ``python -m benchmarks``.
- ``imports``, ``encoding``, ``decoding``, ``objects``, ``streaming``, ``calls``, ``sessions``, ``drawing``: one
  benchmark each, with a function ``measure``.
- ``report``: takes samples, compares them and formats the table.
- ``payloads``: requests and responses, the same for all contestants.
- ``isolated``: runs code in a new interpreter process.
- ``http_server``, ``sessions_server``: servers on loopback.
- ``child_process``: runs them, each in a process of its own.
"""
