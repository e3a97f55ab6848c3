"""
google-genai as the reference.

- `oracle`: the requests that google-genai sends, and the values that it parses.
- `agreement`: compares them with ours.
- `captured_sessions`: the frames of its live sessions.
- `official_sdk`: runs the unmodified library against the emulator.
"""
