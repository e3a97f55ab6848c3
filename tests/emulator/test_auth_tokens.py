"""Ephemeral tokens from the emulator: made, used up, expired; and what they tie sessions to."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from genai_fn import auth_tokens
from genai_fn.emulator import EmulatorState
from genai_fn.emulator.auth_tokens import apply_token_setup, redeem_token
from genai_fn.emulator.live.sessions import EmulatedClose, open_session
from genai_fn.emulator.live.setup import EmulatedSetup
from genai_fn.emulator.server.faults import EmulatedFault
from genai_fn.modifiers import with_options
from tests.support.emulator_interpreter import GEMINI, Wired
from tests.support.emulator_requests import NOW, Api

ALPHA = "https://generativelanguage.googleapis.com/v1alpha"


def made(config: Any = None) -> tuple[EmulatorState, str]:
    """Make a token as this library does."""
    run = Wired(GEMINI)
    token = run(auth_tokens.create(config) | with_options(api_version="v1alpha")).unwrap()
    return run.state, token.name or ""


def why(state: EmulatorState, name: str, seconds: float = 0) -> str:
    """Give what is said to who is not admitted."""
    with pytest.raises(EmulatedFault) as caught:
        redeem_token(state, name, NOW + timedelta(seconds=seconds))
    assert caught.value.code == 403
    return caught.value.message


def test_name() -> None:
    """A token is its name."""
    assert made() == (made()[0], "auth_tokens/auth_token1")


def test_version() -> None:
    """Other versions than ``v1alpha`` have no tokens; behind a gateway there is none to go by."""
    assert Api().fault("POST", "auth_tokens", {})[:2] == (404, "NOT_FOUND")
    assert Api("http://localhost").told("POST", "auth_tokens", {}) == {"name": "auth_tokens/auth_token1"}


@pytest.mark.parametrize(("uses", "times"), ((None, 1), (1, 1), (3, 3)), ids=str)
def test_uses(uses: int | None, times: int) -> None:
    """A token opens so many sessions, one if nothing is said."""
    state, name = made({"uses": uses})
    for _ in range(times):
        state, _token = redeem_token(state, name, NOW)
    assert why(state, name) == "Token has been used too many times."


def test_any_number() -> None:
    """Of 0 uses there is no end."""
    state, name = made({"uses": 0})
    for _ in range(5):
        state, _token = redeem_token(state, name, NOW)
    assert state == made({"uses": 0})[0]


@pytest.mark.parametrize(
    ("config", "seconds"),
    (
        ({}, 60),
        ({"new_session_expire_time": NOW + timedelta(seconds=5)}, 5),
        ({"expire_time": NOW + timedelta(seconds=7)}, 7),
    ),
    ids=range(3),
)
def test_expires(config: Any, seconds: float) -> None:
    """Sessions are opened until one of two times, a minute from now if nothing is said."""
    state, name = made(config)
    assert redeem_token(state, name, NOW + timedelta(seconds=seconds - 1))[1].remaining_uses == 1
    assert why(state, name, seconds) == "Token has expired."


def test_none() -> None:
    """What is no token opens nothing."""
    assert why(EmulatorState(), "auth_tokens/x") == "Token not found."


@pytest.mark.parametrize(
    ("body", "expected"),
    (
        ({"uses": -1}, "uses must not be less than 0, but is -1"),
        ({"expireTime": "2025-01-01T00:00:00Z"}, "expire_time must be in the future"),
        ({"newSessionExpireTime": "2026-01-03T00:00:00Z"}, "new_session_expire_time must be in the future"),
        ({"expireTime": "2026-01-01T01:00:00"}, "timezone"),
        ({"fieldMask": "mood"}, "'mood' is not a field of the setup"),
        ({"fieldMask": "system_instruction.parts.text"}, "a path does not exist. Expected `array | null`"),
        ({"fieldMask": f"model{'.a' * 5000}"}, "a path does not exist. maximum recursion"),
        (
            {"bidiGenerateContentSetup": {"mood": 1}},
            "Unknown name \"mood\" at 'auth_token.bidi_generate_content_setup'",
        ),
    ),
    ids=range(8),
)
def test_refused(body: Any, expected: str) -> None:
    """What makes no sense is refused."""
    assert expected in Api(ALPHA).fault("POST", "auth_tokens", body)[2]


LIVE: Any = {"response_modalities": ["TEXT"], "temperature": 0.5, "system_instruction": "Rhyme."}
OWN: Any = {"model": "models/other", "generationConfig": {"temperature": 1.0, "topK": 3.0}, "tools": []}
TIED: Any = {
    "model": "models/m",
    "generationConfig": {"responseModalities": ["TEXT"], "temperature": 0.5},
    "systemInstruction": {"parts": [{"text": "Rhyme."}], "role": "user"},
}


@pytest.mark.parametrize(
    ("config", "expected"),
    (
        ({}, OWN),
        ({"live_connect_constraints": {"model": "m", "config": LIVE}}, TIED),
        (
            {"live_connect_constraints": {"model": "m", "config": LIVE}, "lock_additional_fields": ["tools", "top_k"]},
            TIED,
        ),
        (
            {"live_connect_constraints": {"model": "m"}, "lock_additional_fields": []},
            {**OWN, "model": "models/m"},
        ),
        ({"lock_additional_fields": ["top_k"]}, {**OWN, "generationConfig": {"temperature": 1.0}}),
    ),
    ids=("free", "whole", "fields and more", "fields", "one field"),
)
def test_tied(config: Any, expected: Any) -> None:
    """A session is set up as its token says: in all, or in the fields that are locked; the rest is its own."""
    state, name = made(config)
    setup = apply_token_setup(redeem_token(state, name, NOW)[1], msgspec.convert(OWN, EmulatedSetup))
    assert msgspec.json.decode(msgspec.json.encode(setup)) == expected


def test_session() -> None:
    """A session opens with a token as the token has it, and the token is used up."""
    state, name = made({"live_connect_constraints": {"model": "m", "config": LIVE}})
    state, line, _ = open_session(state, b'{"setup": {}}', NOW, token=name)
    assert line.setup.model == "models/m"
    with pytest.raises(EmulatedClose) as caught:
        open_session(state, b'{"setup": {}}', NOW, token=name)
    assert (caught.value.code, caught.value.reason) == (1008, "Token has been used too many times.")
