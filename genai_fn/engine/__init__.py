"""
Runs requests and flows as generators of effects; it does no I/O itself.

- `stepper`: the loop over a generator of effects, and a transformer of them
- `futures`: what programs wait for that other threads, tasks or programs complete
- `program`: runs a flow, by translating the commands that its generator yields into effects
- `handler`: the protocol of request handlers, and the one that executes requests over HTTP, with retries
- `explaining`: runs a program up to its first request, which is written as a command and not sent
- `retry`: decides whether and when a request is retried, and whether all requests would fail
- `sent_credentials`: masks the credentials that a flow has sent in the errors that it builds
- `attempts`: one attempt at a request, whole or as a stream, and the continuation of interrupted bodies
- `call_events`: the events of one call, for a listener
- `transport`: the protocol of transports, which send one attempt
- `virtual_time`: runs a program, and the programs of races, by a clock that only sleeping advances
"""
