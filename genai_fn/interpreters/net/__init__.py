"""
The network: sockets, connections and connection pools.

- `socket`: a non-blocking socket whose operations are generators of steps, for sync and async executors alike.
- `connect`: opens connections (addresses, proxies, TLS) and performs the steps, in a thread or in a task.
- `waits`: waits for sockets, and for other tasks, on asyncio and trio.
- `http1`: HTTP/1.1 over an open socket, with httptools, httpcore or httpcore2.
- `pool`: the connection pools.
"""
