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
from genai_fn.effects import EffectFailed
from genai_fn.interpreters.auth.google_auth import GoogleAuthTokenSource
from genai_fn.interpreters.auth.metadata_server import MetadataTokenSource
from genai_fn.interpreters.auth.token_source import (
    SCOPE,
    FetchFunction,
    TokenSource,
    build_auth_failure,
    describe_auth_error,
    mask_secrets,
)

__all__ = ["find_token_source"]


def find_token_source(credentials: Any, environ: Mapping[str, str], fetch: FetchFunction) -> TokenSource | EffectFailed:
    """Choose the source of tokens: a file's path, an object, or None for the application default credentials."""
    if credentials is None:
        return _find_default_source(environ, fetch)
    if isinstance(credentials, str | Path):
        return _load_file_source(Path(credentials), "Vertex.credentials", environ, fetch)
    if not (hasattr(credentials, "token") and hasattr(credentials, "refresh")):
        kind = type(credentials).__name__
        return build_auth_failure(f"Vertex.credentials: expected something with .token and .refresh, got {kind}")
    quota = getattr(credentials, "quota_project_id", None) or environ.get("GOOGLE_CLOUD_QUOTA_PROJECT") or None
    return GoogleAuthTokenSource(credentials, fetch, quota_project=quota)


def _find_default_source(environ: Mapping[str, str], fetch: FetchFunction) -> TokenSource | EffectFailed:
    named = environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named:
        return _load_file_source(Path(named), "GOOGLE_APPLICATION_CREDENTIALS", environ, fetch)
    folder = _get_gcloud_folder(environ)
    known = folder / "application_default_credentials.json"
    if known.is_file():
        return _load_file_source(known, "gcloud's credentials", environ, fetch, _read_gcloud_project(folder, environ))
    server = MetadataTokenSource(environ, fetch)
    absent = server.probe_server()
    if absent is None:
        return server
    if isinstance(absent, EffectFailed):
        return absent
    return build_auth_failure(
        f"no credentials: looked for GOOGLE_APPLICATION_CREDENTIALS (not set), {known} (no such file) and the metadata"
        f" server {server.host} ({absent}); run `gcloud auth application-default login`, give"
        " Vertex(credentials=…) a file or credentials, or use Offline()",
    )


def _get_gcloud_folder(environ: Mapping[str, str]) -> Path:
    if environ.get("CLOUDSDK_CONFIG"):
        return Path(environ["CLOUDSDK_CONFIG"])
    if os.name == "nt":
        return Path(environ.get("APPDATA") or environ.get("SystemDrive", "C:") + "\\") / "gcloud"
    return Path(environ.get("HOME") or Path.home()) / ".config" / "gcloud"


def _read_gcloud_project(folder: Path, environ: Mapping[str, str]) -> str | None:
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


def _load_file_source(
    path: Path,
    named: str,
    environ: Mapping[str, str],
    fetch: FetchFunction,
    project: str | None = None,
) -> TokenSource | EffectFailed:
    try:
        info = codec.decode(path.read_bytes(), dict[str, Any])
    except OSError as error:
        return build_auth_failure(f"{named}: {str(path)!r} cannot be read: {error.strerror or type(error).__name__}")
    except (msgspec.DecodeError, ValueError):  # a path with a NUL is a ValueError
        return build_auth_failure(f"{named}: {str(path)!r} is no credentials file: not an object in JSON")
    kind = info.get("type")
    if not isinstance(kind, str) or kind not in _CREDENTIAL_TYPES:
        return build_auth_failure(
            f"{named}: {str(path)!r} has the type {kind!r:.60}, expected one of {', '.join(_CREDENTIAL_TYPES)}"
        )
    try:
        credentials = _load_credentials(kind, info)
    except Exception as error:  # noqa: BLE001  # whatever google-auth makes of a file that is not as it should be
        masked = mask_secrets(describe_auth_error(error), repr(tuple(info.values())))
        return build_auth_failure(f"{named}: {str(path)!r} cannot be used: {masked}")
    quota = environ.get("GOOGLE_CLOUD_QUOTA_PROJECT") or getattr(credentials, "quota_project_id", None)
    own = info.get("project_id")
    return GoogleAuthTokenSource(
        credentials, fetch, quota_project=quota, project=own if isinstance(own, str) else project
    )


def _load_credentials(kind: str, info: dict[str, Any]) -> Any:
    """
    Make the credentials that a file describes.

    `google.auth.load_credentials_from_file` does the same, but its deprecation warning can be turned off for the whole
    process only, it reads the real environment, and it narrows a user's scopes, which Google then refuses.
    """
    module, make, scoped = _CREDENTIAL_TYPES[kind]
    if kind == "external_account":
        module = _get_external_module(info) or module
    made = getattr(import_module(module).Credentials, make)
    return made(info, scopes=[SCOPE]) if scoped else made(info)


def _get_external_module(info: dict[str, Any]) -> str | None:
    if info.get("subject_token_type") == "urn:ietf:params:aws:token-type:aws4_request":
        return "google.auth.aws"
    return "google.auth.pluggable" if "executable" in (info.get("credential_source") or ()) else None


_CREDENTIAL_TYPES: dict[
    str, tuple[str, str, bool]
] = {  # a file's type: module, constructor, whether to ask for a scope
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
