"""
Where OAuth tokens come from: what was passed in, or else the application default credentials, in an order of our own.

google-auth knows the kinds of credentials files. Its own ``default()`` will not do: without `requests` it passes over
the metadata server and says nothing.
"""

import configparser
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from genai_fn import codec
from genai_fn.effects import Lost
from genai_fn.interpret.google_auth import GoogleAuth
from genai_fn.interpret.grant import SCOPE, Fetch, Source, cleaned, refused, said
from genai_fn.interpret.metadata import MetadataServer

__all__ = ["find"]


def find(credentials: Any, environ: Mapping[str, str], fetch: Fetch) -> Source | Lost:
    """Choose the source of tokens: a file's path, an object, or None for the application default credentials."""
    if credentials is None:
        return _default(environ, fetch)
    if isinstance(credentials, str | Path):
        return _from_file(Path(credentials), "Vertex.credentials", environ, fetch)
    if not (hasattr(credentials, "token") and hasattr(credentials, "refresh")):
        kind = type(credentials).__name__
        return refused(f"Vertex.credentials: expected something with .token and .refresh, got {kind}")
    quota = getattr(credentials, "quota_project_id", None) or environ.get("GOOGLE_CLOUD_QUOTA_PROJECT") or None
    return GoogleAuth(credentials, fetch, quota=quota)


def _default(environ: Mapping[str, str], fetch: Fetch) -> Source | Lost:
    named = environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named:
        return _from_file(Path(named), "GOOGLE_APPLICATION_CREDENTIALS", environ, fetch)
    folder = _gcloud_folder(environ)
    known = folder / "application_default_credentials.json"
    if known.is_file():
        return _from_file(known, "gcloud's credentials", environ, fetch, _gcloud_project(folder, environ))
    server = MetadataServer(environ, fetch)
    absent = server.absent()
    if absent is None:
        return server
    if isinstance(absent, Lost):
        return absent
    return refused(
        f"no credentials: looked for GOOGLE_APPLICATION_CREDENTIALS (not set), {known} (no such file) and the metadata"
        f" server {server.host} ({absent}); run `gcloud auth application-default login`, give"
        " Vertex(credentials=…) a file or credentials, or use Offline()",
    )


def _gcloud_folder(environ: Mapping[str, str]) -> Path:
    if environ.get("CLOUDSDK_CONFIG"):
        return Path(environ["CLOUDSDK_CONFIG"])
    if os.name == "nt":
        return Path(environ.get("APPDATA") or environ.get("SystemDrive", "C:") + "\\") / "gcloud"
    return Path(environ.get("HOME") or Path.home()) / ".config" / "gcloud"


def _gcloud_project(folder: Path, environ: Mapping[str, str]) -> str | None:
    """Read what ``gcloud config get project`` would print, without running it."""
    if environ.get("CLOUDSDK_CORE_PROJECT"):
        return environ["CLOUDSDK_CORE_PROJECT"]
    parser = configparser.RawConfigParser()
    try:
        name = environ.get("CLOUDSDK_ACTIVE_CONFIG_NAME") or (folder / "active_config").read_text("utf-8").strip()
        parser.read_string((folder / "configurations" / f"config_{name}").read_text("utf-8"))
    except (OSError, ValueError, configparser.Error):  # gcloud was never set up, or only half
        return None
    return parser.get("core", "project", fallback=None)


def _from_file(
    path: Path,
    named: str,
    environ: Mapping[str, str],
    fetch: Fetch,
    project: str | None = None,
) -> Source | Lost:
    try:
        info = codec.decode(path.read_bytes(), dict[str, Any])
    except OSError as error:
        return refused(f"{named}: {str(path)!r} cannot be read: {error.strerror or type(error).__name__}")
    except (msgspec.DecodeError, ValueError):  # a path with a NUL is a ValueError
        return refused(f"{named}: {str(path)!r} is no credentials file: not an object in JSON")
    kind = info.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        return refused(f"{named}: {str(path)!r} has the type {kind!r:.60}, expected one of {', '.join(_KINDS)}")
    try:
        credentials = _loaded(kind, info)
    except Exception as error:  # noqa: BLE001  # whatever google-auth makes of a file that is not as it should be
        return refused(f"{named}: {str(path)!r} cannot be used: {cleaned(said(error), repr(tuple(info.values())))}")
    quota = environ.get("GOOGLE_CLOUD_QUOTA_PROJECT") or getattr(credentials, "quota_project_id", None)
    own = info.get("project_id")
    return GoogleAuth(credentials, fetch, quota=quota, project=own if isinstance(own, str) else project)


def _loaded(kind: str, info: dict[str, Any]) -> Any:
    """
    Make the credentials that a file describes.

    `google.auth.load_credentials_from_file` does the same, but its deprecation warning can be turned off for the whole
    process only, it reads the real environment, and it narrows a user's scopes, which Google then refuses.
    """
    module, make, scoped = _KINDS[kind]
    if kind == "external_account":
        module = _external(info) or module
    made = getattr(import_module(module).Credentials, make)
    return made(info, scopes=[SCOPE]) if scoped else made(info)


def _external(info: dict[str, Any]) -> str | None:
    if info.get("subject_token_type") == "urn:ietf:params:aws:token-type:aws4_request":
        return "google.auth.aws"
    return "google.auth.pluggable" if "executable" in (info.get("credential_source") or ()) else None


_KINDS: dict[str, tuple[str, str, bool]] = {  # a file's type: module, constructor, whether to ask for a scope
    "service_account": ("google.oauth2.service_account", "from_service_account_info", True),
    "authorized_user": ("google.oauth2.credentials", "from_authorized_user_info", False),
    "external_account": ("google.auth.identity_pool", "from_info", True),
    "external_account_authorized_user": ("google.auth.external_account_authorized_user", "from_info", False),
    "impersonated_service_account": (
        "google.auth.impersonated_credentials",
        "from_impersonated_service_account_info",
        True,
    ),
}
