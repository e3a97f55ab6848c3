"""
HTTP/1.1 over an open socket: one request and its response at a time.

- `implementation`: imports httptools, httpcore or httpcore2.
- `deferred_imports`: lets httpcore import trio and anyio when it uses them.
- `requests`: the head and the body of a request.
- `response_parser`: parses the bytes of a response with httptools; no I/O.
- `exchange`: sends requests and reads responses with `response_parser`, as steps.
- `sync_connections`, `async_connections`: a connection for threads or tasks, with each implementation.
- `base`: what those two share.
- `log_masking`: masks credentials in httpcore's log.
"""
