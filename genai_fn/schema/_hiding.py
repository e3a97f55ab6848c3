"""Types that hold a secret: it goes over the wire, where else should it go, but no repr shows it."""

from typing import ClassVar

from msgspec.structs import replace

from genai_fn.schema._base import Message

__all__ = ["Hiding"]


class Hiding(Message):
    """A message some of whose fields are never shown."""

    hidden: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        kept = {name: "…" for name in self.hidden if getattr(self, name) is not None}
        return Message.__repr__(replace(self, **kept))
