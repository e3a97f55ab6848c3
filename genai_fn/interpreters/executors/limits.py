"""The time limit of reading a chunk."""

import time

from genai_fn.effects import ReadChunk
from genai_fn.errors import TimeoutPhase


def compute_read_limit(read: ReadChunk) -> tuple[float, TimeoutPhase]:
    """Return the deadline of a read, and the timeout phase that it means: ``"idle"`` or ``"total"``."""
    silent = time.monotonic() + read.idle_timeout
    return (silent, "idle") if silent < read.deadline else (read.deadline, "total")
