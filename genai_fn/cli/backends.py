"""Chooses a backend from environment variables, and reports missing credentials before the first request."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import genai_fn

if TYPE_CHECKING:
    from genai_fn.backend import Backend, Vertex

__all__ = ["find_backend"]


def find_backend(environ: Mapping[str, str]) -> "Backend":
    """
    Build the backend that environment variables select.

    Raises:
        AuthError: If the variables contain no credentials. The message names the ones to set; if a project is set
            without an API key or ``GOOGLE_GENAI_USE_VERTEXAI``, it suggests ``--vertex``.

        InvalidRequest: If a base URL or a location is malformed.

    >>> find_backend({"GOOGLE_GENAI_USE_VERTEXAI": "1", "GOOGLE_CLOUD_PROJECT": "p"}).project
    'p'
    """
    result = genai_fn.backend_from_env(environ)
    if isinstance(result, genai_fn.Failure):
        error = result.failure()
        if not isinstance(error, genai_fn.AuthError):
            raise error
        if environ.get("GOOGLE_CLOUD_PROJECT", "").strip():
            raise genai_fn.AuthError(
                "GOOGLE_CLOUD_PROJECT is set but no API key: pass --vertex to use Vertex AI, or --offline"
            )
        raise genai_fn.AuthError(_NO_KEY)
    backend = result.unwrap()
    if isinstance(backend, genai_fn.Vertex) and _has_no_credentials(backend, environ):
        raise genai_fn.AuthError(_NO_PROJECT)
    return backend


_NO_KEY = (
    "no API key: set GEMINI_API_KEY or GOOGLE_API_KEY to one from https://aistudio.google.com/apikey,"
    " or pass --vertex for Vertex AI, or --offline for the emulator"
)
_NO_PROJECT = (
    "no project for Vertex AI: set GOOGLE_CLOUD_PROJECT (and GOOGLE_CLOUD_LOCATION) or GOOGLE_APPLICATION_CREDENTIALS,"
    " or an API key for express mode in GEMINI_API_KEY or GOOGLE_API_KEY, or pass --offline for the emulator"
)


def _has_no_credentials(backend: "Vertex", environ: Mapping[str, str]) -> bool:
    has_file = bool(environ.get("GOOGLE_APPLICATION_CREDENTIALS", "").strip())  # it may contain the project
    return backend.project is None and backend.api_key is None and backend.base_url is None and not has_file
