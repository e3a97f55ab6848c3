"""Short-lived keys for people's own devices."""

from datetime import datetime

from genai_fn.schema.base import Message
from genai_fn.schema.live import LiveConnectConfig
from genai_fn.schema.secret_fields import SecretMessage

__all__ = ["AuthToken", "CreateAuthTokenConfig", "CreateAuthTokenParameters", "LiveConnectConstraints"]


class AuthToken(SecretMessage):
    """A key that may be given away."""

    secret_fields = ("name",)

    name: str | None = None
    """The key itself, ``auth_tokens/…``."""


class LiveConnectConstraints(Message):
    """Which sessions a key is good for."""

    model: str | None = None
    config: LiveConnectConfig | None = None


class CreateAuthTokenConfig(Message):
    """What a key is good for, and for how long."""

    expire_time: datetime | None = None
    """When messages are refused; 30 minutes from now unless told."""
    new_session_expire_time: datetime | None = None
    """When new sessions are refused; a minute from now unless told."""
    uses: int | None = None
    """How many sessions; 0 for any number, 1 unless told."""
    live_connect_constraints: LiveConnectConstraints | None = None
    lock_additional_fields: tuple[str, ...] | None = None
    """Fields of the setup that nobody may set, besides those set here; ``()`` locks just the latter."""


class CreateAuthTokenParameters(Message):
    """What making a key takes."""

    config: CreateAuthTokenConfig | None = None
