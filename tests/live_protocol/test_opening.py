"""Handshakes of sessions: URLs and headers for every kind of credential, options, refusals."""

import pickle
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from google.oauth2.credentials import Credentials
from hypothesis import HealthCheck, given, settings, strategies as st

from genai_fn.backend import (
    Backend,
    Credential,
    Gemini,
    Secret,
    Vertex,
    build_bearer_credential,
    build_own_credential,
    extract_origin,
)
from genai_fn.errors import AuthError, GenaiError, InvalidRequest, Unsupported
from genai_fn.live_protocol.handshake import build_live_credential, encode_handshake
from genai_fn.modifiers import calling, with_config, with_options, with_system, with_tools
from genai_fn.ops import live
from genai_fn.request import Live
from genai_fn.results import Success
from genai_fn.schema import GoogleSearch, LiveConnectConfig
from genai_fn.testing.strategies import from_type
from genai_fn.wire import sign_request
from tests.support.google_genai import oracle
from tests.support.google_genai.captured_sessions import CapturedSession, capture_session, encode_session

GEMINI = "ws/google.ai.generativelanguage.{}.GenerativeService.BidiGenerateContent".format
VERTEX = "ws/google.cloud.aiplatform.{}.LlmBidiService/BidiGenerateContent".format
KEY = {"x-goog-api-key": "test-key"}
TOKEN = {"authorization": "Bearer test-token"}
LIVE = live.connect("m")

AUTHS: Mapping[str, tuple[Mapping[str, Any], Backend, str, Mapping[str, str]]] = {
    "key": (
        {"api_key": "test-key"},
        Gemini("test-key"),
        f"wss://generativelanguage.googleapis.com/{GEMINI('v1beta')}",
        KEY,
    ),
    "key-of-another-version": (
        {"api_key": "test-key", "api_version": "v1alpha"},
        Gemini("test-key", api_version="v1alpha"),
        f"wss://generativelanguage.googleapis.com/{GEMINI('v1alpha')}",
        KEY,
    ),
    "key-elsewhere": (
        {"api_key": "test-key", "base_url": "https://gate.test:8443/way"},
        Gemini("test-key", base_url="https://gate.test:8443/way"),
        f"wss://gate.test:8443/way/{GEMINI('v1beta')}",
        KEY,
    ),
    "key-and-headers": (
        {"api_key": "test-key", "headers": (("x-who", "me"),)},
        Gemini("test-key", headers={"x-who": "me"}),
        f"wss://generativelanguage.googleapis.com/{GEMINI('v1beta')}",
        {**KEY, "x-who": "me"},
    ),
    "express": (
        {"vertexai": True, "api_key": "test-key"},
        Vertex(api_key="test-key"),
        f"wss://aiplatform.googleapis.com/{VERTEX('v1beta1')}",
        KEY,
    ),
    "project": (
        {"vertexai": True, "project": "p", "location": "us-central1"},
        Vertex("p", "us-central1"),
        f"wss://us-central1-aiplatform.googleapis.com/{VERTEX('v1beta1')}",
        TOKEN,
    ),
    "project-global": (
        {"vertexai": True, "project": "p", "location": "global"},
        Vertex("p"),
        f"wss://aiplatform.googleapis.com/{VERTEX('v1beta1')}",
        TOKEN,
    ),
    "project-of-another-version": (
        {"vertexai": True, "project": "p", "location": "europe-west4", "api_version": "v1"},
        Vertex("p", "europe-west4", api_version="v1"),
        f"wss://europe-west4-aiplatform.googleapis.com/{VERTEX('v1')}",
        TOKEN,
    ),
    "project-elsewhere": (
        {"vertexai": True, "project": "p", "location": "us-central1", "base_url": "https://gate.test"},
        Vertex("p", "us-central1", base_url="https://gate.test"),
        f"wss://gate.test/{VERTEX('v1beta1')}",
        TOKEN,
    ),
    "project-as-somebody-else": (
        {"vertexai": True, "project": "p", "location": "us-central1", "headers": (("Authorization", "mine"),)},
        Vertex("p", "us-central1", headers={"Authorization": "mine"}),
        f"wss://us-central1-aiplatform.googleapis.com/{VERTEX('v1beta1')}",
        {"authorization": "mine"},
    ),
}
"""google-genai's backend and ours, the URL, and the headers with the credential."""


@pytest.mark.parametrize("name", AUTHS)
def test_address(name: str) -> None:
    """The URL and the relevant headers are those of google-genai, for every kind of credential."""
    their_backend, our_backend, url, headers = AUTHS[name]
    theirs, ours = capture_session(their_backend, {"model": "m"}), encode_session(LIVE, our_backend)
    assert isinstance(theirs, CapturedSession)
    assert (theirs.url.replace("com//", "com/"), select_credential_headers(theirs)) == (
        url,
        headers,
    )  # the default base URLs of google-genai end in a slash
    assert (ours.url, select_credential_headers(ours)) == (url, headers)


def select_credential_headers(session: CapturedSession) -> Mapping[str, str]:
    """Remove headers that identify the library, and the content type, as there is no body."""
    ignored_names = ("content-type", "user-agent", "x-goog-api-client")
    return {name: value for name, value in session.headers.items() if name not in ignored_names}


DIFFERENCES: Mapping[str, tuple[str, Mapping[str, Any], Backend, Live[Any], str, Mapping[str, str]]] = {
    "ephemeral": (
        "the token is sent in one header; 1.51.0 sends it as a key, too",
        {"api_key": "auth_tokens/x", "api_version": "v1alpha"},
        Gemini("auth_tokens/x", api_version="v1alpha"),
        LIVE,
        f"wss://generativelanguage.googleapis.com/{GEMINI('v1alpha')}Constrained",
        {"authorization": "Token auth_tokens/x"},
    ),
    "plain": (
        "an http: URL becomes a ws: URL; in 1.51.0, a wss: URL",
        {"api_key": "test-key", "base_url": "http://127.0.0.1:8080"},
        Gemini("test-key", base_url="http://127.0.0.1:8080"),
        LIVE,
        f"ws://127.0.0.1:8080/{GEMINI('v1beta')}",
        KEY,
    ),
    "gateway": (
        "the https: URL of a gateway becomes a wss: URL; 1.51.0 keeps https:, and cannot connect",
        {"vertexai": True, "base_url": "https://gate.test/way", "headers": (("x-who", "me"),)},
        Vertex(base_url="https://gate.test/way", headers={"x-who": "me"}),
        LIVE,
        "wss://gate.test/way",
        {"x-who": "me"},
    ),
    "multi-region": (
        "a multi-region has a host of its own",
        {"vertexai": True, "project": "p", "location": "eu"},
        Vertex("p", "eu"),
        LIVE,
        f"wss://aiplatform.eu.rep.googleapis.com/{VERTEX('v1beta1')}",
        TOKEN,
    ),
    "project-elsewhere-in-global": (
        "a project without a location is used; 1.51.0 ignores it, and sends no credentials",
        {"vertexai": True, "project": "p", "base_url": "https://gate.test"},
        Vertex("p", base_url="https://gate.test"),
        LIVE,
        f"wss://gate.test/{VERTEX('v1beta1')}",
        TOKEN,
    ),
    "slash": (
        "a trailing slash of the base URL is not doubled; in 1.51.0 it is",
        {"api_key": "test-key", "base_url": "https://gate.test/"},
        Gemini("test-key", base_url="https://gate.test/"),
        LIVE,
        f"wss://gate.test/{GEMINI('v1beta')}",
        KEY,
    ),
    "music": (
        "a key is never in a URL, as URLs are logged; 1.51.0 sends it in the URL and in the header",
        {"api_key": "test-key"},
        Gemini("test-key"),
        live.music.connect("m"),
        f"wss://generativelanguage.googleapis.com/{GEMINI('v1beta').replace('Content', 'Music')}",
        KEY,
    ),
}
"""Deliberate differences: the reason, both backends, the session, the URL, and the headers with the credential."""


@pytest.mark.parametrize("name", DIFFERENCES)
def test_differences(name: str) -> None:
    """Each listed difference from 1.51.0 exists, and is exactly this one."""
    _, their_backend, our_backend, session, url, headers = DIFFERENCES[name]
    ours, theirs = (
        encode_session(session, our_backend),
        capture_session(their_backend, {"model": "m"}, music="music" in session.operation.op),
    )
    assert isinstance(theirs, CapturedSession)
    assert (ours.url, select_credential_headers(ours)) == (url, headers)
    assert (theirs.url, select_credential_headers(theirs)) != (url, headers)


def test_credentials_of_the_callers_own() -> None:
    """Credentials with a token are used, and their quota project is sent; 1.51.0 omits it."""
    their_backend = {"vertexai": True, "project": "p", "location": "us-central1"}
    theirs = capture_session(
        {**their_backend, "credentials": Credentials("test-token", quota_project_id="q")}, {"model": "m"}
    )
    our_backend = Vertex("p", "us-central1")
    credential = build_live_credential(
        our_backend, build_bearer_credential(our_backend, "test-token", quota_project="q")
    )
    signed_request = sign_request(encode_handshake(LIVE, our_backend).unwrap().http, credential)
    assert isinstance(theirs, CapturedSession)
    assert select_credential_headers(theirs) == TOKEN
    assert dict(signed_request.headers).items() >= {**TOKEN, "x-goog-user-project": "q"}.items()


# Credentials


def test_request_holds_no_key() -> None:
    """The handshake contains no key: `sign_request` adds it, for the backend's own origin only."""
    backend = Gemini("test-key")
    http = encode_handshake(LIVE, backend).unwrap().http
    credential = build_live_credential(backend, build_own_credential(backend) or pytest.fail())
    assert "test-key" not in repr(http) + http.url + str(http.headers)
    assert ("x-goog-api-key", "test-key") in sign_request(http, credential).headers
    other_host = msgspec.structs.replace(http, url=http.url.replace("generativelanguage", "elsewhere"))
    assert sign_request(other_host, credential) == other_host


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("ws://h/x", "http://h:80"),
        ("wss://h/x", "https://h:443"),
        ("ws://h:8080", "http://h:8080"),
        ("wss://h:80/", "https://h:80"),
        ("wss://H", "https://h:443"),
    ],
)
def test_origin(url: str, origin: str) -> None:
    """The origin of a WebSocket URL is that of its HTTP handshake: http for ws, https for wss."""
    assert extract_origin(url) == origin


def test_no_key_on_a_plain_line() -> None:
    """A key for an https URL is not sent to the http URL of the same host."""
    backend = Gemini("test-key", base_url="https://h.test")
    http = encode_handshake(LIVE | with_options(base_url="http://h.test:443"), backend).unwrap().http
    credential = build_live_credential(backend, build_own_credential(backend) or pytest.fail())
    assert (http.url[:17], sign_request(http, credential)) == ("ws://h.test:443/w", http)


def test_later_header_wins() -> None:
    """Of two headers with one name the later is sent: the caller's."""
    combined = Credential("https://h:443", Secret((("authorization", "a"), ("x", "1"), ("Authorization", "b"))), "p")
    credential = build_live_credential(Vertex("p"), combined)
    assert credential.headers.reveal() == (("Authorization", "b"), ("x", "1"))
    assert (credential.origin, credential.project) == ("https://h:443", "p")


def test_token_is_not_shown() -> None:
    """An ephemeral token is masked like a key."""
    backend = Gemini("auth_tokens/x")
    credential = build_live_credential(backend, build_own_credential(backend) or pytest.fail())
    http = sign_request(encode_handshake(LIVE, backend).unwrap().http, credential)
    assert ("authorization", "Token auth_tokens/x") in http.headers
    assert "auth_tokens/x" not in repr(credential) + repr(http)


def build_backends(key: str) -> tuple[Backend, ...]:
    """Build each kind of backend; those that take a key have this one."""
    return (
        Gemini(key),
        Gemini(f"auth_tokens/{key}"),
        Gemini(headers={"authorization": f"Bearer {key}"}),
        Gemini(key, base_url="http://gate.test/way", api_version="v1"),
        Vertex("p", "us-central1"),
        Vertex(api_key=key),
        Vertex(base_url="https://gate.test/way", headers={"x-api-key": key}),
    )


@settings(max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(from_type(LiveConnectConfig), st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=16, max_size=24))
def test_drawn_sessions(config: LiveConnectConfig, key: str) -> None:
    """Any session on any backend gives a handshake or a typed Failure; a handshake contains no key and pickles."""
    try:
        session = live.connect("m", config)
    except InvalidRequest:
        return
    for backend in build_backends(key):
        result = encode_handshake(session, backend)
        if isinstance(result, Success):
            assert key not in repr(result) + result.unwrap().http.url
            assert pickle.loads(pickle.dumps(result.unwrap())) == result.unwrap()
        else:
            assert isinstance(result.failure(), GenaiError)


# Options


def test_options() -> None:
    """URL, version and headers of the options replace those of the backend and the defaults."""
    session = LIVE | with_options(
        base_url="http://h.test/way", api_version="v9", headers={"User-Agent": "me"}, server_timeout=1.5
    )
    http = encode_handshake(session, Gemini("test-key")).unwrap().http
    assert (http.method, http.url, http.body) == ("GET", f"ws://h.test/way/{GEMINI('v9')}", b"")
    assert dict(http.headers).items() >= {("User-Agent", "me"), ("x-server-timeout", "2")}
    assert "user-agent" not in dict(http.headers)


def test_headers_of_the_backend() -> None:
    """A header of the backend is not sent twice."""
    handshake = encode_session(LIVE, Gemini("test-key", headers={"User-Agent": "me"}))
    assert handshake.headers["user-agent"] == "me"


def encode_setup(session: Live[Any], handle: str | None = None, backend: Backend | None = None) -> Any:
    return msgspec.json.decode(encode_handshake(session, backend or Gemini("test-key"), handle).unwrap().setup)["setup"]


def test_extra_body() -> None:
    """`extra_body` is merged into the setup, deeply, in either spelling."""
    extra = {"generation_config": {"topP": 1}, "newField": {"a_b": 1}}
    session = live.connect("m", {"temperature": 0.5}) | with_options(extra_body=extra)
    assert encode_setup(session) == {
        "model": "models/m",
        "generationConfig": {"temperature": 0.5, "topP": 1},
        "newField": {"a_b": 1},
    }


HANDLES: tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...] = (
    ({}, {"handle": "new"}),
    ({"session_resumption": {}}, {"handle": "new"}),
    ({"session_resumption": {"handle": "old"}}, {"handle": "new"}),
    ({"session_resumption": {"handle": "old", "transparent": True}}, {"handle": "new", "transparent": True}),
)


@pytest.mark.parametrize(("config", "resumption"), HANDLES)
def test_handle(config: Mapping[str, Any], resumption: Mapping[str, Any]) -> None:
    """The handle of the session to resume replaces the one in the config, and nothing else."""
    session = live.connect("m", config) | with_options(extra_body={"sessionResumption": {"handle": "extra"}})
    assert encode_setup(session, "new", Vertex("p"))["sessionResumption"] == resumption


def test_large_setup() -> None:
    """A setup with megabytes of instructions is one frame."""
    picture = {"inline_data": {"data": b"x" * 300_000, "mime_type": "image/png"}}
    part = encode_setup(live.connect("m", {"system_instruction": picture}))["systemInstruction"]["parts"][0]
    assert (part["inlineData"]["data"][:4], len(part["inlineData"]["data"])) == ("eHh4", 400_000)


# Refusals


def test_all_that_is_refused() -> None:
    """All unsupported fields are reported at once."""
    tools = [{"retrieval": {}}, {"google_maps": {"auth_config": {"auth_type": "OAUTH"}}}]
    speech = {"multi_speaker_voice_config": {"speaker_voice_configs": []}}
    session = live.connect("m", {"tools": tools, "speech_config": speech, "session_resumption": {"transparent": True}})
    error = encode_handshake(session, Gemini("test-key")).failure()
    assert isinstance(error, Unsupported)
    assert set(error.paths) == {
        "config.speech_config.multi_speaker_voice_config",
        "config.tools[0].retrieval",
        "config.tools[1].google_maps.auth_config.auth_type",
        "config.session_resumption.transparent",
    }


@pytest.mark.parametrize("backend", [Vertex("p"), Vertex(api_key="test-key"), Vertex(base_url="https://gate.test")])
def test_no_music_on_vertex(backend: Vertex) -> None:
    """Vertex AI has no music, and the refusal names the backend that has."""
    error = encode_handshake(live.music.connect("m"), backend).failure()
    assert error == Unsupported(
        backend.title, ("live.music.connect",), "only the Gemini Developer API generates live music"
    )


def test_no_version() -> None:
    """The URL of a session has a version, except for a gateway's."""
    error = encode_handshake(LIVE, Gemini("test-key", api_version="")).failure()
    assert isinstance(error, InvalidRequest)
    assert error.path == "api_version"
    assert encode_handshake(LIVE, Vertex(base_url="https://g.test", api_version="")).unwrap().http.url == "wss://g.test"


def test_no_project() -> None:
    """Without a project there is no setup on Vertex AI: the credentials must name one."""
    assert isinstance(encode_handshake(LIVE, Vertex()).failure(), AuthError)


# Values


def weather(city: str) -> str:
    """Return the weather."""
    return city


def test_are_values() -> None:
    """Sessions and handshakes compare by value and pickle."""
    session = LIVE | with_config(seed=1) | with_system("x") | with_tools(GoogleSearch()) | calling(weather)
    unpickled = pickle.loads(pickle.dumps(session))
    assert unpickled == session != LIVE
    backend = Gemini("test-key")
    assert encode_handshake(unpickled, backend) == encode_handshake(session, backend)
    handshake = encode_handshake(session, backend).unwrap()
    assert pickle.loads(pickle.dumps(handshake)) == handshake


def test_same_backends_as_the_oracle() -> None:
    """The backends of the oracle are among those compared here."""
    assert dict(oracle.GEMINI) == AUTHS["key"][0]
    assert dict(oracle.VERTEX) == AUTHS["project"][0]
