"""Ephemeral tokens: short-lived keys that may be given to people's own devices, for live sessions alone."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from msgspec.structs import fields

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.names import model_name, valid_model
from genai_fn.ops._parts import nothing_is_none
from genai_fn.ops._setup import Setup, said_once, setup
from genai_fn.request import POST, Call, Operation, Refusal, Request, json
from genai_fn.schema import AuthToken, CreateAuthTokenConfig, GenerationConfig, LiveConnectConfig
from genai_fn.schema._base import Message
from genai_fn.schema._convert import as_struct

__all__ = ["CreateAuthToken", "create"]

_CONSTRAINTS = "config.live_connect_constraints"


class CreateAuthToken(Operation[AuthToken]):
    """Make a key for live sessions."""

    op: ClassVar = "auth_tokens.create"

    config: CreateAuthTokenConfig = CreateAuthTokenConfig()

    def __post_init__(self) -> None:
        constraints = self.config.live_connect_constraints
        if constraints is not None and constraints.model is not None:
            valid_model(constraints.model, f"{_CONSTRAINTS}.model")
        if constraints is not None and constraints.config is not None:
            said_once(constraints.config, f"{_CONSTRAINTS}.config")
        for index, name in enumerate(self.config.lock_additional_fields or ()):
            if not name or "," in name:
                raise InvalidRequest(f"config.lock_additional_fields[{index}]", name, "the name of one field")

    def gemini(self, at: Gemini) -> Call[AuthToken]:
        return POST("auth_tokens", nothing_is_none(_token(self.config, at)), json(AuthToken))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("only the Gemini Developer API makes ephemeral tokens")


def create(config: CreateAuthTokenConfig | Mapping[str, Any] | None = None) -> Request[AuthToken]:
    """
    Make a short-lived key for live sessions: its ``name`` is what ``Gemini(api_key=…)`` takes on somebody's device.

    What ``live_connect_constraints`` says holds for every session. Without ``lock_additional_fields`` nothing else can
    be set in a session; with it, only what is set there, and the fields that it names, are fixed.

    Google offers this in version ``v1alpha``: say ``| with_options(api_version="v1alpha")``.

    Args:
        config: How often and how long the key is good, and for which sessions. Fields to lock are named as in the
            setup, those of the generation config by themselves.

    >>> create({"uses": 1, "live_connect_constraints": {"model": "m"}}).operation.config.uses
    1
    """
    return Request(CreateAuthToken(config=as_struct(CreateAuthTokenConfig, config)))


class _AuthToken(Message):
    uses: int | None = None
    expire_time: datetime | None = None
    new_session_expire_time: datetime | None = None
    bidi_generate_content_setup: Setup | None = None
    field_mask: str | None = None


def _token(config: CreateAuthTokenConfig, at: Gemini) -> _AuthToken:
    tied = _tied(config, at)
    return _AuthToken(
        uses=config.uses,
        expire_time=config.expire_time,
        new_session_expire_time=config.new_session_expire_time,
        bidi_generate_content_setup=nothing_is_none(tied),
        field_mask=_mask(tied, config),
    )


def _tied(config: CreateAuthTokenConfig, at: Gemini) -> Setup:
    constraints = config.live_connect_constraints
    if constraints is None:
        return Setup()
    model = None if constraints.model is None else model_name(at, constraints.model)
    return setup(model, constraints.config or LiveConnectConfig(), at, f"{_CONSTRAINTS}.config")


# The mask: which fields of the setup are fixed


def _mask(tied: Setup, config: CreateAuthTokenConfig) -> str | None:
    more = config.lock_additional_fields
    if more is None:
        return None
    constraints = config.live_connect_constraints
    live = None if constraints is None else constraints.config
    whole = live is not None and live.generation_config is not None
    opened = _OPENED - {"generation_config"} if whole else _OPENED
    return ",".join((*_paths(tied, opened), *map(_placed, more))) or None


_OPENED = frozenset({"generation_config", "session_resumption", "system_instruction"})
"""Of these the fields are fixed one by one, as far as they are set; a whole ``generation_config`` is fixed whole."""


def _paths(tied: Setup, opened: frozenset[str]) -> Iterator[str]:
    for each in fields(tied):
        value = getattr(tied, each.name)
        if value is not None:
            inner = _set_names(value) if each.name in opened else ()
            yield from [f"{each.encode_name}.{name}" for name in inner] or [each.encode_name]


def _set_names(value: Message) -> list[str]:
    found = [each for each in fields(value) if getattr(value, each.name) is not None]
    return [each.encode_name for each in sorted(found, key=lambda each: _ORDER.get(each.name, 0))]


_ORDER = {name: place for place, name in enumerate(LiveConnectConfig.__struct_fields__)}
"""Paths come in the order in which the config has the fields: it does not matter, but 1.51.0 has it."""


def _placed(name: str) -> str:
    return f"generationConfig.{name}" if name in _GENERATION else name


_GENERATION = frozenset((*GenerationConfig.__struct_fields__, *GenerationConfig.__struct_encode_fields__))
