"""The two backends, `Gemini` and `Vertex`: their URLs and credentials, and how they are read from the environment."""

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar, TypeAlias, cast
from urllib.parse import urlsplit

from returns.result import Failure, Result, Success

from genai_fn.errors import AuthError, GenaiError, InvalidRequest
from genai_fn.http import Headers, mask_headers
from genai_fn.values import Value

__all__ = [
    "EXAMPLE_BACKENDS",
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
    "check_backend",
    "complete_project",
    "extract_origin",
    "normalize_base_url",
    "normalize_headers",
]


class Secret:
    """A key, token or credentials object. Compares by value; ``repr`` is masked, and pickling raises TypeError."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def reveal(self) -> Any:
        """Return the secret value."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and bool(self._value == other._value)

    def __hash__(self) -> int:
        try:
            return hash((Secret, self._value))
        except TypeError:  # of a caller's credentials object that cannot be hashed
            return hash(Secret)

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
    """Mixin with the ``repr`` of a backend: its non-empty fields, with headers that may be credentials masked."""

    headers: HeadersLike

    def __repr__(self) -> str:
        shown = {**vars(self), "headers": mask_headers(normalize_headers(self.headers, "headers"))}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items() if value)})"


_GEMINI_URL = "https://generativelanguage.googleapis.com"


@dataclass(frozen=True, repr=False)
class Gemini(_MasksHeadersInRepr):
    """
    The Gemini Developer API.

    Args:
        api_key: API key, or an ephemeral token ``auth_tokens/…``, which is valid for Live only. None if `headers`
            contain a credential.

        base_url: URL before the version: scheme, host, and an optional path.

        api_version: API version, a part of every URL. Empty for none.

        base_url_resource_scope: ``COLLECTION`` if `base_url` contains the version, so that URLs are that URL and the
            path of the resource. It needs a `base_url`.

        headers: Headers of every request to this backend.

    Raises:
        InvalidRequest: If an argument is malformed, such as a `base_url` with a query.

    >>> Gemini("k")
    Gemini(api_key=Secret(***), base_url='https://generativelanguage.googleapis.com', api_version='v1beta')
    """

    api_key: Secret | str | None = None
    _: KW_ONLY
    base_url: str = _GEMINI_URL
    api_version: str = "v1beta"
    base_url_resource_scope: str | None = None
    headers: HeadersLike = ()

    name: ClassVar = "gemini"
    title: ClassVar = "the Gemini Developer API"

    def __post_init__(self) -> None:
        _check_resource_scope(self.base_url_resource_scope, has_base_url=self.base_url != _GEMINI_URL)
        _set_fields(
            self,
            api_key=_wrap_key(self.api_key),
            base_url=normalize_base_url(self.base_url),
            api_version=check_api_version(self.api_version),
            headers=normalize_headers(self.headers, "headers"),
        )

    @property
    def root(self) -> str:
        """The URL that paths are appended to, with the version."""
        has_version = self.api_version and self.base_url_resource_scope is None
        return f"{self.base}/{self.api_version}" if has_version else self.base

    @property
    def base(self) -> str:
        """The URL without the version."""
        return self.base_url

    @property
    def is_ephemeral(self) -> bool:
        """Whether the key is an ephemeral token, which is valid for Live only."""
        return isinstance(self.api_key, Secret) and self.api_key.reveal().startswith("auth_tokens/")


@dataclass(frozen=True, repr=False)
class Vertex(_MasksHeadersInRepr):
    """
    Vertex AI.

    Args:
        project: Project that is billed. None uses the project of the credentials.

        location: A region such as ``us-central1``, a multi-region (``us``, ``eu``), or None for ``global``.

        api_key: API key, in place of `credentials`. Without a `project` it is a key of express mode, which has
            neither project nor location.

        credentials: Path of a credentials file, or any google-auth ``Credentials``. None uses the application default
            credentials.

        base_url: URL of a gateway. If neither `project` nor `api_key` nor `credentials` is set, no credentials are
            looked up, and paths contain no project and no version.

        api_version: API version, a part of every URL. Empty for none.

        base_url_resource_scope: ``COLLECTION`` if `base_url` contains the version, the project and the location, so
            that URLs are that URL and the path of the resource. It needs a `base_url`.

        headers: Headers of every request to this backend.

    Raises:
        InvalidRequest: If an argument is malformed, `api_key` is combined with `credentials`, or a location is set
            beside an `api_key` without a project.

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
    base_url_resource_scope: str | None = None
    headers: HeadersLike = ()

    name: ClassVar = "vertex"
    title: ClassVar = "Vertex AI"

    def __post_init__(self) -> None:
        key = _wrap_key(self.api_key)
        _check_resource_scope(self.base_url_resource_scope, has_base_url=self.base_url is not None)
        if key is not None and self.project is None and self.location is not None:
            raise InvalidRequest("Vertex.location", self.location, "a project, too, beside an api_key")
        if key is not None and self.credentials is not None:
            raise InvalidRequest("Vertex.credentials", "***", "no credentials beside an api_key")
        is_wrapped = self.credentials is None or isinstance(self.credentials, str | Secret)
        _set_fields(
            self,
            project=_check_place(self.project, "Vertex.project", _PROJECT, _A_PROJECT),
            location=_check_place(self.location, "Vertex.location", _LOCATION, _A_LOCATION),
            api_key=key,
            credentials=self.credentials if is_wrapped else Secret(self.credentials),
            base_url=None if self.base_url is None else normalize_base_url(self.base_url),
            api_version=check_api_version(self.api_version),
            headers=normalize_headers(self.headers, "headers"),
        )

    @property
    def is_gateway(self) -> bool:
        """Whether only a gateway URL is set: it authenticates requests itself, and paths contain no project."""
        return self.base_url is not None and self.project is None and self.api_key is None and self.credentials is None

    @property
    def is_express(self) -> bool:
        """Whether a key of express mode is set: paths contain no project, and names of resources must be full."""
        return self.api_key is not None and self.project is None

    @property
    def root(self) -> str:
        """The URL that paths are appended to, with the version."""
        has_version = self.api_version and not self.is_gateway and self.base_url_resource_scope is None
        return f"{self.base}/{self.api_version}" if has_version else self.base

    @property
    def base(self) -> str:
        """The URL without the version."""
        return self.base_url or f"https://{_get_vertex_host(self.location or 'global')}"

    @property
    def prefix(self) -> str:
        """
        Prefix of relative paths: ``projects/{project}/locations/{location}/``, with these placeholders.

        It is empty for a gateway, in express mode, and if `base_url` contains the project and the location.
        """
        has_none = self.is_gateway or self.is_express or self.base_url_resource_scope is not None
        return "" if has_none else "projects/{project}/locations/{location}/"


def _get_vertex_host(location: str) -> str:
    if location == "global":
        return "aiplatform.googleapis.com"
    if location in ("us", "eu"):
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"


Backend: TypeAlias = Gemini | Vertex


class Credential(Value):
    """Headers that authenticate requests to one origin, and the project of the credential, if known."""

    origin: str
    headers: Secret
    project: str | None = None


def check_backend(backend: object, default: str) -> None:
    """
    Raise `InvalidRequest` unless a value is a backend or None.

    The error does not show the value, which may be an API key. `default` describes in it what None selects.
    """
    if backend is not None and not isinstance(backend, Gemini | Vertex):
        raise InvalidRequest("backend", "***", f"Gemini(…), Vertex(…), or None for {default}")


def complete_project(backend: Backend, credential: Credential) -> Result[Backend, GenaiError]:
    """
    Set the project of a Vertex backend that has none to the project of its credential.

    The project comes from a credentials file or a metadata server at run time, so an invalid one is a Failure.
    """
    if not isinstance(backend, Vertex) or backend.project is not None or credential.project is None:
        return Success(backend)
    try:
        _check_place(credential.project, "the project of the credentials", _PROJECT, _A_PROJECT)
        return Success(replace(backend, project=credential.project))
    except InvalidRequest as error:
        return Failure(error)


def build_own_credential(backend: Backend) -> Credential | None:
    """Build the credential from the API key and headers of a backend. None if the backend needs an OAuth token."""
    headers: Headers = backend.headers  # type: ignore[assignment]  # converted to pairs by `__post_init__`
    if isinstance(backend.api_key, Secret):
        headers = (("x-goog-api-key", backend.api_key.reveal()), *headers)
    elif isinstance(backend, Vertex) and not backend.is_gateway:
        return None
    return Credential(extract_origin(backend.root), Secret(headers))


def build_bearer_credential(
    backend: Backend, token: str, *, project: str | None = None, quota_project: str | None = None
) -> Credential:
    """Build the credential from an OAuth token, and the projects that came with it."""
    quota = (("x-goog-user-project", quota_project),) if quota_project else ()
    headers = (("authorization", f"Bearer {token}"), *quota, *backend.headers)
    return Credential(extract_origin(backend.root), Secret(headers), project)


def extract_origin(url: str) -> str:
    """
    Return the scheme, host and port of a URL. A WebSocket URL has the origin of its HTTP handshake.

    >>> extract_origin("https://Example.com/v1/x?y"), extract_origin("http://127.0.0.1:80/x")
    ('https://example.com:443', 'http://127.0.0.1:80')
    >>> extract_origin("wss://example.com/ws/x")
    'https://example.com:443'
    """
    end = url.find("/", len("https://"))
    return _parse_origin(url if end < 0 else url[:end])


@functools.lru_cache(256)
def _parse_origin(url: str) -> str:
    """Parse an origin. Cached, because the origin of every request is compared with that of its credential."""
    parts = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    return f"{scheme}://{parts.hostname}:{parts.port or (443 if scheme == 'https' else 80)}"


def backend_from_env(environ: Mapping[str, str]) -> Result[Backend, GenaiError]:
    """
    Build a backend from environment variables: those that google-genai reads, with the same precedence.

    ``GOOGLE_GENAI_USE_ENTERPRISE`` (``1`` or ``true``) selects Vertex AI, or ``GOOGLE_GENAI_USE_VERTEXAI`` if the first
    is not set. ``GOOGLE_API_KEY`` precedes ``GEMINI_API_KEY``; on Vertex AI, ``GOOGLE_CLOUD_PROJECT`` and
    ``GOOGLE_CLOUD_LOCATION`` precede a key. ``GOOGLE_GENAI_API_VERSION`` sets the version, such as ``v1``; ``beta`` is
    the default version. ``GOOGLE_GEMINI_BASE_URL`` and ``GOOGLE_VERTEX_BASE_URL`` set the URL.

    Args:
        environ: The variables, usually ``os.environ``.

    Returns:
        ``Success`` of the backend, ``Failure(AuthError)`` if Gemini has no key, or ``Failure(InvalidRequest)`` if a
        variable is malformed.

    >>> backend_from_env({"GEMINI_API_KEY": "k"})
    <Success: Gemini(api_key=Secret(***), base_url='https://generativelanguage.googleapis.com', api_version='v1beta')>
    """

    def read(name: str) -> str | None:
        return environ.get(name, "").strip() or None

    key = read("GOOGLE_API_KEY") or read("GEMINI_API_KEY")
    uses_vertex = read("GOOGLE_GENAI_USE_ENTERPRISE") or read("GOOGLE_GENAI_USE_VERTEXAI") or ""
    version = read("GOOGLE_GENAI_API_VERSION")
    try:
        if uses_vertex.lower() not in ("1", "true"):
            base_url = read("GOOGLE_GEMINI_BASE_URL")
            if key is None:
                return Failure(AuthError(NO_CREDENTIALS_MESSAGE))
            return Success(_apply_environment(Gemini(key), base_url, version))
        project, location = read("GOOGLE_CLOUD_PROJECT"), read("GOOGLE_CLOUD_LOCATION")
        backend = Vertex(project, location, api_key=None if project or location else key)
        return Success(_apply_environment(backend, read("GOOGLE_VERTEX_BASE_URL"), version))
    except InvalidRequest as error:  # a malformed variable
        return Failure(error)


def _apply_environment(backend: Backend, base_url: str | None, version: str | None) -> Backend:
    changes = {"base_url": base_url, "api_version": None if version == "beta" else version}
    return replace(backend, **{name: value for name, value in changes.items() if value is not None})  # type: ignore[arg-type]  # both are text


NO_CREDENTIALS_MESSAGE = (
    "no credentials: set GOOGLE_API_KEY or GEMINI_API_KEY to a key from https://aistudio.google.com/apikey,"
    " or GOOGLE_GENAI_USE_ENTERPRISE=1 for Vertex AI; or pass Http(Gemini(api_key=…)) or Http(Vertex(…));"
    " or use Offline()"
)


def normalize_headers(headers: HeadersLike, path: str) -> Headers:
    """Convert headers to pairs of texts. Raises InvalidRequest for names and values that HTTP does not allow."""
    if not isinstance(headers, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may ignore the annotation
        raise InvalidRequest(path, headers, "a mapping of names to text, or pairs of them")
    items = tuple(cast("Iterable[Any]", headers.items() if isinstance(headers, Mapping) else headers))
    for item in items:
        # An invalid item is not shown, as it may contain a credential.
        if not (isinstance(item, tuple) and [type(each) for each in cast("tuple[object, ...]", item)] == [str, str]):
            raise InvalidRequest(path, "***", "a mapping of names to text, or pairs of them")
        name, value = cast("tuple[str, str]", item)
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise InvalidRequest(f"{path}[{name!r}]", "***", "a header that fits on one line of Latin-1 text")
        if name.lower() == "host":
            raise InvalidRequest(f"{path}[{name!r}]", value, "no host among the headers: base_url sets it")
    return items


_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


def _set_fields(backend: object, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(backend, name, value)  # it is frozen


def _wrap_key(key: Any) -> Secret | None:
    if key is None or isinstance(key, Secret):
        return key
    text = key.strip() if isinstance(key, str) else None
    if not text or not _HEADER_VALUE.fullmatch(text):
        raise InvalidRequest("api_key", "***" if key else "", "a key of one line of text, or None")
    return Secret(text)


def normalize_base_url(url: Any) -> str:
    """Validate a base URL, and remove trailing slashes. Errors mask a URL with ``@``, which may contain a password."""
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
    except ValueError:  # a malformed port or IPv6 address
        return False


_BASE = re.compile(r"https?://(?:[^\s\\/?#@\[\]]+|\[[^\s\\/?#@\[\]]+\](?::[0-9]+)?)(?:/[^\s\\?#]*)?", re.IGNORECASE)
"""White space and backslashes are not allowed, and brackets only around an IPv6 address: URL parsers disagree."""


def _check_resource_scope(scope: Any, *, has_base_url: bool) -> None:
    """Raise `InvalidRequest` unless a scope is None, or ``COLLECTION`` beside a base URL."""
    if scope not in (None, "COLLECTION"):
        raise InvalidRequest("base_url_resource_scope", scope, "COLLECTION or None")
    if scope is not None and not has_base_url:
        raise InvalidRequest("base_url_resource_scope", scope, "a base_url, too: it says what that URL contains")


def check_api_version(version: Any) -> str:
    """Validate an API version: one segment of a path, or an empty text."""
    if not isinstance(version, str) or not _API_VERSION.fullmatch(version):
        raise InvalidRequest("api_version", version, "a version such as v1beta, or nothing")
    return version


_API_VERSION = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._~-]*|")


def _check_place(value: object, path: str, pattern: re.Pattern[str], expected: str) -> Any:
    """Return a project, a location or None unchanged. Raises InvalidRequest for text that a URL cannot contain."""
    if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
        raise InvalidRequest(path, value, expected)
    return value


_PROJECT = re.compile(r"(?:[a-z0-9-]+(?:\.[a-z0-9-]+)+:)?[a-z0-9][a-z0-9-]*")
_A_PROJECT = (
    "a project's ID or number: lower-case letters, digits and hyphens, such as my-project or example.com:my-project"
)
_LOCATION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,50}[a-z0-9])?")  # a DNS label, with -aiplatform appended
_A_LOCATION = "a location such as us-central1, us, eu or global: lower-case letters, digits and hyphens"


EXAMPLE_BACKENDS: tuple[Backend, ...] = (Gemini("example-key"), Vertex("project", "us-central1"))
"""
Backends to encode a request for where none is configured, for example to print the request.

The first one that supports the operation is used.
"""
