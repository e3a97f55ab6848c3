"""
The connection pools.

- `slots`: who holds a place in the pool, and who waits for one.
- `state`: the slots and the idle connections of a pool; it never waits itself.
- `base`: what both pools share: their settings and the head of a response.
- `sync_pool`: the pool for threads.
- `async_pool`: the pool for tasks of asyncio and trio.
- `log_masking`: masks credentials in httpcore's log.
- `http1`: builds requests for httpcore's HTTP/1.1 connections, and turns their errors into `EffectFailed`.
"""
