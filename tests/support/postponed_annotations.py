"""A function whose annotations are texts, as in modules with ``from __future__ import annotations``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from nowhere import Nothing  # type: ignore[import-not-found]  # what only checkers see

__all__ = ["later"]


def later(a: int, b: list[str], c: Literal["x"] | None = None) -> Nothing:
    """Take what is named later."""
