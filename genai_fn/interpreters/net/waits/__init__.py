"""
How tasks wait, without cancel scopes of anyio: those cost more than most waits.

- `selection`: chooses one of the modules below for the event loop of the calling task.
- `asyncio_waits`: waits on asyncio, with one future each.
- `asyncio_polling`: what the waits of one asyncio event loop share: a poll of sockets, and a timer.
- `trio_waits`: waits on trio, with one scope of trio.
"""
