"""Ephemeral tokens: short-lived keys that may be given to people's own devices, for live sessions alone."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from msgspec.structs import fields

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.ops.live.setup import LiveSetup, build_setup, validate_set_once
from genai_fn.ops.request_parts import omit_if_empty
from genai_fn.request import POST, Call, Operation, Refusal, Request, read_json
from genai_fn.schema import AuthToken, CreateAuthTokenConfig, GenerationConfig, LiveConnectConfig
from genai_fn.schema.base import Message
from genai_fn.schema.convert import as_struct
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

__all__ = ["CreateAuthToken", "create"]

_CONSTRAINTS_PATH = "config.live_connect_constraints"


class CreateAuthToken(Operation[AuthToken]):
    """Make a key for live sessions."""

    op: ClassVar = "auth_tokens.create"

    config: CreateAuthTokenConfig = CreateAuthTokenConfig()

    def __post_init__(self) -> None:
        constraints = self.config.live_connect_constraints
        if constraints is not None and constraints.model is not None:
            check_model_name(constraints.model, f"{_CONSTRAINTS_PATH}.model")
        if constraints is not None and constraints.config is not None:
            validate_set_once(constraints.config, f"{_CONSTRAINTS_PATH}.config")
        for index, name in enumerate(self.config.lock_additional_fields or ()):
            if not name or "," in name:
                raise InvalidRequest(f"config.lock_additional_fields[{index}]", name, "the name of one field")

    def gemini(self, at: Gemini) -> Call[AuthToken]:
        return POST("auth_tokens", omit_if_empty(_encode_token(self.config, at)), read_json(AuthToken))

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


class _CreateAuthTokenBody(Message):
    uses: int | None = None
    expire_time: datetime | None = None
    new_session_expire_time: datetime | None = None
    bidi_generate_content_setup: LiveSetup | None = None
    field_mask: str | None = None


def _encode_token(config: CreateAuthTokenConfig, at: Gemini) -> _CreateAuthTokenBody:
    tied = _build_constrained_setup(config, at)
    return _CreateAuthTokenBody(
        uses=config.uses,
        expire_time=config.expire_time,
        new_session_expire_time=config.new_session_expire_time,
        bidi_generate_content_setup=omit_if_empty(tied),
        field_mask=_build_field_mask(tied, config),
    )


def _build_constrained_setup(config: CreateAuthTokenConfig, at: Gemini) -> LiveSetup:
    constraints = config.live_connect_constraints
    if constraints is None:
        return LiveSetup()
    model = None if constraints.model is None else resolve_model_name(at, constraints.model)
    return build_setup(model, constraints.config or LiveConnectConfig(), at, f"{_CONSTRAINTS_PATH}.config")


# The mask: which fields of the setup are fixed


def _build_field_mask(tied: LiveSetup, config: CreateAuthTokenConfig) -> str | None:
    more = config.lock_additional_fields
    if more is None:
        return None
    constraints = config.live_connect_constraints
    live = None if constraints is None else constraints.config
    whole = live is not None and live.generation_config is not None
    opened = _EXPANDED_FIELDS - {"generation_config"} if whole else _EXPANDED_FIELDS
    return ",".join((*_iter_mask_paths(tied, opened), *map(_qualify_field, more))) or None


_EXPANDED_FIELDS = frozenset({"generation_config", "session_resumption", "system_instruction"})
"""Of these the fields are fixed one by one, as far as they are set; a whole ``generation_config`` is fixed whole."""


def _iter_mask_paths(tied: LiveSetup, opened: frozenset[str]) -> Iterator[str]:
    for each in fields(tied):
        value = getattr(tied, each.name)
        if value is not None:
            inner = _get_set_field_names(value) if each.name in opened else ()
            yield from [f"{each.encode_name}.{name}" for name in inner] or [each.encode_name]


def _get_set_field_names(value: Message) -> list[str]:
    found = [each for each in fields(value) if getattr(value, each.name) is not None]
    return [each.encode_name for each in sorted(found, key=lambda each: _FIELD_ORDER.get(each.name, 0))]


_FIELD_ORDER = {name: place for place, name in enumerate(LiveConnectConfig.__struct_fields__)}
"""Paths come in the order in which the config has the fields: it does not matter, but 1.51.0 has it."""


def _qualify_field(name: str) -> str:
    return f"generationConfig.{name}" if name in _GENERATION_FIELD_NAMES else name


_GENERATION_FIELD_NAMES = frozenset((*GenerationConfig.__struct_fields__, *GenerationConfig.__struct_encode_fields__))
