"""
Finds the token source: the credentials that were passed in, or the application default credentials.

google-auth parses the credentials files. Its ``default()`` is not used, because without `requests` it skips the
metadata server silently.
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
from genai_fn.forks import delay_forks
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


def find_token_source(credentials: Any, environ: Mapping[str, str], fetch: FetchFunction) -> TokenSource | EffectFailed:
    """Return the token source for a path of a file, a credentials object, or None: application default credentials."""
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
    configured = environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if configured:
        return _load_file_source(Path(configured), "GOOGLE_APPLICATION_CREDENTIALS", environ, fetch)
    folder = _get_gcloud_folder(environ)
    path = folder / "application_default_credentials.json"
    if os.path.isfile(path):  # noqa: PTH113  # where its folder must not be read, `Path.is_file` raises before 3.14
        return _load_file_source(path, "gcloud's credentials", environ, fetch, _read_gcloud_project(folder, environ))
    server = MetadataTokenSource(environ, fetch)
    problem = server.probe_server()
    if problem is None:
        return server
    if isinstance(problem, EffectFailed):
        return problem
    return build_auth_failure(
        f"no credentials: looked for GOOGLE_APPLICATION_CREDENTIALS (not set), {path} (no such file) and the metadata"
        f" server {server.host} ({problem}); run `gcloud auth application-default login`, give"
        " Vertex(credentials=…) a file or credentials, or use Offline()",
    )


def _get_gcloud_folder(environ: Mapping[str, str]) -> Path:
    if environ.get("CLOUDSDK_CONFIG"):
        return Path(environ["CLOUDSDK_CONFIG"])
    if os.name == "nt":
        return Path(environ.get("APPDATA") or environ.get("SystemDrive", "C:") + "\\") / "gcloud"
    home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111  # `Path.home` raises for users without one
    return Path(home) / ".config" / "gcloud"


def _read_gcloud_project(folder: Path, environ: Mapping[str, str]) -> str | None:
    """Read the project from gcloud's files, as ``gcloud config get project`` does."""
    if environ.get("CLOUDSDK_CORE_PROJECT"):
        return environ["CLOUDSDK_CORE_PROJECT"]
    parser = configparser.RawConfigParser()
    try:
        name = environ.get("CLOUDSDK_ACTIVE_CONFIG_NAME") or (folder / "active_config").read_text("utf-8").strip()
        parser.read_string((folder / "configurations" / f"config_{name}").read_text("utf-8"))
    except (OSError, ValueError, configparser.Error):  # gcloud is not configured, or only partly
        return None
    return parser.get("core", "project", fallback=None)


def _load_file_source(
    path: Path,
    label: str,
    environ: Mapping[str, str],
    fetch: FetchFunction,
    project: str | None = None,
) -> TokenSource | EffectFailed:
    shown = _show_path(path)
    try:
        info = codec.decode(path.read_bytes(), dict[str, Any])
    except OSError as error:
        return build_auth_failure(f"{label}: {shown} cannot be read: {error.strerror or type(error).__name__}")
    except (msgspec.DecodeError, ValueError):  # a path with a NUL is a ValueError
        return build_auth_failure(f"{label}: {shown} is not a credentials file: not a JSON object")
    kind = info.get("type")
    if not isinstance(kind, str) or kind not in _CREDENTIAL_TYPES:
        return build_auth_failure(
            f"{label}: {shown} has the type {kind!r:.60}, expected one of {', '.join(_CREDENTIAL_TYPES)}"
        )
    try:
        credentials = _load_credentials(kind, info)
    except Exception as error:  # noqa: BLE001  # google-auth raises many kinds for an invalid file
        masked = mask_secrets(describe_auth_error(error), repr(tuple(info.values())))
        return build_auth_failure(f"{label}: {shown} cannot be used: {masked}")
    quota = environ.get("GOOGLE_CLOUD_QUOTA_PROJECT") or getattr(credentials, "quota_project_id", None)
    own_project = info.get("project_id")
    return GoogleAuthTokenSource(
        credentials, fetch, quota_project=quota, project=own_project if isinstance(own_project, str) else project
    )


def _show_path(path: Path) -> str:
    """Show a path in an error, unless it may be a token, or the content of a file, in the place of its path."""
    is_path = path.is_absolute() or path.suffix == ".json"
    return repr(str(path)) if is_path else "*** (expected the path of a file, such as 'credentials.json')"


def _load_credentials(kind: str, info: dict[str, Any]) -> Any:
    """
    Build google-auth's credentials from the content of a file.

    `google.auth.load_credentials_from_file` is not used: its deprecation warning can only be silenced for the whole
    process, it reads the process environment, and it narrows a user's scopes, which Google then rejects.
    """
    module, constructor_name, takes_scopes = _CREDENTIAL_TYPES[kind]
    if kind == "external_account":
        module = _get_external_module(info) or module
    with delay_forks:
        constructor = getattr(import_module(module).Credentials, constructor_name)
    return constructor(info, scopes=[SCOPE]) if takes_scopes else constructor(info)


def _get_external_module(info: dict[str, Any]) -> str | None:
    if info.get("subject_token_type") == "urn:ietf:params:aws:token-type:aws4_request":
        return "google.auth.aws"
    return "google.auth.pluggable" if "executable" in (info.get("credential_source") or ()) else None


_CREDENTIAL_TYPES = {  # type in the file → module, constructor, whether the constructor takes scopes
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
