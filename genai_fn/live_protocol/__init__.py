"""
The protocol of Live sessions. No I/O.

- ``handshake``: the request that opens a WebSocket, and the setup message.
- ``frames``: encodes messages of the client, decodes messages of the server.
- ``events_and_actions``: what the state machine receives, and what it returns.
- ``state``: the state of a session.
- ``frame_queue``: an immutable queue, for the frames of a state.
- ``call_ids``: an immutable set, for the running function calls of a state.
- ``state_machine``: sending, function calls, reconnection and closing, as a pure function of state and event.
"""
