"""
Benchmarks of this library, of google-genai 1.51.0 and 3.6.1, and of the bare tools beneath, in turns.

- ``__main__``: the command ``python -m benchmarks``.
- ``subjects``: what is measured, one module a subject.
- ``cases``: what each contestant runs for one row.
- ``environments``: the contestants, and the interpreter of each.
- ``workers``: the processes of the contestants; takes the samples.
- ``isolated``: runs code in a new interpreter process.
- ``growth``: the cost of an item as their number grows.
- ``report``, ``plots``: the table, the JSON and the plots.
- ``payloads``: requests and responses, the same for all contestants.
- ``http_server``, ``sessions_server``: servers on loopback.
- ``child_process``: runs them, each in a process of its own.
- ``compare``: compares two checkouts.
- ``scaling``, ``scaling_combinators``, ``scaling_readers``: what is not linear in the size of its input.
"""
