"""
The connection pools.

- `slots`: who holds a place in the pool, and who waits for one.
- `state`: the slots and the idle connections of a pool; it never waits itself.
- `base`: what both pools share: their settings, the steps of sending a request, and the head of a response.
- `sync_pool`: the pool for threads.
- `async_pool`: the pool for tasks of asyncio and trio.
- `failures`: converts exceptions of the network and of HTTP into `EffectFailed`.
"""
