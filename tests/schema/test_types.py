"""Rules for all types of the API: they are values, survive JSON, and accept unknown values."""

import copy
import json
import pickle
from typing import Any

import msgspec
import pytest

from genai_fn.schema import (
    ApiAuth,
    ApiAuthApiKeyConfig,
    ApiKeyConfig,
    AuthConfig,
    AuthConfigOauthConfig,
    AuthConfigOidcConfig,
    AuthToken,
    Blob,
    Candidate,
    Content,
    FileState,
    GenerateContentConfig,
    GenerateContentResponse,
    HarmCategory,
    ImagePromptLanguage,
    Message,
    OpenEnum,
    OpenMessage,
    Part,
    Schema,
    Type,
)
from genai_fn.schema.convert import as_struct
from genai_fn.wire.lenient_json import parse_json
from tests.support.check_each import check_each
from tests.support.schema_samples import ENUMS, MESSAGES, build_sample

each_type = check_each(MESSAGES)
each_enum = check_each(ENUMS)


def decode_encoded(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value), type=type(value))


@each_type
def test_round_trip(kind: type[Message]) -> None:
    """Encoding and decoding gives an equal value."""
    value = build_sample(kind)
    assert decode_encoded(value) == value


@each_type
def test_unset(kind: type[Message]) -> None:
    """Unset fields are not encoded."""
    assert msgspec.json.encode(kind()) == b"{}"


@each_type
def test_unknown_fields(kind: type[Message]) -> None:
    """Unknown fields are kept when decoding, or ignored in a type that does not go over the wire."""
    decoded = parse_json(kind, b'{"fieldOfNextYear":{"deep":[1,null]}}')
    assert decoded == (
        kind(extra={"fieldOfNextYear": {"deep": [1, None]}}) if issubclass(kind, OpenMessage) else kind()
    )


@each_type
def test_copies(kind: type[Message]) -> None:
    """Values pickle, and copies are equal."""
    value = build_sample(kind, depth=2)
    assert [pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)] == [value] * 3


@each_type
def test_frozen(kind: type[Message]) -> None:
    """Values are frozen."""
    for name in kind.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(kind(), name, None)


@each_type
def test_hints_are_no_attributes(kind: type[Message]) -> None:
    """The attributes of other libraries, for which an error names what to use, do not exist and are not listed."""
    value = kind()
    for name in ("model_dump", "parsed", "choices"):
        assert not hasattr(value, name)
        assert not hasattr(kind, name)
        assert name not in dir(value)
    assert set(kind.__struct_fields__) <= set(dir(value))


@each_type
def test_positional(kind: type[Message]) -> None:
    """Fields are keyword-only."""
    with pytest.raises(TypeError):
        kind("x")  # type: ignore[call-arg]  # the mistake is the test


@each_type
def test_converted(kind: type[Message]) -> None:
    """A value with all fields set needs no conversion, and its JSON converts to an equal value."""
    value = build_sample(kind)
    assert as_struct(kind, value) == value
    assert as_struct(kind, json.loads(msgspec.json.encode(value))) == value


@each_enum
def test_known_members(kind: type[OpenEnum]) -> None:
    """A listed value gives the same member each time."""
    for each in kind:
        assert kind(each.value) is each


@each_enum
def test_unknown_members(kind: type[OpenEnum]) -> None:
    """An unlisted value has the enum type, equals its text, pickles, and is not a member."""
    new = kind("Value_of_next_year")
    assert isinstance(new, kind)
    assert [new, pickle.loads(pickle.dumps(new)), copy.deepcopy(new)] == ["Value_of_next_year"] * 3
    assert new not in list(kind)


def test_lower_case() -> None:
    """Members are found in lower case, too, as in google-genai."""
    assert Type("string") is Type.STRING
    assert as_struct(Schema, {"type": "object"}).type is Type.OBJECT


def test_lower_case_members() -> None:
    """Lower-case members keep their case."""
    assert ImagePromptLanguage("en") is ImagePromptLanguage.en
    assert msgspec.json.encode(ImagePromptLanguage.en) == b'"en"'


def test_unknown_enum_round_trip() -> None:
    """An unlisted enum value is encoded unchanged."""
    encoded = b'{"finishReason":"TIRED"}'
    candidate = msgspec.json.decode(encoded, type=Candidate)
    assert candidate.finish_reason == "TIRED"
    assert msgspec.json.encode(candidate) == encoded


def test_empty_is_sent() -> None:
    """Zero, False and empty values are encoded; only None is omitted."""
    config = GenerateContentConfig(temperature=0.0, seed=0, audio_timestamp=False, stop_sequences=(), cached_content="")
    assert json.loads(msgspec.json.encode(config)) == {
        "temperature": 0.0,
        "seed": 0,
        "audioTimestamp": False,
        "stopSequences": [],
        "cachedContent": "",
    }


def test_hash() -> None:
    """Values without mappings are hashable, and equal ones have equal hashes."""
    assert {Part(text="a"), Part(text="a"), Part(text="b")} == {Part(text="b"), Part(text="a")}
    assert hash(Content(parts=(Part(text="a"),))) == hash(Content(parts=(Part(text="a"),)))


def test_repr() -> None:
    """The repr contains the fields that are set, with long bytes truncated."""
    assert repr(Part(text="a")) == "Part(text='a')"
    assert (
        repr(Blob(data=b"\x00" * 3_000_000))
        == "Blob(data=<3000000 bytes b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'…>)"
    )


@pytest.mark.parametrize(
    "value",
    [
        ApiAuth(api_key_config=ApiAuthApiKeyConfig(api_key_string="test-key")),
        AuthConfig(api_key_config=ApiKeyConfig(api_key_string="test-key", name="x")),
        AuthConfig(oauth_config=AuthConfigOauthConfig(access_token="test-key")),
        AuthConfig(oidc_config=AuthConfigOidcConfig(id_token="test-key")),
        AuthToken(name="test-key"),
    ],
)
def test_secrets(value: Message) -> None:
    """Secret fields are encoded, but not in the repr."""
    assert ("test-key" in repr(value), "…" in repr(value)) == (False, True)
    assert b"test-key" in msgspec.json.encode(value)
    assert "…" not in repr(type(value)())


def test_opaque() -> None:
    """A thought signature is encoded unchanged, whatever alphabet its base64 has."""
    for text in ("AB+/", "AB-_", "AB", "skip_thought_signature_validator"):
        encoded = msgspec.json.encode({"thoughtSignature": text})
        assert msgspec.json.encode(msgspec.json.decode(encoded, type=Part)) == encoded


def test_opaque_bytes() -> None:
    """A thought signature given as bytes becomes standard base64."""
    assert as_struct(Part, {"thought_signature": b"\xfb\xff"}).thought_signature == "+/8="


def test_enum_text() -> None:
    """Enum values print, format and compare as their text."""
    assert (str(FileState.ACTIVE), f"{FileState.ACTIVE}", FileState.ACTIVE) == ("ACTIVE", "ACTIVE", "ACTIVE")
    assert {HarmCategory("NEW"): 1}["NEW"] == 1


def test_big_numbers() -> None:
    """Integers in quotes are decoded, as Google's JSON writes 64-bit integers so."""
    reply = b'{"usageMetadata":{"totalTokenCount":"9007199254740993"}}'
    answer = msgspec.json.decode(reply, type=GenerateContentResponse, strict=False)
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.total_token_count == 9007199254740993
