"""What goes into a host or a path of a backend is checked before anything is sent there."""

from collections.abc import Callable
from typing import Any

import pytest

from genai_fn import Failure, Gemini, Success, Vertex, backend_from_env, encode, generate, streamed
from genai_fn.backend import Backend, Credential, Secret, build_bearer_credential, complete_project
from genai_fn.effects import GetTime, GetToken
from genai_fn.engine.handler import HttpHandler
from genai_fn.errors import InvalidRequest
from genai_fn.wire import sign_request
from tests.support.scripted_effects import run_by_script

ASKED = generate("m", "hi")

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
    """Regions, multi-regions, project IDs, numbers and domain-scoped projects are taken, and the host is Google's."""
    backend = Vertex(project, location)
    assert (backend.project, backend.location) == (project, location)
    assert backend.root.partition("://")[2].partition("/")[0].endswith(".googleapis.com")
    if project is not None:
        http = encode(ASKED, backend).unwrap()
        assert f"/v1beta1/projects/{project}/locations/{location or 'global'}/publishers/google/models/m:" in http.url


@pytest.mark.parametrize("location", BAD_LOCATIONS)
def test_bad_locations(location: Any) -> None:
    """What is no location is refused by name: it would choose the host that the credential goes to."""
    with pytest.raises(InvalidRequest, match=r"us-central1") as raised:
        Vertex("p", location)
    assert (raised.value.path, raised.value.value) == ("Vertex.location", location)


@pytest.mark.parametrize("project", BAD_PROJECTS)
def test_bad_projects(project: Any) -> None:
    """What is no project is refused by name: it would choose the path."""
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
    """The environment is held to the same, and what is wrong there is a Failure."""
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
    ),
)
@pytest.mark.parametrize("make", (Gemini, Vertex))
def test_bad_base_urls(make: Callable[..., Backend], url: str) -> None:
    """A base URL has a scheme of HTTP, a host, maybe a port and a path, and nothing that parsers read in two ways."""
    with pytest.raises(InvalidRequest) as raised:
        make(base_url=url)
    assert raised.value.path == "base_url"


@pytest.mark.parametrize(
    ("url", "kept"),
    (
        ("https://h.test/", "https://h.test"),
        ("HTTPS://http.test:8443/way/x/", "https://http.test:8443/way/x"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("http://h.test/a@b", "http://h.test/a@b"),
    ),
)
def test_good_base_urls(url: str, kept: str) -> None:
    """A base URL is kept as it is, but for the slash at its end and a scheme in capitals."""
    assert Gemini("test-key", base_url=url).base_url == kept


@pytest.mark.parametrize("project", [each for each in BAD_PROJECTS if isinstance(each, str)])
@pytest.mark.parametrize("request_", (ASKED, (ASKED | streamed).source), ids=("whole", "streamed"))
def test_bad_project_of_credentials(project: str, request_: Any) -> None:
    """A project that comes with a token is held to the same; it is known at run time alone, and so a Failure."""
    backend = Vertex(location="us-central1")
    exchange = HttpHandler(backend=backend)
    way = exchange.open_stream if request_ is not ASKED else exchange.handle
    credential = build_bearer_credential(backend, "test-token", project=project)
    script = [(GetTime(), 100.0), (GetToken(700.0), credential)]
    failure = run_by_script(way(request_, float("inf")), script).failure()
    assert isinstance(failure, InvalidRequest)
    assert (failure.path, failure.value) == ("the project of the credentials", project)


def test_complete_project() -> None:
    """A backend takes the project of its credential only if it has none itself."""
    credential = Credential("https://h.test:443", Secret(()), "theirs")
    assert complete_project(Vertex(), credential) == Success(Vertex("theirs"))
    assert complete_project(Vertex("mine"), credential) == Success(Vertex("mine"))
    assert complete_project(Vertex(), Credential("https://h.test:443", Secret(()))) == Success(Vertex())
    assert isinstance(complete_project(Vertex(), Credential("https://h.test:443", Secret(()), "a/b")), Failure)


def test_token_goes_to_google() -> None:
    """A token is signed on for the location's own host."""
    backend = Vertex("p", "us-central1")
    signed = sign_request(encode(ASKED, backend).unwrap(), build_bearer_credential(backend, "test-token"))
    assert signed.url.startswith("https://us-central1-aiplatform.googleapis.com/")
    assert dict(signed.headers)["authorization"] == "Bearer test-token"
