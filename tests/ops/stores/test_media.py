"""Downloads of media of a store: what google-genai 3.6.1 sends."""

from typing import Any

import pytest

from genai_fn import stores
from genai_fn.errors import InvalidRequest
from tests.support.google_genai.agreement import decode_ours, encode_ours, get_refused_paths

MEDIUM = "fileSearchStores/s/media/m"


def test_wire() -> None:
    """The ID is the path, and the content is asked for."""
    url = f"https://generativelanguage.googleapis.com/v1beta/{MEDIUM}?alt=media"
    assert encode_ours(stores.download_media(MEDIUM), "gemini") == ("GET", url, None)


def test_read() -> None:
    """The answer is the body, whatever it contains."""
    assert decode_ours(stores.download_media(MEDIUM), "gemini", b"\x89PNG\xff") == b"\x89PNG\xff"


def test_refused_on_vertex() -> None:
    """Vertex AI has no stores."""
    assert get_refused_paths(stores.download_media(MEDIUM), "vertex") == ("stores.download_media",)


@pytest.mark.parametrize(
    "name", ["", "m", "fileSearchStores/s", "fileSearchStores/s/media/", f"{MEDIUM}:x", "a/media/b", 3]
)
def test_mistakes(name: Any) -> None:
    """What is not the ID of a medium is a mistake at once."""
    with pytest.raises(InvalidRequest) as raised:
        stores.download_media(name)
    assert raised.value.path == "media_id"
