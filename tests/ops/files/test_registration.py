"""The registration of objects in Cloud Storage as files: what google-genai 3.6.1 sends."""

import pickle
from typing import Any

import pytest

from genai_fn import Gemini, files, with_options
from genai_fn.errors import InvalidRequest
from genai_fn.wire import encode
from tests.support.google_genai.agreement import add_credential, decode_ours, encode_ours, get_refused_paths

TOKEN = "test-access-token"
URIS = ["gs://b/a.mp4", "gs://b/c d.pdf"]


def test_wire() -> None:
    """The URIs are the body; the access token is a header beside the key."""
    request = files.register_files(URIS, TOKEN)
    url = "https://generativelanguage.googleapis.com/v1beta/files:register"
    assert encode_ours(request, "gemini") == ("POST", url, {"uris": URIS})
    our_backend = Gemini("test-key")
    headers = dict(add_credential(encode(request, our_backend).unwrap(), our_backend).headers)
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["x-goog-api-key"] == "test-key"


def test_other_headers() -> None:
    """A token may as well be a header of the options; further headers are kept beside the token."""
    by_option = files.register_files(URIS) | with_options(headers={"authorization": f"Bearer {TOKEN}"})
    assert by_option == files.register_files(URIS, TOKEN)


def test_hidden_token() -> None:
    """The token is not shown; the request compares and pickles."""
    request = files.register_files(URIS, TOKEN)
    assert TOKEN not in repr(request)
    assert repr(request).startswith('files.register_files(("gs://b/a.mp4", "gs://b/c d.pdf")) | with_options(headers=')
    assert pickle.loads(pickle.dumps(request)) == request


def test_not_sent_twice() -> None:
    """A registration creates files, so it is not retried once bytes were sent."""
    assert not files.register_files(URIS).operation.repeatable


def test_refused_on_vertex() -> None:
    """Vertex AI has no files."""
    assert get_refused_paths(files.register_files(URIS), "vertex") == ("files.register_files",)


def test_read() -> None:
    """The registered files are decoded, in order."""
    reply = {"files": [{"name": "files/a", "source": "REGISTERED"}, {"name": "files/b", "sizeBytes": "5"}]}
    registered = decode_ours(files.register_files(URIS), "gemini", reply)
    assert [(each.name, each.source, each.size_bytes) for each in registered.files] == [
        ("files/a", "REGISTERED", None),
        ("files/b", None, 5),
    ]


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (([],), "uris"),
        (("gs://b/a",), "uris"),
        ((["gs://b/a", "https://b/a"],), "uris[1]"),
        (([1],), "uris[0]"),
        ((URIS, ""), "auth"),
        ((URIS, object()), "auth"),
        ((URIS, "a\nb"), "auth['authorization']"),
    ],
)
def test_mistakes(arguments: Any, path: str) -> None:
    """No URI, one of another kind, or a token that is no text is a mistake at once, which does not show the token."""
    with pytest.raises(InvalidRequest) as raised:
        files.register_files(*arguments)
    assert raised.value.path == path
    assert "a\nb" not in str(raised.value)
