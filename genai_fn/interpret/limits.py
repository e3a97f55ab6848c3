"""How long a read may last."""

import time

from genai_fn.effects import Read
from genai_fn.errors import Phase

__all__ = ["read_limit"]


def read_limit(read: Read) -> tuple[float, Phase]:
    """Say until when a read may last, and what has run out then."""
    silent = time.monotonic() + read.idle
    return (silent, "idle") if silent < read.deadline else (read.deadline, "total")
