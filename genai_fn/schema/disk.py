"""Reads and writes files, for ``from_file`` of `Part`, and ``from_file`` and ``save`` of `Image` and `Video`."""


def read_file(location: str) -> bytes:
    """Read a whole file."""
    from pathlib import Path  # noqa: PLC0415  # slow to load, and rarely needed

    return Path(location).read_bytes()


def write_file(location: str, content: bytes) -> None:
    """Write a whole file."""
    from pathlib import Path  # noqa: PLC0415  # slow to load, and rarely needed

    Path(location).write_bytes(content)
