"""Base class of types with secret fields: they are sent, but not shown by ``repr``."""

from typing import ClassVar

from msgspec.structs import replace

from genai_fn.schema.base import Message, OpenMessage


class SecretMessage(OpenMessage):
    """A message whose secret fields are masked in its ``repr``."""

    secret_fields: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        kept = {name: "…" for name in self.secret_fields if getattr(self, name) is not None}
        return Message.__repr__(replace(self, **kept))
