"""A secret that a server repeats, anywhere, is in nothing that users see but the content of answers."""

import json
import logging
import pickle
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from google.oauth2.credentials import Credentials
from hypothesis import HealthCheck, given, settings, strategies as st

from genai_fn import Failure, Gemini, Http, Retry, Stream, Timeouts, generate
from genai_fn.effects import EffectFailed
from genai_fn.errors import GenaiError
from genai_fn.events import Event
from genai_fn.http import HttpResponse
from genai_fn.interpreters.auth.google_auth import GoogleAuthTokenSource
from genai_fn.testing import recording
from tests.cases.echoes import ACTIONS, CREDENTIALS, PLACES
from tests.support.loopback import Close, Loopback, Reply, Send

SECRETS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="'\"\\*<>()=;#`{}|^[],&%?$@"),
    min_size=12,
    max_size=40,
).map("test-secret-{}".format)
"""Keys and tokens: what a header can carry, with a beginning that no other text has."""


class Records(logging.Handler):
    """Keeps the text of all log records."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(f"{record.getMessage()} {record.args!r}")


@pytest.fixture(name="records")
def collect_records() -> Iterator[Records]:
    records, root = Records(), logging.getLogger()
    level = root.level
    root.addHandler(records)
    root.setLevel(logging.INFO)
    yield records
    root.setLevel(level)
    root.removeHandler(records)


@pytest.fixture(name="server", scope="module")
def start_server() -> Iterator[Any]:
    answers: dict[str, Any] = {}
    with Loopback(lambda received: answers["next"]) as server:
        yield server, answers


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    secret=SECRETS,
    credential=st.sampled_from(sorted(CREDENTIALS)),
    place=st.sampled_from(sorted(PLACES)),
    action=st.sampled_from(sorted(ACTIONS)),
)
def test_every_place(
    server: Any, records: Records, tmp_path: Path, secret: str, credential: str, place: str, action: str
) -> None:
    """No error, event, log record or recording contains a secret: neither its text, nor percent-encoded."""
    loopback, answers = server
    answers["next"] = PLACES[place](secret)
    backend, add_secret = CREDENTIALS[credential](secret, loopback.url)
    described = ACTIONS[action](secret, add_secret)
    before = len(loopback.requests)
    path, events = tmp_path / "recording.jsonl", list[Event]()
    results = _run_recorded(backend, described, path, events)
    if not any(secret in f"{each.headers} {each.body!r}" for each in loopback.requests[before:]):
        return  # this request has no place for it
    errors = [each.failure() for each in results if isinstance(each, Failure)]
    check_texts(secret, records.texts, path.read_text(encoding="utf-8"), repr(described), repr(backend))
    for each in (*errors, *events):
        check_texts(secret, repr(each), str(each), repr(getattr(each, "__dict__", "")), repr(pickle.dumps(each)))
    for error in errors:
        assert isinstance(error, GenaiError)


def _run_recorded(backend: Any, described: Any, path: Path, events: list[Event]) -> list[Any]:
    retry = Retry(attempts=2, initial_delay=0.001, max_delay=0.001)
    timeouts = Timeouts(connect=60, idle=60, total=120)
    with Http(backend, on_event=events.append, retry=retry, timeouts=timeouts) as run:
        recorded = recording(run, path)
        return [*recorded.stream(described)] if isinstance(described, Stream) else [recorded(described)]


def check_texts(secret: str, *texts: Any) -> None:
    """Check that no text contains a secret."""
    for text in texts:
        for spelling in {secret, quote(secret, safe=""), quote(secret)}:
            assert spelling not in str(text), text


PROXY_ANSWERS = {
    "reason": lambda text: Send(f"HTTP/1.1 407 {text}\r\ncontent-length: 0\r\n\r\n".encode()),
    "header": lambda text: Reply(407, (("proxy-authenticate", f"Basic realm={text}"),), text.encode()),
    "no HTTP": lambda text: (Send(f"{text}\r\n\r\n".encode()), Close()),
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=SECRETS, place=st.sampled_from(sorted(PROXY_ANSWERS)), is_encoded=st.booleans())
def test_proxy(server: Any, records: Records, secret: str, place: str, is_encoded: bool) -> None:
    """The password of a proxy is in no error, event or log record, also if the proxy repeats its Authorization."""
    loopback, answers = server
    sent = b64encode(f"test-user:{secret}".encode()).decode()
    answers["next"] = PROXY_ANSWERS[place](sent if is_encoded else secret)
    proxy = f"http://test-user:{quote(secret, safe='')}@127.0.0.1:{loopback.port}"
    events = list[Event]()
    with Http(Gemini("test-key"), proxy=proxy, on_event=events.append, retry=Retry(attempts=1)) as run:
        result = run(generate("m", "hi"))
    assert isinstance(result, Failure)
    for each in (result.failure(), *events):
        check_texts(secret, repr(each), str(each), repr(pickle.dumps(each)), *records.texts)
        assert sent not in f"{each!r} {vars(each) if hasattr(each, '__dict__') else ''} {records.texts}"


@settings(max_examples=100, deadline=None)
@given(secret=SECRETS, field=st.sampled_from(("refresh_token", "client_secret", "client_id")), is_json=st.booleans())
def test_token_request(secret: str, field: str, is_json: bool) -> None:
    """What a credentials file contains is in no error, also if the token server repeats it."""
    info = {"type": "authorized_user", "refresh_token": "test-r", "client_secret": "test-s", "client_id": "test-c"}
    credentials = Credentials.from_authorized_user_info({**info, field: secret})
    error = {"error": "invalid_grant", "error_description": f"{field} {secret}, {quote(secret)} is not valid"}
    body = json.dumps(error).encode() if is_json else f"<p>{secret}".encode()
    source = GoogleAuthTokenSource(
        credentials, lambda request, seconds: HttpResponse(400, (("x-echo", secret),), body), quota_project=None
    )
    failed = source.get_token(0.0, 0.0)
    assert isinstance(failed, EffectFailed)
    check_texts(secret, repr(failed), str(failed.error), repr(pickle.dumps(failed.error)))
