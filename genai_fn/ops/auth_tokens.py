"""Ephemeral tokens: short-lived keys for live sessions that run on a user's device."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import fields

from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.ops.live.setup import LiveSetup, build_setup, validate_set_once
from genai_fn.ops.request_parts import copy_fields, omit_if_empty
from genai_fn.request import POST, Call, Operation, Refusal, Request, read_json
from genai_fn.schema.auth_tokens import AuthToken, CreateAuthTokenConfig
from genai_fn.schema.base import Message
from genai_fn.schema.convert import as_struct
from genai_fn.schema.generation import GenerationConfig
from genai_fn.schema.live import LiveConnectConfig
from genai_fn.wire.resource_names import check_model_name, resolve_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.resources import CreateAuthTokenConfigLike

__all__ = ["CreateAuthToken", "create"]

_CONSTRAINTS_PATH = "config.live_connect_constraints"


class CreateAuthToken(Operation[AuthToken]):
    """Create an ephemeral token for live sessions."""

    op: ClassVar = "auth_tokens.create"
    repeatable: ClassVar = False

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
        return Refusal("only the Gemini Developer API creates ephemeral tokens")


def create(config: "CreateAuthTokenConfigLike | None" = None) -> Request[AuthToken]:
    """
    Create an ephemeral token for live sessions.

    On the user's device, pass the ``name`` of the token to ``Gemini(api_key=…)``. Gemini Developer API only.

    Values in ``live_connect_constraints`` apply to every session that the token opens. What else a session can set
    depends on ``lock_additional_fields``. With None, it can set nothing: the server ignores the setup that the session
    sends. With a list, it can set everything except the constrained values and the listed fields. A token without
    constraints and without listed fields locks nothing.

    Google offers this in API version ``v1alpha``: use ``| with_options(api_version="v1alpha")``.

    Args:
        config: Number of uses, expiry, and constraints on the sessions. ``lock_additional_fields`` contains field
            names of the setup message, and field names of its generation config, without a prefix.

    Raises:
        InvalidRequest: If a field of ``config`` is unknown or has the wrong type, the constrained model name is
            invalid, a constraint is set both directly and in ``generation_config``, or a name in
            ``lock_additional_fields`` is empty or contains a comma.

    Fails with:
        Unsupported: On Vertex AI.

        ClientError: If the API version does not have the method (404).

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
    setup = _build_constrained_setup(config, at)
    return copy_fields(
        _CreateAuthTokenBody,
        config,
        bidi_generate_content_setup=omit_if_empty(setup),
        field_mask=_build_field_mask(setup, config),
    )


def _build_constrained_setup(config: CreateAuthTokenConfig, at: Gemini) -> LiveSetup:
    constraints = config.live_connect_constraints
    if constraints is None:
        return LiveSetup()
    model = None if constraints.model is None else resolve_model_name(at, constraints.model)
    return build_setup(model, constraints.config or LiveConnectConfig(), at, f"{_CONSTRAINTS_PATH}.config")


# The field mask lists the locked fields of the setup. Without a mask, the setup of a token, if any, is locked whole


def _build_field_mask(setup: LiveSetup, config: CreateAuthTokenConfig) -> str | None:
    locked = config.lock_additional_fields
    if locked is None:
        return None
    constraints = config.live_connect_constraints
    session = None if constraints is None else constraints.config
    is_whole = session is not None and session.generation_config is not None
    expanded = _EXPANDED_FIELDS - {"generation_config"} if is_whole else _EXPANDED_FIELDS
    return ",".join((*_iter_mask_paths(setup, expanded), *map(_qualify_field, locked))) or None


_EXPANDED_FIELDS = frozenset({"generation_config", "session_resumption", "system_instruction"})
"""Fields of which only the set subfields are locked; a ``generation_config`` set by the caller is locked as a whole."""


def _iter_mask_paths(setup: LiveSetup, expanded: frozenset[str]) -> Iterator[str]:
    """Iterate over the JSON names of the set fields; for a field in `expanded`, over the paths of its set subfields."""
    for each in fields(setup):
        value = getattr(setup, each.name)
        if value is not None:
            inner = _get_set_field_names(value) if each.name in expanded else ()
            yield from [f"{each.encode_name}.{name}" for name in inner] or [each.encode_name]


def _get_set_field_names(value: Message) -> list[str]:
    found = [each for each in fields(value) if getattr(value, each.name) is not None]
    return [each.encode_name for each in sorted(found, key=lambda each: _FIELD_ORDER.get(each.name, 0))]


_FIELD_ORDER = {name: place for place, name in enumerate(LiveConnectConfig.__struct_fields__)}
"""Paths are in the order of the config's fields, as in google-genai 1.51.0; the API accepts any order."""


def _qualify_field(name: str) -> str:
    """Prefix a field name with ``generationConfig.`` if it is that of a field of the generation config."""
    return f"generationConfig.{name}" if name in _GENERATION_FIELD_NAMES else name


_GENERATION_FIELD_NAMES = frozenset((*GenerationConfig.__struct_fields__, *GenerationConfig.__struct_encode_fields__))
