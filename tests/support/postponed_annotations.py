"""A function with string annotations, from ``from __future__ import annotations``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from nowhere import Nothing  # type: ignore[import-not-found]  # for type checkers only

__all__ = ["later"]


def later(a: int, b: list[str], c: Literal["x"] | None = None) -> Nothing:
    """Have annotations of names that do not exist at run time."""
