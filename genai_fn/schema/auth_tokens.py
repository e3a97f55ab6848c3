"""Ephemeral tokens: short-lived keys for client devices."""

from datetime import datetime

from genai_fn.schema.base import Message
from genai_fn.schema.live import LiveConnectConfig
from genai_fn.schema.secret_fields import SecretMessage


class AuthToken(SecretMessage):
    """An ephemeral token, which can be given to a client device."""

    secret_fields = ("name",)

    name: str | None = None
    """The token itself, ``auth_tokens/…``."""
    expire_time: str | None = None
    """Messages are refused after this time."""
    new_session_expire_time: str | None = None
    """New sessions are refused after this time."""
    uses: int | None = None
    """Number of sessions that may be opened."""


class LiveConnectConstraints(Message):
    """The Live sessions that a token may open."""

    model: str | None = None
    config: LiveConnectConfig | None = None


class CreateAuthTokenConfig(Message):
    """Lifetime and restrictions of a new token."""

    expire_time: datetime | None = None
    """Messages are refused after this time; by default 30 minutes from now."""
    new_session_expire_time: datetime | None = None
    """New sessions are refused after this time; by default one minute from now."""
    uses: int | None = None
    """Number of sessions that may be opened; 0 is unlimited, the default is 1."""
    live_connect_constraints: LiveConnectConstraints | None = None
    lock_additional_fields: tuple[str, ...] | None = None
    """Fields of the setup that clients cannot set, in addition to those set here. ``()`` locks only those set here."""


class CreateAuthTokenParameters(Message):
    """Parameters of `auth_tokens.create`."""

    config: CreateAuthTokenConfig | None = None
