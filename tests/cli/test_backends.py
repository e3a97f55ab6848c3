"""The choice of a backend from environment variables."""

import pytest

from genai_fn import Gemini, Vertex
from genai_fn.cli.backends import find_backend
from genai_fn.errors import AuthError, InvalidRequest
from tests.support.command_lines import KEY


class TestBackend:
    @pytest.mark.parametrize(
        "environ",
        [
            {},
            {"GEMINI_API_KEY": " "},
            {"GOOGLE_GENAI_USE_VERTEXAI": "1"},
            {"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_CLOUD_LOCATION": "us-central1"},
        ],
    )
    def test_no_credentials(self, environ: dict[str, str]) -> None:
        """Without key and project, find_backend raises AuthError."""
        with pytest.raises(AuthError, match="GEMINI_API_KEY"):
            find_backend(environ)

    @pytest.mark.parametrize(
        "environ",
        [
            {"GEMINI_API_KEY": KEY},
            {"GOOGLE_API_KEY": KEY},
            {"GOOGLE_GENAI_USE_VERTEXAI": "1", "GOOGLE_API_KEY": KEY},
            {"GOOGLE_GENAI_USE_VERTEXAI": "1", "GOOGLE_CLOUD_PROJECT": "p"},
            {"GOOGLE_GENAI_USE_VERTEXAI": "1", "GOOGLE_APPLICATION_CREDENTIALS": "account.json"},
            {"GOOGLE_GENAI_USE_VERTEXAI": "1", "GOOGLE_VERTEX_BASE_URL": "http://127.0.0.1:1"},
        ],
    )
    def test_credentials(self, environ: dict[str, str]) -> None:
        """A key, a project, a credentials file or a base URL is enough to choose a backend."""
        assert isinstance(find_backend(environ), Vertex if "GOOGLE_GENAI_USE_VERTEXAI" in environ else Gemini)

    def test_project_alone(self) -> None:
        """If only a project is set, the error suggests ``--vertex``."""
        with pytest.raises(AuthError, match="--vertex"):
            find_backend({"GOOGLE_CLOUD_PROJECT": "p"})

    def test_address(self) -> None:
        """An invalid base URL raises InvalidRequest."""
        with pytest.raises(InvalidRequest):
            find_backend({"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": "nowhere"})
