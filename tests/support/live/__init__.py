"""
Helpers for the tests of live sessions.

- `sessions`: the session that most tests open, and how they open and read it.
- `websocket_peer`: a WebSocket server whose connections run scripts of messages.
- `websocket_bytes`: a server that sends scripted bytes, for what a correct WebSocket server never sends.
"""
