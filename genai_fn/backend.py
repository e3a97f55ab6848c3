"""Where requests go and as whom: the two backends, their addresses, and what the environment says of them."""

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar, TypeAlias, cast
from urllib.parse import urlsplit

from returns.result import Failure, Result, Success

from genai_fn.errors import AuthError, GenaiError, InvalidRequest
from genai_fn.http import Headers, mask_headers

__all__ = [
    "NO_CREDENTIALS_MESSAGE",
    "Backend",
    "Credential",
    "Gemini",
    "HeadersLike",
    "Secret",
    "Vertex",
    "backend_from_env",
    "build_bearer_credential",
    "build_own_credential",
    "check_api_version",
    "complete_project",
    "extract_origin",
    "normalize_base_url",
    "normalize_headers",
]


class Secret:
    """A key, a token or credentials: compares by value, shows itself to nobody, and is neither pickled nor encoded."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def reveal(self) -> Any:
        """Hand the value to what must have it."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and bool(self._value == other._value)

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return "Secret(***)"

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(
            "secrets do not pickle: send the request alone, and rebuild the backend where it runs,"
            " e.g. by backend_from_env(os.environ)"
        )


HeadersLike: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]


class _MasksHeadersInRepr:
    """How a backend shows itself: what is set, and no header value that may be a credential."""

    headers: HeadersLike

    def __repr__(self) -> str:
        shown = {**vars(self), "headers": mask_headers(normalize_headers(self.headers, "headers"))}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items() if value)})"


@dataclass(frozen=True, repr=False)
class Gemini(_MasksHeadersInRepr):
    """
    The Gemini Developer API.

    Args:
        api_key: A key, or an ephemeral token ``auth_tokens/…``, with which only Live can be used.

        base_url: Scheme, host, and path before the version.

        headers: Sent with every request, to this backend alone. Where there is no key, they say who calls.

    >>> Gemini("k")
    Gemini(api_key=Secret(***), base_url='https://generativelanguage.googleapis.com', api_version='v1beta')
    """

    api_key: Secret | str | None = None
    _: KW_ONLY
    base_url: str = "https://generativelanguage.googleapis.com"
    api_version: str = "v1beta"
    headers: HeadersLike = ()

    name: ClassVar = "gemini"
    title: ClassVar = "the Gemini Developer API"

    def __post_init__(self) -> None:
        _set_fields(
            self,
            api_key=_wrap_key(self.api_key),
            base_url=normalize_base_url(self.base_url),
            api_version=check_api_version(self.api_version),
            headers=normalize_headers(self.headers, "headers"),
        )

    @property
    def root(self) -> str:
        """The address that paths are put behind."""
        return f"{self.base}/{self.api_version}" if self.api_version else self.base

    @property
    def base(self) -> str:
        """The address without the version."""
        return self.base_url

    @property
    def is_ephemeral(self) -> bool:
        """Whether the key is an ephemeral token, which opens Live sessions and nothing else."""
        return isinstance(self.api_key, Secret) and self.api_key.reveal().startswith("auth_tokens/")


@dataclass(frozen=True, repr=False)
class Vertex(_MasksHeadersInRepr):
    """
    Vertex AI.

    Args:
        project: Where requests are billed; None takes the credentials' own project.

        location: A region such as ``us-central1``, a multi-region (``us``, ``eu``), or None for ``global``.

        api_key: A key of express mode, in place of project and credentials.

        credentials: None for the application default credentials, the path of a credentials file, or any google-auth
        ``Credentials``.

        base_url: A gateway. With no project, key or credentials beside it, none are looked for, and paths carry no
        project and no version.

        headers: Sent with every request, to this backend alone.

    >>> Vertex("my-project", "us-central1").root
    'https://us-central1-aiplatform.googleapis.com/v1beta1'
    """

    project: str | None = None
    location: str | None = None
    _: KW_ONLY
    api_key: Secret | str | None = None
    credentials: Any = None
    base_url: str | None = None
    api_version: str = "v1beta1"
    headers: HeadersLike = ()

    name: ClassVar = "vertex"
    title: ClassVar = "Vertex AI"

    def __post_init__(self) -> None:
        key = _wrap_key(self.api_key)
        if key is not None and (self.project is not None or self.location is not None):
            raise InvalidRequest(
                "Vertex.project", self.project or self.location, "no project or location beside an api_key"
            )
        if key is not None and self.credentials is not None:
            raise InvalidRequest("Vertex.credentials", Secret(None), "no credentials beside an api_key")
        credentials = self.credentials
        if credentials is not None and not isinstance(credentials, str | Secret):
            credentials = Secret(credentials)
        base = None if self.base_url is None else normalize_base_url(self.base_url)
        _set_fields(
            self,
            project=_check(self.project, "Vertex.project", _PROJECT, _A_PROJECT),
            location=_check(self.location, "Vertex.location", _LOCATION, _A_LOCATION),
            api_key=key,
            credentials=credentials,
            base_url=base,
            api_version=check_api_version(self.api_version),
            headers=normalize_headers(self.headers, "headers"),
        )

    @property
    def is_gateway(self) -> bool:
        """Whether somebody else's address knows who calls: then nothing is looked up, and paths stay short."""
        return self.base_url is not None and self.project is None and self.api_key is None and self.credentials is None

    @property
    def root(self) -> str:
        """The address that paths are put behind."""
        return f"{self.base}/{self.api_version}" if self.api_version and not self.is_gateway else self.base

    @property
    def base(self) -> str:
        """The address without the version."""
        return (
            self.base_url or f"https://{_get_vertex_host(self.location or 'global', express=self.api_key is not None)}"
        )

    @property
    def prefix(self) -> str:
        """What stands before a relative path."""
        return "" if self.is_gateway or self.api_key is not None else "projects/{project}/locations/{location}/"


def _get_vertex_host(location: str, *, express: bool) -> str:
    if express or location == "global":
        return "aiplatform.googleapis.com"
    if location in ("us", "eu"):
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"


Backend: TypeAlias = Gemini | Vertex


@dataclass(frozen=True)
class Credential:
    """Who calls: headers for one origin alone, and the project that they belong to."""

    origin: str
    headers: Secret
    project: str | None = None


def complete_project(backend: Backend, credential: Credential) -> Result[Backend, GenaiError]:
    """
    Give a Vertex backend without a project the one that its credential belongs to.

    A credentials file or a metadata server names that project at run time, so what is no project is a Failure.
    """
    if not isinstance(backend, Vertex) or backend.project is not None or credential.project is None:
        return Success(backend)
    try:
        _check(credential.project, "the project of the credentials", _PROJECT, _A_PROJECT)
        return Success(replace(backend, project=credential.project))
    except InvalidRequest as error:
        return Failure(error)


def build_own_credential(backend: Backend) -> Credential | None:
    """
    Make the credential out of what the backend itself holds: a key, its headers; None if a token has to be had first.
    """
    headers: Headers = backend.headers  # type: ignore[assignment]  # settled into pairs
    if isinstance(backend.api_key, Secret):
        headers = (("x-goog-api-key", backend.api_key.reveal()), *headers)
    elif isinstance(backend, Vertex) and not backend.is_gateway:
        return None
    return Credential(extract_origin(backend.root), Secret(headers))


def build_bearer_credential(
    backend: Backend, token: str, *, project: str | None = None, quota_project: str | None = None
) -> Credential:
    """Make the credential out of an OAuth token and what came with it."""
    quota = (("x-goog-user-project", quota_project),) if quota_project else ()
    headers = (("authorization", f"Bearer {token}"), *quota, *backend.headers)
    return Credential(extract_origin(backend.root), Secret(headers), project)


def extract_origin(url: str) -> str:
    """
    Cut an address down to scheme, host and port; a WebSocket is opened over HTTP, and has that one's.

    >>> extract_origin("https://Example.com/v1/x?y"), extract_origin("http://127.0.0.1:80/x")
    ('https://example.com:443', 'http://127.0.0.1:80')
    >>> extract_origin("wss://example.com/ws/x")
    'https://example.com:443'
    """
    end = url.find("/", len("https://"))
    return _parse_origin(url if end < 0 else url[:end])


@functools.lru_cache(256)
def _parse_origin(url: str) -> str:
    """Keep the answer for the few hosts that there are: every request is compared with its credential's origin."""
    parts = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    return f"{scheme}://{parts.hostname}:{parts.port or (443 if scheme == 'https' else 80)}"


def backend_from_env(environ: Mapping[str, str]) -> Result[Backend, GenaiError]:
    """
    Read the variables that google-genai reads, with its precedence; a pure function of the mapping.

    ``GOOGLE_GENAI_USE_VERTEXAI`` decides the backend. ``GOOGLE_API_KEY`` comes before ``GEMINI_API_KEY``; on Vertex,
    ``GOOGLE_CLOUD_PROJECT`` and ``GOOGLE_CLOUD_LOCATION`` come before a key.

    >>> backend_from_env({"GEMINI_API_KEY": "k"})
    <Success: Gemini(api_key=Secret(***), base_url='https://generativelanguage.googleapis.com', api_version='v1beta')>
    """

    def said(name: str) -> str | None:
        return environ.get(name, "").strip() or None

    key = said("GOOGLE_API_KEY") or said("GEMINI_API_KEY")
    try:
        if (said("GOOGLE_GENAI_USE_VERTEXAI") or "").lower() not in ("1", "true"):
            return _build_gemini(key, said("GOOGLE_GEMINI_BASE_URL"))
        project, location, base = (
            said("GOOGLE_CLOUD_PROJECT"),
            said("GOOGLE_CLOUD_LOCATION"),
            said("GOOGLE_VERTEX_BASE_URL"),
        )
        if project or location:
            key = None
        return Success(Vertex(project, location, api_key=key, base_url=base))
    except InvalidRequest as error:  # a base URL that is none
        return Failure(error)


def _build_gemini(key: str | None, base: str | None) -> Result[Backend, GenaiError]:
    if key is None:
        return Failure(AuthError(NO_CREDENTIALS_MESSAGE))
    return Success(Gemini(key, base_url=base) if base else Gemini(key))


NO_CREDENTIALS_MESSAGE = (
    "no credentials: looked for GOOGLE_API_KEY and GEMINI_API_KEY,"
    " and for GOOGLE_GENAI_USE_VERTEXAI (which is not set);"
    " give Http(Gemini(api_key=…)) or Http(Vertex(…)) a backend, or use Offline()"
)


def normalize_headers(headers: HeadersLike, path: str) -> Headers:
    """Settle what people pass as headers: text pairs that fit on one line of HTTP each."""
    if not isinstance(headers, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]  # people pass what they like
        raise InvalidRequest(path, headers, "a mapping of names to text, or pairs of them")
    items = tuple(cast("Iterable[Any]", headers.items() if isinstance(headers, Mapping) else headers))
    for item in items:
        if not (isinstance(item, tuple) and [type(each) for each in cast("tuple[object, ...]", item)] == [str, str]):
            raise InvalidRequest(path, item, "a mapping of names to text, or pairs of them")
        name, value = cast("tuple[str, str]", item)
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise InvalidRequest(f"{path}[{name!r}]", "***", "a header that fits on one line of Latin-1 text")
    return items


_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


def _set_fields(place: object, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(place, name, value)


def _wrap_key(key: Any) -> Secret | None:
    if key is None or isinstance(key, Secret):
        return key
    if not isinstance(key, str) or not _HEADER_VALUE.fullmatch(key.strip()):
        raise InvalidRequest("api_key", Secret(key), "a key of one line of text, or None")
    return Secret(key.strip())


def normalize_base_url(url: Any) -> str:
    """Settle what people pass as a base URL; one with a user's name may hold a password, and is not shown."""
    if not isinstance(url, str) or not _BASE.fullmatch(url) or not url.isprintable() or not _has_host(url):
        shown = "***" if isinstance(url, str) and "@" in url else url
        raise InvalidRequest(
            "base_url", shown, "http:// or https://, a host, and maybe a path; no user, query or fragment"
        )
    scheme, _, rest = url.partition(":")
    return f"{scheme.lower()}:{rest.rstrip('/')}"


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number, half an IPv6 address
        return False


_BASE = re.compile(r"https?://[^\s\\/?#@]+(?:/[^\s\\?#]*)?", re.IGNORECASE)
"""Without what parsers of URLs disagree about: white space and backslashes."""


def check_api_version(version: Any) -> str:
    """Refuse what is no version of the API: one step of a path, or nothing."""
    if not isinstance(version, str) or not _API_VERSION.fullmatch(version):
        raise InvalidRequest("api_version", version, "a version such as v1beta, or nothing")
    return version


_API_VERSION = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._~-]*|")


def _check(value: object, path: str, pattern: re.Pattern[str], expected: str) -> Any:
    """Refuse what would leave its place in a host or a path."""
    if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
        raise InvalidRequest(path, value, expected)
    return value


_PROJECT = re.compile(r"(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+:)?[a-z0-9][a-z0-9-]*")
_A_PROJECT = (
    "a project's ID or number: lower-case letters, digits and hyphens, such as my-project or example.com:my-project"
)
_LOCATION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,50}[a-z0-9])?")  # a label of DNS, with -aiplatform behind it
_A_LOCATION = "a location such as us-central1, us, eu or global: lower-case letters, digits and hyphens"
