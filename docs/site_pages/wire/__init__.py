"""
The sections of the reference that show each builder on the wire: an HTTP request, its response, and a failure.

Nothing in them is written by hand: each example is a few lines of Python, which run against the emulated API while the
pages are written.

- `examples`: what an example is: the lines of a call that succeeds, and of one that fails.
- `content_examples`, `storage_examples`, `job_examples`, `live_examples`: the examples, one for each builder.
- `table`: all of them by builder, and the builders that need one.
- `running`: runs an example on a backend, and records its HTTP exchanges or the messages of its session.
- `formatting`: writes recorded exchanges as text: masked, indented and shortened.
- `sections`: writes the section of a builder as Markdown.
"""
