"""
What tests share: servers, fakes, builders of values, and ways to run one test on every kind of interpreter.

- `credentials`: credentials, fetch functions and a clock for tests of tokens.
- `drawn_arguments`, `drawn_replies`, `drawn_requests`: Hypothesis strategies for calls, replies and requests.
- `emulator_interpreter`, `emulator_requests`: the emulator's HTTP API, in process.
- `first_decodes`: programs whose threads use new types concurrently.
- `http_responses`: responses as the parser of httptools and as h11 read them.
- `idle_threads`: detects when threads wait and nothing changes any more.
- `interpreter_fixtures`, `interpreter_kinds`: sync and async interpreters behind one interface.
- `interrupts`: interrupts a test while it waits.
- `limits`: time limits that adapt to the machine.
- `loopback`, `loopback_replies`: a scripted HTTP server, and common replies.
- `pool_kinds`: sync and async connection pools behind one interface.
- `postponed_annotations`: a function with string annotations.
- `schema_samples`: a value of any type of the API.
- `scripted_effects`, `scripted_model`: executors without a network, for effects and for flows.
- `virtual_time`: event loops in virtual time.
- `cancellation`: cancels and interrupts at every point.
- `google_genai`: google-genai as the reference.
- `live`: sessions and WebSocket servers.
"""
