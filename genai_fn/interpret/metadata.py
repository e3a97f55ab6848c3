"""The metadata server of Google's own machines as a source of tokens: two small GETs."""

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from genai_fn import codec
from genai_fn.backend import Secret
from genai_fn.effects import Lost
from genai_fn.errors import APIError, AuthError
from genai_fn.http import HttpRequest, HttpResponse
from genai_fn.interpret.grant import PATIENCE, SCOPE, Fetch, Grant, faultless, fits, refused

__all__ = ["MetadataServer"]


class MetadataServer:
    """
    Tokens of the service account that the machine runs as.

    ``GCE_METADATA_HOST`` or ``GCE_METADATA_IP`` say where it is, and ``NO_GCE_CHECK=true`` that there is none.
    """

    def __init__(self, environ: Mapping[str, str], fetch: Fetch) -> None:
        named = environ.get("GCE_METADATA_HOST") or environ.get("GCE_METADATA_IP")
        self.host = named or "metadata.google.internal"
        self._named = named is not None
        self._skipped = environ.get("NO_GCE_CHECK", "").lower() == "true"
        self._quota = environ.get("GOOGLE_CLOUD_QUOTA_PROJECT") or None
        self._fetch = fetch
        self._project: str | None = None

    def absent(self) -> str | Lost | None:
        """
        Tell why there is no such server, or None if there is one.

        `Lost` if it is known to be there, and could not be heard just now.
        """
        if self._skipped:
            return "skipped, as NO_GCE_CHECK says"
        answer = self._get("project/project-id", _KNOCK)
        if isinstance(answer, Lost):
            there = isinstance(answer.error, APIError) or (self._named and not isinstance(answer.error, AuthError))
            return answer if there else str(answer.error)
        if answer.status == 200:
            self._project = answer.body.decode("utf-8", "replace").strip() or None
        return None

    def grant(self, now: float, least: float) -> Grant | Lost:
        """Get the token that the server keeps; it keeps none that has less than four minutes left."""
        answer = self._get(f"instance/service-accounts/default/token?{urlencode({'scopes': SCOPE})}", PATIENCE)
        if isinstance(answer, Lost):
            return answer
        if answer.status != 200:
            return refused(f"no token: the metadata server {self.host} answered {answer.status}")
        try:
            token = codec.decode(answer.body, _Token, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return refused(f"no token: the metadata server {self.host} sent something else")
        if not fits(token.access_token) or not (self._quota is None or fits(self._quota)):
            return refused("no token: it, or the quota project, fits no header")
        return Grant(Secret(token.access_token), now + token.expires_in, self._quota)

    def project(self) -> str | Lost | None:
        """Find the project that the machine belongs to."""
        absent = None if self._project else self.absent()
        return absent if isinstance(absent, Lost) else self._project

    def _get(self, path: str, seconds: float) -> HttpResponse | Lost:
        url = f"http://{self.host}/computeMetadata/v1/{path}"
        answer = self._fetch(HttpRequest("GET", url, (("metadata-flavor", "Google"),)), seconds)
        if isinstance(answer, HttpResponse) and answer.header("metadata-flavor") != "Google":
            return refused(f"{self.host} is no metadata server")  # a captive portal, or a proxy
        return faultless(answer, url)


_KNOCK = 3.0  # seconds to find out whether there is a metadata server at all


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = 0.0

    def __repr__(self) -> str:
        return "_Token(***)"
