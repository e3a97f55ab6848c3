"""Ephemeral tokens: made here, and admitted, until they are used up or expire, to live sessions alone."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta
from msgspec.structs import fields, replace

from genai_fn import codec
from genai_fn.emulator.answers import told
from genai_fn.emulator.faults import Fault, denied, invalid
from genai_fn.emulator.live.setup import Setup
from genai_fn.emulator.naming import camel
from genai_fn.emulator.reading import Asked, body_of
from genai_fn.emulator.state import State
from genai_fn.http import HttpResponse
from genai_fn.schema import AuthToken
from genai_fn.schema._base import Message, Value

__all__ = ["ROUTES", "KeptToken", "admitted", "tied"]


class KeptToken(Value):
    """What a token is good for."""

    left: int | None
    """For how many sessions; None for any number."""
    expire_time: datetime
    """When messages are refused."""
    new_session_expire_time: datetime
    """When sessions are refused."""
    setup: Mapping[str, Any] | None
    """What sessions are tied to, as JSON."""
    mask: tuple[str, ...]
    """Which fields of a setup they are tied in; none means all of it, as far as there is one."""


# Admitted


def admitted(state: State, name: str, now: datetime) -> tuple[State, KeptToken]:
    """
    Let a token open a session, which counts as one of its uses.

    Raises:
        Fault: where it is none, is used up or has expired.
    """
    token = state.kept.get(name)
    if not isinstance(token, KeptToken):
        raise denied("Token not found.")
    if token.left == 0:
        raise denied("Token has been used too many times.")
    if now >= min(token.expire_time, token.new_session_expire_time):
        raise denied("Token has expired.")
    left = None if token.left is None else token.left - 1
    return state.putting(name, replace(token, left=left)), token


def tied(token: KeptToken, setup: Setup) -> Setup:
    """Say what a session is set up with that asks for a setup: where its token ties it, what the token says."""
    if token.setup is None and not token.mask:
        return setup
    if not token.mask:
        return codec.convert(token.setup, Setup)
    tree: Mapping[str, Any] = codec.to_builtins(setup)
    for path in token.mask:
        tree = _tied(tree, token.setup or {}, path.split("."))
    return codec.convert(tree, Setup)


def _tied(tree: Mapping[str, Any], by: Mapping[str, Any], path: list[str]) -> Mapping[str, Any]:
    """Write over one field of a tree; one that is not set on the other side goes."""
    step, *rest = path
    value = _tied(_mapping(tree.get(step)), _mapping(by.get(step)), rest) if rest else by.get(step)
    others = {name: each for name, each in tree.items() if name != step}
    return others if value is None else {**others, step: value}


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


# Made


_Time = Annotated[datetime, Meta(tz=True)]


class _Body(Message):
    uses: int = 1
    expire_time: _Time | None = None
    new_session_expire_time: _Time | None = None
    bidi_generate_content_setup: Setup | None = None
    field_mask: str | None = None


def _created(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    if re.search(r"/v[0-9]\w*$", asked.base) and not asked.base.endswith("/v1alpha"):
        raise Fault(404, "NOT_FOUND", f"{asked.path} is not found: ephemeral tokens are in version v1alpha alone.")
    body = body_of(asked, _Body, "auth_token")
    if body.uses < 0:
        raise invalid(f"uses must not be less than 0, but is {body.uses}")
    setup = body.bidi_generate_content_setup
    token = KeptToken(
        left=body.uses or None,
        expire_time=_until("expire_time", body.expire_time, asked.now, timedelta(minutes=30)),
        new_session_expire_time=_until(
            "new_session_expire_time", body.new_session_expire_time, asked.now, timedelta(minutes=1)
        ),
        setup=None if setup is None else codec.to_builtins(setup),
        mask=_masked(body.field_mask or ""),
    )
    _check(token)
    state, name = state.named("auth_tokens")
    return state.putting(name, token), told(AuthToken(name=name))


ROUTES = (("POST", "auth_tokens", _created),)


def _until(name: str, given: datetime | None, now: datetime, usually: timedelta) -> datetime:
    until = now + usually if given is None else given
    if not now < until <= now + _LONGEST:
        raise invalid(f"{name} must be in the future, and by 20 hours at most.")
    return until


_LONGEST = timedelta(hours=20)


def _masked(mask: str) -> tuple[str, ...]:
    paths = tuple(camel(path.strip()) for path in mask.split(",") if path.strip())
    for path in paths:
        if path.partition(".")[0] not in _NAMES:
            raise invalid(f"field_mask: {path!r} is no field of a setup")
    return paths


_NAMES = {each.encode_name for each in fields(Setup)}


def _check(token: KeptToken) -> None:
    """Refuse a mask that goes into what has no fields: no setup could be tied by it."""
    try:
        tied(token, Setup())
    except (msgspec.ValidationError, RecursionError) as error:
        raise invalid(f"field_mask: a path leads nowhere. {error}") from None
