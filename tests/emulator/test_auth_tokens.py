"""Ephemeral tokens of the emulator: creation, uses, expiry, and the setup they prescribe."""

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
from tests.support.emulator_interpreter import GEMINI, EmulatorInterpreter
from tests.support.emulator_requests import NOW, JsonClient

ALPHA = "https://generativelanguage.googleapis.com/v1alpha"


def create_token(config: Any = None) -> tuple[EmulatorState, str]:
    """Create a token with this library."""
    run = EmulatorInterpreter(GEMINI)
    token = run(auth_tokens.create(config) | with_options(api_version="v1alpha")).unwrap()
    return run.state, token.name or ""


def get_denial(state: EmulatorState, name: str, seconds: float = 0) -> str:
    """Return the message for a token that is not accepted."""
    with pytest.raises(EmulatedFault) as raised:
        redeem_token(state, name, NOW + timedelta(seconds=seconds))
    assert raised.value.code == 403
    return raised.value.message


def test_name() -> None:
    """A token is its resource name."""
    assert create_token() == (create_token()[0], "auth_tokens/auth_token1")


def test_version() -> None:
    """Tokens exist only in version ``v1alpha``, and behind gateways without a version."""
    assert JsonClient().request_fault("POST", "auth_tokens", {})[:2] == (404, "NOT_FOUND")
    assert JsonClient("http://localhost").request_json("POST", "auth_tokens", {}) == {"name": "auth_tokens/auth_token1"}


@pytest.mark.parametrize(("uses", "times"), ((None, 1), (1, 1), (3, 3)), ids=str)
def test_uses(uses: int | None, times: int) -> None:
    """A token opens as many sessions as it has uses, by default one."""
    state, name = create_token({"uses": uses})
    for _ in range(times):
        state, _token = redeem_token(state, name, NOW)
    assert get_denial(state, name) == "Token has been used too many times."


def test_unlimited() -> None:
    """With 0 uses, the number of sessions is unlimited."""
    state, name = create_token({"uses": 0})
    for _ in range(5):
        state, _token = redeem_token(state, name, NOW)
    assert state == create_token({"uses": 0})[0]


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
    """Sessions can be opened until either time has passed, by default for one minute."""
    state, name = create_token(config)
    assert redeem_token(state, name, NOW + timedelta(seconds=seconds - 1))[1].remaining_uses == 1
    assert get_denial(state, name, seconds) == "Token has expired."


def test_none() -> None:
    """An unknown token is rejected."""
    assert get_denial(EmulatorState(), "auth_tokens/x") == "Token not found."


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
    """An invalid request is rejected."""
    assert expected in JsonClient(ALPHA).request_fault("POST", "auth_tokens", body)[2]


LIVE: Any = {"response_modalities": ["TEXT"], "temperature": 0.5, "system_instruction": "Rhyme."}
REQUESTED_SETUP: Any = {"model": "models/other", "generationConfig": {"temperature": 1.0, "topK": 3.0}, "tools": []}
PRESCRIBED_SETUP: Any = {
    "model": "models/m",
    "generationConfig": {"responseModalities": ["TEXT"], "temperature": 0.5},
    "systemInstruction": {"parts": [{"text": "Rhyme."}], "role": "user"},
}


@pytest.mark.parametrize(
    ("config", "expected"),
    (
        ({}, REQUESTED_SETUP),
        ({"live_connect_constraints": {"model": "m", "config": LIVE}}, PRESCRIBED_SETUP),
        (
            {"live_connect_constraints": {"model": "m", "config": LIVE}, "lock_additional_fields": ["tools", "top_k"]},
            PRESCRIBED_SETUP,
        ),
        (
            {"live_connect_constraints": {"model": "m"}, "lock_additional_fields": []},
            {**REQUESTED_SETUP, "model": "models/m"},
        ),
        ({"lock_additional_fields": ["top_k"]}, {**REQUESTED_SETUP, "generationConfig": {"temperature": 1.0}}),
    ),
    ids=("free", "whole", "fields and more", "fields", "one field"),
)
def test_prescribed_setup(config: Any, expected: Any) -> None:
    """A token replaces the whole setup or its locked fields; other fields keep their requested values."""
    state, name = create_token(config)
    setup = apply_token_setup(redeem_token(state, name, NOW)[1], msgspec.convert(REQUESTED_SETUP, EmulatedSetup))
    assert msgspec.json.decode(msgspec.json.encode(setup)) == expected


def test_session() -> None:
    """A session uses the setup of its token, and counts as one use."""
    state, name = create_token({"live_connect_constraints": {"model": "m", "config": LIVE}})
    state, history, _ = open_session(state, b'{"setup": {}}', NOW, token=name)
    assert history.setup.model == "models/m"
    with pytest.raises(EmulatedClose) as raised:
        open_session(state, b'{"setup": {}}', NOW, token=name)
    assert (raised.value.code, raised.value.reason) == (1008, "Token has been used too many times.")
