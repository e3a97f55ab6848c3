"""
Opening connections.

- `connection`: URL to target, target to connected socket: DNS, TCP, proxy and TLS handshake, as steps.
- `addresses`: connects to the first address of a host that accepts: Happy Eyeballs.
- `proxies`: finds the proxy for a host, in a setting or in the environment.
- `tunnel`: asks a proxy for a tunnel: HTTP ``CONNECT`` and SOCKS5.
- `trust`: the TLS context, with the system's certificate authorities or certifi's.
- `sync_steps`: performs steps in the calling thread, until a deadline.
- `async_steps`: performs steps in a task of asyncio or trio.
"""
