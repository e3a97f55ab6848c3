"""Backends validate everything that becomes part of a URL."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from genai_fn import (
    AsyncHttp,
    Failure,
    Gemini,
    Http,
    Success,
    Vertex,
    backend_from_env,
    encode,
    generate,
    streamed,
    with_options,
)
from genai_fn.backend import (
    Backend,
    Credential,
    Secret,
    build_bearer_credential,
    build_own_credential,
    complete_project,
)
from genai_fn.effects import GetTime, GetToken
from genai_fn.engine.handler import HttpHandler
from genai_fn.errors import InvalidRequest
from genai_fn.wire import sign_request
from tests.support.scripted_effects import run_by_script

REQUEST = generate("m", "hi")

GOOD_LOCATIONS = ("us-central1", "global", "us", "eu", "europe-west4", "me-central2", "northamerica-northeast1", None)
GOOD_PROJECTS = ("my-project", "example.com:my-project", "sub.example.com:app-1", "123456789012", "p", "1-a", None)
BAD_LOCATIONS = (
    *("evil.example/", "evil.example", "evil.example#", "evil.example?", "x@evil.example", "a:1", "us-central1/", "/"),
    *("..", "US-CENTRAL1", "us central1", "us-central1\n", "", "-", "us-", "é", "x" * 60, "\\evil.example\\", 7),
)
BAD_PROJECTS = (
    *("p/../../x", "..", "p/x", "p?x", "p#x", "p%2fx", "p x", "p\n", "", "{location}", "a:b", "example.com:", ":p"),
    *("example.com:p/x", "../example.com:p", "\\p", "Projet", 7),
)


@pytest.mark.parametrize("location", GOOD_LOCATIONS)
@pytest.mark.parametrize("project", GOOD_PROJECTS)
def test_good_places(project: str | None, location: str | None) -> None:
    """Regions, multi-regions, project IDs and numbers, and domain-scoped projects are valid; the host is Google's."""
    backend = Vertex(project, location)
    assert (backend.project, backend.location) == (project, location)
    assert backend.root.partition("://")[2].partition("/")[0].endswith(".googleapis.com")
    if project is not None:
        http = encode(REQUEST, backend).unwrap()
        assert f"/v1beta1/projects/{project}/locations/{location or 'global'}/publishers/google/models/m:" in http.url


@pytest.mark.parametrize("location", BAD_LOCATIONS)
def test_bad_locations(location: Any) -> None:
    """An invalid location is refused, with its name: it would choose the host that receives the credential."""
    with pytest.raises(InvalidRequest, match=r"us-central1") as raised:
        Vertex("p", location)
    assert (raised.value.path, raised.value.value) == ("Vertex.location", location)


@pytest.mark.parametrize("project", BAD_PROJECTS)
def test_bad_projects(project: Any) -> None:
    """An invalid project is refused, with its name: it would change the path."""
    with pytest.raises(InvalidRequest, match=r"my-project") as raised:
        Vertex(project)
    assert (raised.value.path, raised.value.value) == ("Vertex.project", project)


@pytest.mark.parametrize(
    ("name", "value", "path"),
    (
        ("GOOGLE_CLOUD_LOCATION", "evil.example/", "Vertex.location"),
        ("GOOGLE_CLOUD_PROJECT", "p/../../x", "Vertex.project"),
        ("GOOGLE_VERTEX_BASE_URL", "https://good.example\\@evil.example", "base_url"),
        ("GOOGLE_VERTEX_BASE_URL", "https://user:word@evil.example", "base_url"),
    ),
)
def test_bad_environment(name: str, value: str, path: str) -> None:
    """Values from the environment are validated in the same way; an invalid one is a Failure."""
    environ = {"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_CLOUD_PROJECT": "p", name: value}
    failure = backend_from_env(environ).failure()
    assert isinstance(failure, InvalidRequest)
    assert failure.path == path
    assert "word" not in str(failure)


@pytest.mark.parametrize(
    "url",
    (
        *("https://h.test\\@evil.example", "https://h.test\\.evil.example/x", "https://h.test/a b", " https://h.test"),
        *("https://h.te\tst", "https://h.test\n", "https://h.test/\nx", "https://u@h.test", "https://u:p@h.test"),
        *("file:///etc", "ws://h.test", "//h.test", "https:h.test", "https:///x", "https://h.test:0", "https://[::1"),
        *("https://[::1]x", "https://[::1]]", "https://[::1]:x", "https://x[::1]", "https://h.test]"),
    ),
)
@pytest.mark.parametrize("make", (Gemini, Vertex))
def test_bad_base_urls(make: Callable[..., Backend], url: str) -> None:
    """A base URL has an HTTP scheme, a host, maybe a port and a path, and nothing that URL parsers disagree about."""
    with pytest.raises(InvalidRequest) as raised:
        make(base_url=url)
    assert raised.value.path == "base_url"


@pytest.mark.parametrize(
    ("url", "expected"),
    (
        ("https://h.test/", "https://h.test"),
        ("HTTPS://http.test:8443/way/x/", "https://http.test:8443/way/x"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("http://h.test/a@b", "http://h.test/a@b"),
    ),
)
def test_good_base_urls(url: str, expected: str) -> None:
    """A base URL is kept, except for trailing slashes and an upper-case scheme."""
    assert Gemini("test-key", base_url=url).base_url == expected


@settings(derandomize=True, database=None)
@given(st.text("[]:.@/%a1é\u2100?#-", max_size=9))
def test_drawn_base_urls(rest: str) -> None:
    """Whatever the environment contains is a backend that encodes requests, or a Failure."""
    result = backend_from_env({"GOOGLE_API_KEY": "test-key", "GOOGLE_GEMINI_BASE_URL": f"http://{rest}"})
    encoded = result.bind(lambda backend: encode(REQUEST, backend))
    assert isinstance(encoded, Success) or isinstance(encoded.failure(), InvalidRequest)


@pytest.mark.parametrize("name", ("host", "Host"))
@pytest.mark.parametrize("make", (Gemini, Vertex, Http, AsyncHttp, lambda headers: with_options(headers=headers)))
def test_host_header(make: Callable[..., Any], name: str) -> None:
    """A header with another host is refused, not dropped: the URL determines the host."""
    with pytest.raises(InvalidRequest, match="base_url"):
        make(headers={name: "h.test"})


@pytest.mark.parametrize("headers", ({"authorization": b"Bearer abc"}, [["authorization", "Bearer abc"]]))
@pytest.mark.parametrize("make", (Gemini, Vertex))
def test_invalid_headers_are_masked(make: Callable[..., Any], headers: Any) -> None:
    """The error of headers of a wrong type does not show their values, which may be credentials."""
    with pytest.raises(InvalidRequest, match=r"^headers: expected a mapping") as raised:
        make(headers=headers)
    assert "abc" not in f"{raised.value} {raised.value!r}"


@pytest.mark.parametrize("project", [each for each in BAD_PROJECTS if isinstance(each, str)])
@pytest.mark.parametrize("request_", (REQUEST, (REQUEST | streamed).source), ids=("whole", "streamed"))
def test_bad_project_of_credentials(project: str, request_: Any) -> None:
    """The project of a token is validated in the same way; an invalid one is a Failure, as it comes at run time."""
    backend = Vertex(location="us-central1")
    exchange = HttpHandler(backend=backend)
    way = exchange.open_stream if request_ is not REQUEST else exchange.handle
    credential = build_bearer_credential(backend, "test-token", project=project)
    script = [(GetTime(), 100.0), (GetToken(700.0), credential)]
    failure = run_by_script(way(request_, float("inf")), script).failure()
    assert isinstance(failure, InvalidRequest)
    assert (failure.path, failure.value) == ("the project of the credentials", project)


def test_complete_project() -> None:
    """A backend uses the project of its credential only if it has none itself."""
    credential = Credential("https://h.test:443", Secret(()), "theirs")
    assert complete_project(Vertex(), credential) == Success(Vertex("theirs"))
    assert complete_project(Vertex("mine"), credential) == Success(Vertex("mine"))
    assert complete_project(Vertex(), Credential("https://h.test:443", Secret(()))) == Success(Vertex())
    assert isinstance(complete_project(Vertex(), Credential("https://h.test:443", Secret(()), "a/b")), Failure)


def test_token_goes_to_google() -> None:
    """A token is added to requests for the host of the location."""
    backend = Vertex("p", "us-central1")
    signed_request = sign_request(encode(REQUEST, backend).unwrap(), build_bearer_credential(backend, "test-token"))
    assert signed_request.url.startswith("https://us-central1-aiplatform.googleapis.com/")
    assert dict(signed_request.headers)["authorization"] == "Bearer test-token"


GATE = "https://g.example/x"
SCOPE: Mapping[str, Any] = {"base_url": GATE, "base_url_resource_scope": "COLLECTION"}
MODEL_ON_VERTEX = "publishers/google/models/m:generateContent"
IN_US = "projects/p/locations/us-central1"

CAPTURED_URLS: Mapping[str, tuple[Backend, str]] = {
    "key-and-project": (
        Vertex("p", "us-central1", api_key="test-key"),
        f"https://us-central1-aiplatform.googleapis.com/v1beta1/{IN_US}/{MODEL_ON_VERTEX}",
    ),
    "key-in-multi-region": (
        Vertex("p", "eu", api_key="test-key"),
        f"https://aiplatform.eu.rep.googleapis.com/v1beta1/projects/p/locations/eu/{MODEL_ON_VERTEX}",
    ),
    "multi-region": (
        Vertex("p", "us"),
        f"https://aiplatform.us.rep.googleapis.com/v1beta1/projects/p/locations/us/{MODEL_ON_VERTEX}",
    ),
    "scope": (Vertex("p", "us", **SCOPE), f"{GATE}/{MODEL_ON_VERTEX}"),
    "scope-and-version": (Vertex("p", "us", api_version="v1", **SCOPE), f"{GATE}/{MODEL_ON_VERTEX}"),
    "scope-of-gateway": (Vertex(**SCOPE), f"{GATE}/{MODEL_ON_VERTEX}"),
    "scope-and-key": (Vertex(api_key="test-key", **SCOPE), f"{GATE}/{MODEL_ON_VERTEX}"),
    "scope-on-gemini": (Gemini("test-key", **SCOPE), f"{GATE}/models/m:generateContent"),
}
"""Backends, and the URL that google-genai 3.6.1 uses for the same client."""


@pytest.mark.parametrize("name", CAPTURED_URLS)
def test_urls(name: str) -> None:
    """URLs of multi-regions, of a key beside a project and of scoped base URLs are those of google-genai 3.6.1."""
    backend, url = CAPTURED_URLS[name]
    assert encode(REQUEST, backend).unwrap().url == url


def test_key_without_location() -> None:
    """A key with a project alone uses the location ``global``, where google-genai 3.6.1 writes ``None``."""
    url = encode(REQUEST, Vertex("p", api_key="test-key")).unwrap().url
    assert url == f"https://aiplatform.googleapis.com/v1beta1/projects/p/locations/global/{MODEL_ON_VERTEX}"


def test_key_is_sent() -> None:
    """A key beside a project is sent in its header, and no token is requested."""
    credential = build_own_credential(Vertex("p", "us-central1", api_key="test-key"))
    assert credential is not None
    assert credential.headers == Secret((("x-goog-api-key", "test-key"),))


@pytest.mark.parametrize("key", ["", " ", "two\nlines", b"bytes", 0])
@pytest.mark.parametrize("backend", [Gemini, Vertex])
def test_malformed_key(backend: type[Gemini | Vertex], key: Any) -> None:
    """A key that cannot be one is refused, and its text is not in the error."""
    with pytest.raises(InvalidRequest) as raised:
        backend(api_key=key)
    assert (raised.value.path, raised.value.value) == ("api_key", "***" if key else "")


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda: Vertex(location="us-central1", api_key="test-key"), "Vertex.location"),
        (lambda: Vertex("p", api_key="test-key", credentials="file"), "Vertex.credentials"),
        (lambda: Vertex("p", base_url_resource_scope="COLLECTION"), "base_url_resource_scope"),
        (lambda: Gemini("test-key", base_url_resource_scope="COLLECTION"), "base_url_resource_scope"),
        (lambda: Vertex("p", base_url=GATE, base_url_resource_scope="PROJECT"), "base_url_resource_scope"),
    ],
)
def test_contradictions(make: Callable[[], Backend], path: str) -> None:
    """Arguments that contradict each other are refused with the path of one of them."""
    with pytest.raises(InvalidRequest) as raised:
        make()
    assert raised.value.path == path


EXPRESS = Vertex(api_key="k")

CAPTURED_ENVIRONMENTS: Sequence[tuple[Mapping[str, str], Backend]] = (
    ({"GOOGLE_GENAI_API_VERSION": "v1alpha"}, Gemini("k", api_version="v1alpha")),
    ({"GOOGLE_GENAI_API_VERSION": "v1"}, Gemini("k", api_version="v1")),
    ({"GOOGLE_GENAI_API_VERSION": "beta"}, Gemini("k")),
    ({"GOOGLE_GENAI_API_VERSION": ""}, Gemini("k")),
    ({"GOOGLE_GENAI_USE_ENTERPRISE": "true"}, EXPRESS),
    ({"GOOGLE_GENAI_USE_ENTERPRISE": "1", "GOOGLE_GENAI_API_VERSION": "beta"}, EXPRESS),
    ({"GOOGLE_GENAI_USE_ENTERPRISE": "1", "GOOGLE_GENAI_API_VERSION": "v1"}, Vertex(api_key="k", api_version="v1")),
    ({"GOOGLE_GENAI_USE_ENTERPRISE": "false", "GOOGLE_GENAI_USE_VERTEXAI": "true"}, Gemini("k")),
    ({"GOOGLE_GENAI_USE_ENTERPRISE": "true", "GOOGLE_GENAI_USE_VERTEXAI": "false"}, EXPRESS),
    ({"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_GENAI_API_VERSION": "v1"}, Vertex(api_key="k", api_version="v1")),
)
"""Variables beside a key, and the backend that google-genai 3.6.1 uses, except that it uses v1 if none is set."""


@pytest.mark.parametrize(("environ", "expected"), CAPTURED_ENVIRONMENTS)
def test_environment(environ: Mapping[str, str], expected: Backend) -> None:
    """The variables select the backend and the version; ``v1beta`` is the default version."""
    assert backend_from_env({"GOOGLE_API_KEY": "k", **environ}) == Success(expected)


def test_bad_version_in_environment() -> None:
    """A version that would change the path is a Failure."""
    failure = backend_from_env({"GOOGLE_API_KEY": "k", "GOOGLE_GENAI_API_VERSION": "../v1"}).failure()
    assert isinstance(failure, InvalidRequest)
    assert failure.path == "api_version"
