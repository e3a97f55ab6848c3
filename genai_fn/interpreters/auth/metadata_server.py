"""The metadata server of Google's own machines as a source of tokens: two small GETs."""

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from genai_fn import codec
from genai_fn.backend import Secret
from genai_fn.effects import EffectFailed
from genai_fn.errors import APIError, AuthError
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.interpreters.auth.token_source import (
    REQUEST_TIMEOUT,
    SCOPE,
    AccessToken,
    FetchFunction,
    build_auth_failure,
    is_header_text,
    reject_retryable_response,
)

__all__ = ["MetadataTokenSource"]


class MetadataTokenSource:
    """
    Tokens of the service account that the machine runs as.

    ``GCE_METADATA_HOST`` or ``GCE_METADATA_IP`` say where it is, and ``NO_GCE_CHECK=true`` that there is none.
    """

    def __init__(self, environ: Mapping[str, str], fetch: FetchFunction) -> None:
        named = environ.get("GCE_METADATA_HOST") or environ.get("GCE_METADATA_IP")
        self.host = named or "metadata.google.internal"
        self._is_configured = named is not None
        self._is_disabled = environ.get("NO_GCE_CHECK", "").lower() == "true"
        self._quota_project = environ.get("GOOGLE_CLOUD_QUOTA_PROJECT") or None
        self._fetch = fetch
        self._project: str | None = None

    def probe_server(self) -> str | EffectFailed | None:
        """
        Tell why there is no such server, or None if there is one.

        `Lost` if it is known to be there, and could not be heard just now.
        """
        if self._is_disabled:
            return "skipped, as NO_GCE_CHECK says"
        answer = self._get("project/project-id", _PROBE_TIMEOUT)
        if isinstance(answer, EffectFailed):
            there = isinstance(answer.error, APIError) or (
                self._is_configured and not isinstance(answer.error, AuthError)
            )
            return answer if there else str(answer.error)
        if answer.status == 200:
            self._project = answer.body.decode("utf-8", "replace").strip() or None
        return None

    def get_token(self, now: float, min_lifetime: float) -> AccessToken | EffectFailed:
        """Get the token that the server keeps; it keeps none that has less than four minutes left."""
        answer = self._get(f"instance/service-accounts/default/token?{urlencode({'scopes': SCOPE})}", REQUEST_TIMEOUT)
        if isinstance(answer, EffectFailed):
            return answer
        if answer.status != 200:
            return build_auth_failure(f"no token: the metadata server {self.host} answered {answer.status}")
        try:
            token = codec.decode(answer.body, _TokenResponse, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return build_auth_failure(f"no token: the metadata server {self.host} sent something else")
        if not is_header_text(token.access_token) or not (
            self._quota_project is None or is_header_text(self._quota_project)
        ):
            return build_auth_failure("no token: it, or the quota project, fits no header")
        return AccessToken(Secret(token.access_token), now + token.expires_in, self._quota_project)

    def find_project(self) -> str | EffectFailed | None:
        """Find the project that the machine belongs to."""
        absent = None if self._project else self.probe_server()
        return absent if isinstance(absent, EffectFailed) else self._project

    def _get(self, path: str, seconds: float) -> HttpResponse | EffectFailed:
        url = f"http://{self.host}/computeMetadata/v1/{path}"
        answer = self._fetch(HttpRequest("GET", url, (("metadata-flavor", "Google"),)), seconds)
        if isinstance(answer, HttpResponse) and answer.get_header("metadata-flavor") != "Google":
            return build_auth_failure(f"{self.host} is no metadata server")  # a captive portal, or a proxy
        return reject_retryable_response(answer, url)


_PROBE_TIMEOUT = 3.0  # seconds to find out whether there is a metadata server at all


class _TokenResponse(msgspec.Struct):
    access_token: str
    expires_in: float = 0.0

    def __repr__(self) -> str:
        return "_Token(***)"
