"""
Live sessions over WebSockets, on asyncio and trio.

- `session`: the session that users hold; performs the actions of the live protocol.
- `connection`: one connection of a session: its reader, its writer and its keep-alive.
- `connector`: opens connections over the network: credential, proxy, TLS, WebSocket handshake.
- `sockets`: the protocols `Connector` and `MessageSocket`, which the network and in-process interpreters implement.
- `addresses`: the address of a session as its handshake needs it.
- `asyncio_socket`: a WebSocket on asyncio, over one of the next two.
- `websockets_protocol`, `wsproto_protocol`: the protocol of a WebSocket without I/O, by ``websockets`` or ``wsproto``.
- `trio_socket`: a WebSocket on trio, by ``trio-websocket``.
- `memory_socket`: a connection to a function in this process.
- `write_queue`: the bytes that a WebSocket has still to write.
- `inbox`: received messages that were not read yet.
"""
