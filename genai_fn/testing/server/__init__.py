"""
The emulator served over HTTP and WebSocket.

- ``asgi``: `Emulator`, an ASGI application that holds the state and the injected faults.
- ``request_log``: remembers the requests received.
- ``browser_checks``: refuses requests of web pages.
- ``asgi_events``: reads and sends ASGI messages.
- ``serving``: runs the application in uvicorn (needs the extra ``emulator``).
"""
