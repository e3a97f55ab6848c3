"""
Interpreters whose answers Hypothesis draws.

- ``interpreter``: the strategy `interpreters`, and the interpreter.
- ``conversation``: the requests and drawn answers of an interpreter, which a failing test prints as code.
- ``live_replies``: strategies for the server messages of live sessions.
- ``live_connector``: connects live sessions to drawn messages.
"""
