"""
Executors: they perform the effects of a program, and close what it leaves open.

- `sync_executor`: in the calling thread; concurrent programs get threads of their own
- `async_executor`: in the calling task, on asyncio or trio
- `cancel_handle`: cancels a request from another thread
- `files`: file effects, in both
- `limits`: the time limit of a read, in both
- `threads`: waiting for other threads, where a signal may interrupt anywhere
- `event_loops`: between threads and event loops
- `run_registry`: the runs of an interpreter that are in flight
- `tasks`: tasks in the background of a block
"""
