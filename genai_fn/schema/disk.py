"""The two places where a type touches the disk: ``from_file`` and ``save``, of `Image` and `Video`."""

__all__ = ["read_file", "write_file"]


def read_file(location: str) -> bytes:
    """Read a whole file."""
    from pathlib import Path  # noqa: PLC0415  # whoever reads no file need not load it

    return Path(location).read_bytes()


def write_file(location: str, content: bytes) -> None:
    """Write a whole file."""
    from pathlib import Path  # noqa: PLC0415  # whoever writes no file need not load it

    Path(location).write_bytes(content)
