"""
Cancellation and interrupts at every point.

- `cancel_points`: cancels a task at its k-th stop, and counts what it leaves.
- `scenarios`: the server, the interpreter and the requests that are cancelled.
- `interrupt_points`: interrupts a sync program at its k-th point, in a process of its own.
- `interrupted_lines`: interrupts a sync program at its k-th line, likewise.
"""
