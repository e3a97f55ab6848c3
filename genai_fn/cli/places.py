"""Whom the environment says to ask."""

from collections.abc import Mapping

from genai_fn.backend import Backend, Vertex, backend_from_env
from genai_fn.errors import AuthError
from genai_fn.results import Failure

__all__ = ["place"]


def place(environ: Mapping[str, str]) -> Backend | None:
    """
    Find the backend; None where there is neither a key nor a project, nor anything else that says who calls.

    >>> place({})
    >>> place({"GOOGLE_GENAI_USE_VERTEXAI": "1", "GOOGLE_CLOUD_PROJECT": "p"}).project
    'p'
    """
    found = backend_from_env(environ)
    if isinstance(found, Failure):
        error = found.failure()
        if not isinstance(error, AuthError):
            raise error
        if environ.get("GOOGLE_CLOUD_PROJECT", "").strip():
            raise AuthError("GOOGLE_CLOUD_PROJECT is set, but no key: ask with --vertex, or with --offline")
        return None
    backend = found.unwrap()
    return None if isinstance(backend, Vertex) and _is_nobody(backend, environ) else backend


def _is_nobody(backend: Vertex, environ: Mapping[str, str]) -> bool:
    has_credentials = bool(environ.get("GOOGLE_APPLICATION_CREDENTIALS", "").strip())  # which may name a project
    return backend.project is None and backend.api_key is None and backend.base_url is None and not has_credentials
