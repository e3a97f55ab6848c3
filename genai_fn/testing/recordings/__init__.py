"""
Recordings of requests and their results, as lines of JSON in a file.

- ``interpreters``: `recording`, the middleware that records or replays an interpreter.
- ``replay``: `Replay`, an interpreter that replays a file, and the request handler of both.
- ``recorder``: records the requests that pass through a handler; ``live_sessions`` records and replays live sessions.
- ``sequence``: recorded calls in their order; ``calls``: those of this library, with their results.
- ``file``: reads and writes recording files.
- ``serialize``: converts requests, results and errors to JSON, and back.
- ``foreign/``: reads and replays recordings of google-genai and vcrpy.
- ``scrub``: masks credentials and other secrets.
"""
