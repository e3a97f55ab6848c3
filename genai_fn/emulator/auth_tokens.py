"""Ephemeral tokens: made here, and admitted, until they are used up or expire, to live sessions alone."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta
from msgspec.structs import fields, replace

from genai_fn import codec
from genai_fn.emulator.live.setup import EmulatedSetup
from genai_fn.emulator.server.faults import EmulatedFault, make_invalid_argument, make_permission_denied
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.resource_ids import to_camel_case
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.http import HttpResponse
from genai_fn.schema import AuthToken
from genai_fn.schema.base import Message
from genai_fn.values import Value

__all__ = ["ROUTES", "StoredToken", "apply_token_setup", "redeem_token"]


class StoredToken(Value):
    """What a token is good for."""

    remaining_uses: int | None
    """For how many sessions; None for any number."""
    expire_time: datetime
    """When messages are refused."""
    new_session_expire_time: datetime
    """When sessions are refused."""
    setup: Mapping[str, Any] | None
    """What sessions are tied to, as JSON."""
    field_mask: tuple[str, ...]
    """Which fields of a setup they are tied in; none means all of it, as far as there is one."""


# Admitted


def redeem_token(state: EmulatorState, name: str, now: datetime) -> tuple[EmulatorState, StoredToken]:
    """
    Let a token open a session, which counts as one of its uses.

    Raises:
        Fault: where it is none, is used up or has expired.
    """
    token = state.resources.get(name)
    if not isinstance(token, StoredToken):
        raise make_permission_denied("Token not found.")
    if token.remaining_uses == 0:
        raise make_permission_denied("Token has been used too many times.")
    if now >= min(token.expire_time, token.new_session_expire_time):
        raise make_permission_denied("Token has expired.")
    left = None if token.remaining_uses is None else token.remaining_uses - 1
    return state.with_resource(name, replace(token, remaining_uses=left)), token


def apply_token_setup(token: StoredToken, setup: EmulatedSetup) -> EmulatedSetup:
    """Say what a session is set up with that asks for a setup: where its token ties it, what the token says."""
    if token.setup is None and not token.field_mask:
        return setup
    if not token.field_mask:
        return codec.convert(token.setup, EmulatedSetup)
    tree: Mapping[str, Any] = codec.to_builtins(setup)
    for path in token.field_mask:
        tree = _override_field(tree, token.setup or {}, path.split("."))
    return codec.convert(tree, EmulatedSetup)


def _override_field(tree: Mapping[str, Any], by: Mapping[str, Any], path: list[str]) -> Mapping[str, Any]:
    """Write over one field of a tree; one that is not set on the other side goes."""
    step, *rest = path
    value = _override_field(_as_mapping(tree.get(step)), _as_mapping(by.get(step)), rest) if rest else by.get(step)
    others = {name: each for name, each in tree.items() if name != step}
    return others if value is None else {**others, step: value}


def _as_mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


# Made


_AwareDatetime = Annotated[datetime, Meta(tz=True)]


class _AuthTokenBody(Message):
    uses: int = 1
    expire_time: _AwareDatetime | None = None
    new_session_expire_time: _AwareDatetime | None = None
    bidi_generate_content_setup: EmulatedSetup | None = None
    field_mask: str | None = None


def _create_token(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    if re.search(r"/v[0-9]\w*$", asked.api_root) and not asked.api_root.endswith("/v1alpha"):
        raise EmulatedFault(
            404, "NOT_FOUND", f"{asked.path} is not found: ephemeral tokens are in version v1alpha alone."
        )
    body = parse_body(asked, _AuthTokenBody, "auth_token")
    if body.uses < 0:
        raise make_invalid_argument(f"uses must not be less than 0, but is {body.uses}")
    setup = body.bidi_generate_content_setup
    token = StoredToken(
        remaining_uses=body.uses or None,
        expire_time=_resolve_expiry("expire_time", body.expire_time, asked.now, timedelta(minutes=30)),
        new_session_expire_time=_resolve_expiry(
            "new_session_expire_time", body.new_session_expire_time, asked.now, timedelta(minutes=1)
        ),
        setup=None if setup is None else codec.to_builtins(setup),
        field_mask=_parse_field_mask(body.field_mask or ""),
    )
    _check_field_mask(token)
    state, name = state.assign_name("auth_tokens")
    return state.with_resource(name, token), build_json_response(AuthToken(name=name))


ROUTES = (("POST", "auth_tokens", _create_token),)


def _resolve_expiry(name: str, given: datetime | None, now: datetime, usually: timedelta) -> datetime:
    until = now + usually if given is None else given
    if not now < until <= now + _MAX_LIFETIME:
        raise make_invalid_argument(f"{name} must be in the future, and by 20 hours at most.")
    return until


_MAX_LIFETIME = timedelta(hours=20)


def _parse_field_mask(mask: str) -> tuple[str, ...]:
    paths = tuple(to_camel_case(path.strip()) for path in mask.split(",") if path.strip())
    for path in paths:
        if path.partition(".")[0] not in _SETUP_FIELDS:
            raise make_invalid_argument(f"field_mask: {path!r} is no field of a setup")
    return paths


_SETUP_FIELDS = {each.encode_name for each in fields(EmulatedSetup)}


def _check_field_mask(token: StoredToken) -> None:
    """Refuse a mask that goes into what has no fields: no setup could be tied by it."""
    try:
        apply_token_setup(token, EmulatedSetup())
    except (msgspec.ValidationError, RecursionError) as error:
        raise make_invalid_argument(f"field_mask: a path leads nowhere. {error}") from None
