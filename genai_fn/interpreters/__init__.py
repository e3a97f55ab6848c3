"""
Interpreters: they run requests, flows, streams and live sessions, and do all the I/O.

- `http`, `async_http`: `Http` and `AsyncHttp`, over the network
- `connections`: their connection pool, token caches and runs in flight
- `offline/`: `Offline`, with the emulated API in this process
- `in_process`: the base class of interpreters without a network, with `aio`
- `runner`, `sync_runner`, `async_runner`: the runners that all interpreters derive from, and the items of streams
- `middleware`: wrappers of request handlers, transports, connectors and programs
- `attempts_without_http`: the attempts that middleware sees where there is no HTTP
- `curl`: ``to_curl``, which writes what would be sent as a command
- `settings`: the parameters of `Http` and `AsyncHttp`
- `mcp_servers`: ``mcp_tools``, which opens sessions with MCP servers for sync code
- `extras`: the commands that install optional dependencies
- `protocols`: the types to annotate interpreters with
- `default`: the module-level ``run`` and ``arun``
- `executors/`: performs effects, in threads or tasks
- `net/`: connections, the connection pool, HTTP/1.1
- `auth/`: OAuth tokens
- `live/`: live sessions
"""
