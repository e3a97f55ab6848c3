"""
Fuzzing: every reader of foreign data gets arbitrary bytes, and returns a value or raises an error of this library.

- ``harnesses``: the table of all harnesses: each is a function that takes bytes.
- ``wire_harnesses``, ``value_harnesses``, ``service_harnesses``, ``stored_harnesses``: the harnesses.
- ``inputs``: reads the arguments of a harness from bytes.
- ``effects``: runs programs with responses in memory.
- ``requests``: a request of every operation.
- ``mutation``: the fuzzer that is used where atheris is not installed; ``json_mutation`` changes JSON as a tree.
- ``__main__``: ``python -m tests.fuzz`` runs the fuzzer; ``python tasks.py fuzz`` runs it with atheris.
- ``seeds``: the first inputs of each harness, and every input that has found a defect; ``test_seeds`` runs them all.
"""
