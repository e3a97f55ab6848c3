"""
How tasks wait, without cancel scopes of anyio: those cost more than most waits.

- `selection`: chooses one of the modules below for the event loop of the calling task.
- `asyncio_waits`: waits on asyncio, with one future, and one timer if there is a time limit.
- `trio_waits`: waits on trio, with one scope of trio.
"""
