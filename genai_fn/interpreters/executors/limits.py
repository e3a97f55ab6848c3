"""How long a read may last."""

import time

from genai_fn.effects import ReadChunk
from genai_fn.errors import TimeoutPhase

__all__ = ["compute_read_limit"]


def compute_read_limit(read: ReadChunk) -> tuple[float, TimeoutPhase]:
    """Say until when a read may last, and what has run out then."""
    silent = time.monotonic() + read.idle_timeout
    return (silent, "idle") if silent < read.deadline else (read.deadline, "total")
