"""A token source that requests tokens from the metadata server of Google Cloud machines."""

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from genai_fn import codec
from genai_fn.backend import normalize_base_url
from genai_fn.effects import EffectFailed
from genai_fn.errors import APIError, AuthError, InvalidRequest
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.interpreters.auth.token_source import (
    REQUEST_TIMEOUT,
    SCOPE,
    AccessToken,
    FetchFunction,
    build_access_token,
    build_auth_failure,
    reject_retryable_response,
)


class MetadataTokenSource:
    """
    Gets the tokens of the machine's service account.

    Reads the server's address from ``GCE_METADATA_HOST`` or ``GCE_METADATA_IP``; ``NO_GCE_CHECK=true`` disables it.
    An address that is not a host, maybe with a port, is refused: a user, a path or a query would send the request for
    the token elsewhere.
    """

    def __init__(self, environ: Mapping[str, str], fetch: FetchFunction) -> None:
        variable = next((name for name in _HOST_VARIABLES if environ.get(name)), None)
        configured = None if variable is None else environ[variable]
        is_valid = configured is None or _is_host(configured)
        self.host = (configured if is_valid else None) or "metadata.google.internal"
        self._problem = None if is_valid else build_auth_failure(f"{variable}: {_EXPECTED_HOST}")
        self._is_configured = configured is not None
        self._is_disabled = environ.get("NO_GCE_CHECK", "").lower() == "true"
        self._quota_project = environ.get("GOOGLE_CLOUD_QUOTA_PROJECT") or None
        self._fetch = fetch
        self._project: str | None = None

    def probe_server(self) -> str | EffectFailed | None:
        """
        Request the project to find out whether the server exists: return None if it does, else the reason as text.

        Returns `EffectFailed` if the request failed, but the server is configured or responded with an error.
        """
        if self._is_disabled:
            return "skipped because of NO_GCE_CHECK"
        if self._problem is not None:
            return self._problem
        response = self._get("project/project-id", _PROBE_TIMEOUT)
        if isinstance(response, EffectFailed):
            exists = isinstance(response.error, APIError) or (
                self._is_configured and not isinstance(response.error, AuthError)
            )
            return response if exists else str(response.error)
        if response.status == 200:
            self._project = response.body.decode("utf-8", "replace").strip() or None
        return None

    def get_token(self, now: float, min_lifetime: float) -> AccessToken | EffectFailed:
        """
        Request a token.

        `min_lifetime` is not used: the server replaces tokens that are valid for less than four minutes.
        """
        response = self._get(f"instance/service-accounts/default/token?{urlencode({'scopes': SCOPE})}", REQUEST_TIMEOUT)
        if isinstance(response, EffectFailed):
            return response
        if response.status != 200:
            return build_auth_failure(f"no token: the metadata server {self.host} answered {response.status}")
        try:
            token = codec.decode(response.body, _TokenResponse, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return build_auth_failure(f"no token: the metadata server {self.host} sent no valid token response")
        owner, expires_at = f"the metadata server {self.host}", now + token.expires_in
        return build_access_token(token.access_token, expires_at, self._quota_project, owner=owner)

    def find_project(self) -> str | EffectFailed | None:
        """Return the id of the machine's project; None if there is no server, or the server returns no project."""
        problem = None if self._project else self.probe_server()
        return problem if isinstance(problem, EffectFailed) else self._project

    def _get(self, path: str, seconds: float) -> HttpResponse | EffectFailed:
        if self._problem is not None:
            return self._problem
        url = f"http://{self.host}/computeMetadata/v1/{path}"
        response = self._fetch(HttpRequest("GET", url, (("metadata-flavor", "Google"),)), seconds)
        if isinstance(response, HttpResponse) and response.get_header("metadata-flavor") != "Google":
            return build_auth_failure(f"{self.host} is not a metadata server")  # a captive portal, or a proxy
        return reject_retryable_response(response, url)


_PROBE_TIMEOUT = 3.0  # seconds
_HOST_VARIABLES = ("GCE_METADATA_HOST", "GCE_METADATA_IP")
_EXPECTED_HOST = (
    "expected a host, maybe with a port, such as 169.254.169.254 or [fd20:ce::254]:80; no user, path or query"
)


def _is_host(text: str) -> bool:
    """Return whether a text is a host, maybe with a port, and nothing else of a URL."""
    try:
        normalize_base_url(f"http://{text}")
    except InvalidRequest:
        return False
    return "/" not in text


class _TokenResponse(msgspec.Struct):
    access_token: str
    expires_in: float = 0.0

    def __repr__(self) -> str:
        return "_TokenResponse(***)"
