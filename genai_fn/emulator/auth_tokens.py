"""Ephemeral tokens: created over HTTP, and accepted only by live sessions until they expire or are used up."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from genai_fn import codec
from genai_fn.emulator.live.setup import EmulatedSetup
from genai_fn.emulator.server.faults import make_invalid_argument, make_not_found, make_permission_denied
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.resource_ids import to_camel_case
from genai_fn.emulator.server.responses import build_json_response
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema.annotations import get_defined_fields
from genai_fn.schema.auth_tokens import AuthToken
from genai_fn.schema.base import Message
from genai_fn.values import Value


class StoredToken(Value):
    """Limits of a token, and the setup it prescribes."""

    remaining_uses: int | None
    """Number of sessions that can still be opened; None means unlimited."""
    expire_time: datetime
    """Time after which messages are refused."""
    new_session_expire_time: datetime
    """Time after which new sessions are refused."""
    setup: Mapping[str, Any] | None
    """Setup of the sessions, as JSON."""
    field_mask: tuple[str, ...]
    """Paths of the setup fields that the token prescribes; empty means the whole setup, if there is one."""


def redeem_token(state: EmulatorState, name: str, now: datetime) -> tuple[EmulatorState, StoredToken]:
    """
    Check that a token may open a session, and count it as one use.

    Raises:
        EmulatedFault: If the token does not exist, is used up, or has expired.
    """
    token = state.resources.get(name)
    if not isinstance(token, StoredToken):
        raise make_permission_denied("Token not found.")
    if token.remaining_uses == 0:
        raise make_permission_denied("Token has been used too many times.")
    if now >= min(token.expire_time, token.new_session_expire_time):
        raise make_permission_denied("Token has expired.")
    remaining = None if token.remaining_uses is None else token.remaining_uses - 1
    return state.with_resource(name, replace(token, remaining_uses=remaining)), token


def apply_token_setup(token: StoredToken, setup: EmulatedSetup) -> EmulatedSetup:
    """Return the setup of a session, with the fields that its token prescribes in place of the requested ones."""
    if token.setup is None and not token.field_mask:
        return setup
    if not token.field_mask:
        return codec.convert(token.setup, EmulatedSetup)
    tree: Mapping[str, Any] = codec.to_builtins(setup)
    for path in token.field_mask:
        tree = _override_field(tree, token.setup or {}, path.split("."))
    return codec.convert(tree, EmulatedSetup)


def _override_field(tree: Mapping[str, Any], source: Mapping[str, Any], path: list[str]) -> Mapping[str, Any]:
    """Copy the field at a path from `source` to `tree`; remove it if `source` does not have it."""
    field, *rest = path
    value = source.get(field)
    if rest:
        value = _override_field(_as_mapping(tree.get(field)), _as_mapping(value), rest)
    others = {name: each for name, each in tree.items() if name != field}
    return others if value is None else {**others, field: value}


def _as_mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


_AwareDatetime = Annotated[datetime, Meta(tz=True)]


class _AuthTokenBody(Message):
    uses: int = 1
    expire_time: _AwareDatetime | None = None
    new_session_expire_time: _AwareDatetime | None = None
    bidi_generate_content_setup: EmulatedSetup | None = None
    field_mask: str | None = None


def _create_token(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    if re.search(r"/v[0-9]\w*$", request.api_root) and not request.api_root.endswith("/v1alpha"):
        raise make_not_found(f"{request.path} is not found: ephemeral tokens exist only in version v1alpha.")
    body = parse_body(request, _AuthTokenBody, "auth_token")
    if body.uses < 0:
        raise make_invalid_argument(f"uses must not be less than 0, but is {body.uses}")
    token = StoredToken(
        remaining_uses=body.uses or None,
        expire_time=_resolve_expiry("expire_time", body.expire_time, request.now, timedelta(minutes=30)),
        new_session_expire_time=_resolve_expiry(
            "new_session_expire_time", body.new_session_expire_time, request.now, timedelta(minutes=1)
        ),
        setup=codec.to_builtins(body.bidi_generate_content_setup),
        field_mask=_parse_field_mask(body.field_mask or ""),
    )
    _check_field_mask(token)
    state, name = state.assign_name("auth_tokens")
    return state.with_resource(name, token), build_json_response(AuthToken(name=name))


ROUTES = (("POST", "auth_tokens", _create_token),)


def _resolve_expiry(name: str, value: datetime | None, now: datetime, default: timedelta) -> datetime:
    time = now + default if value is None else value
    if not now < time <= now + _MAX_LIFETIME:
        raise make_invalid_argument(f"{name} must be in the future, by at most 20 hours.")
    return time


_MAX_LIFETIME = timedelta(hours=20)


def _parse_field_mask(mask: str) -> tuple[str, ...]:
    paths = tuple(to_camel_case(path.strip()) for path in mask.split(",") if path.strip())
    for path in paths:
        if path.partition(".")[0] not in _SETUP_FIELDS:
            raise make_invalid_argument(f"field_mask: {path!r} is not a field of the setup")
    return paths


_SETUP_FIELDS = {each.encode_name for each in get_defined_fields(EmulatedSetup)}


def _check_field_mask(token: StoredToken) -> None:
    """Reject a mask with a path below a field that has no subfields, such as a list."""
    try:
        apply_token_setup(token, EmulatedSetup())
    except (msgspec.ValidationError, RecursionError) as error:
        raise make_invalid_argument(f"field_mask: a path does not exist. {error}") from None
