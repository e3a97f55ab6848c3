"""Types that hold a secret: it goes over the wire, where else should it go, but no repr shows it."""

from typing import ClassVar

from msgspec.structs import replace

from genai_fn.schema.base import Message

__all__ = ["SecretMessage"]


class SecretMessage(Message):
    """A message some of whose fields are never shown."""

    secret_fields: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        kept = {name: "…" for name in self.secret_fields if getattr(self, name) is not None}
        return Message.__repr__(replace(self, **kept))
