"""``caches``: requests compared with google-genai 1.51.0, on both backends."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import pytest
from google.genai import types
from msgspec.structs import fields

from genai_fn import schema
from genai_fn.backend import Vertex
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.modifiers import with_config
from genai_fn.ops import caches
from genai_fn.request import Request
from genai_fn.wire import encode
from tests.cases.differences_by_resource import GENERATE_DIFFERENCES
from tests.cases.generate_requests import CASES as GENERATE
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import BACKENDS, check_same_request, encode_ours, get_refused_paths

CONFIG: Mapping[str, Any] = {
    "ttl": "300s",
    "expire_time": "2030-01-02T03:04:05.678901+02:00",
    "display_name": "A book",
    "contents": ["a", {"text": "b"}],
    "system_instruction": "be brief",
    "tools": [{"function_declarations": [{"name": "f"}]}, {"google_search": {}}],
    "tool_config": {"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}},
    "kms_key_name": "projects/p/locations/l/keyRings/r/cryptoKeys/k",
}
"""Every field."""

NAMES = (
    "1",
    "a-b",
    "cachedContents/1",
    "locations/l/cachedContents/1",
    "projects/q/locations/l/cachedContents/1",
    "some/wrong/cachedContents/1",
    "with space",
)
MODELS = (
    "gemini-2.5-flash",
    "models/m",
    "tunedModels/x",
    "publishers/google/models/m",
    "publishers/meta/models/llama",
    "projects/q/locations/l/publishers/google/models/m",
    "meta/llama",
    "",
    "a/../b",
    "a?b",
)
PAGES: tuple[Mapping[str, Any] | None, ...] = (
    None,
    {},
    {"page_size": 5},
    {"page_size": 0},
    {"page_token": "t/+="},
    {"page_token": ""},
    {"pageSize": 5, "pageToken": "t"},
)
EXPIRIES: tuple[Mapping[str, Any] | None, ...] = (
    None,
    {},
    {"ttl": "300s"},
    {"ttl": ""},
    {"expire_time": CONFIG["expire_time"]},
    {"expireTime": "2030-01-02T03:04:05Z"},
    {"ttl": "1s", "expire_time": "2030-01-02T03:04:05Z"},
)
BY_NAME: Mapping[str, Callable[[str], Request[Any]]] = {
    "get": caches.get,
    "update": lambda name: caches.update(name, {"ttl": "300s"}),
    "delete": caches.delete,
}

DIFFERENCES: Mapping[str, str] = {
    "names": "1.51.0 sends any name; genai_fn refuses a name that would change the path of the URL",
    "express": "without a project, 1.51.0 sends projects/None; genai_fn refuses",
    "naive-time": "1.51.0 sends a time without a time zone, which the service cannot parse; genai_fn refuses it",
}
"""Deliberate differences; a test of the resource asserts each."""


@dataclass(frozen=True, eq=False)
class Case:
    """One creation; a function as a config is called with the library, and returns a value of its types."""

    name: str
    config: Any = None
    model: str = "gemini-2.5-flash"

    def build_arguments(self, lib: Any) -> dict[str, Any]:
        config = self.config(lib) if isinstance(self.config, FunctionType) else deepcopy(self.config)
        return {"model": self.model, "config": config}

    def ours(self) -> Request[Any]:
        return caches.create(**self.build_arguments(schema))

    def theirs(self, client: Any) -> Any:
        return client.caches.create(**self.build_arguments(types))


def _select_cached_fields(case: Any) -> Case | None:
    """Select the arguments of a ``generate`` case that a cache also takes."""
    if case.name in GENERATE_DIFFERENCES or case.stream or case.model != "gemini-2.5-flash":
        return None
    if case.config is None:
        return Case(f"with-{case.name}", lambda lib: {"contents": case.arguments(lib)[0]})
    if isinstance(case.config, FunctionType) or not case.config:
        return None
    is_cacheable = set(case.config) <= {"system_instruction", "tools", "tool_config"}
    return Case(f"with-{case.name}", lambda lib: case.arguments(lib)[1]) if is_cacheable else None


CASES = (
    Case("nothing"),
    Case("empty", {}),
    Case("all", CONFIG),
    *(Case(name, {name: each}) for name, each in CONFIG.items()),
    Case("typed", lambda lib: lib.CreateCachedContentConfig(ttl="1s", contents=[lib.Content(role="user", parts=[])])),
    Case("camel", {"displayName": "x", "toolConfig": {"retrievalConfig": {"languageCode": "de"}}}),
    Case("empty-texts", {"ttl": "", "display_name": "", "contents": ""}),
    Case("unknown", {"colour": "red"}),
    Case("unknown-inside", {"tools": [{"colour": "red"}]}),
    Case("ttl-number", {"ttl": 300}),
    *(Case(f"model-{model}", {"ttl": "1s"}, model) for model in MODELS),
    *(cached_case for case in GENERATE if (cached_case := _select_cached_fields(case))),
)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_create_same_wire(case: Case, backend: str) -> None:
    """The same arguments send the same request as google-genai, or are refused as by it."""
    check_same_request(case.ours, case.theirs, backend)


def test_contents_by_modifier() -> None:
    """Contents set by a modifier are grouped into turns like those of the builder."""
    config = {"contents": ["a", {"text": "b"}], "system_instruction": ["c", "d"]}
    assert caches.create("m", config) == caches.create("m") | with_config(config)


def test_every_field() -> None:
    """The table has every field of the config."""
    assert {each.name for each in fields(schema.CreateCachedContentConfig)} == set(CONFIG)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NAMES)
def test_names_same_wire(name: str, backend: str) -> None:
    """A cache has the same names as in google-genai, long and short."""
    check_same_request(lambda: caches.get(name), lambda client: client.caches.get(name=name), backend)
    check_same_request(lambda: caches.delete(name), lambda client: client.caches.delete(name=name), backend)
    check_same_request(lambda: caches.update(name), lambda client: client.caches.update(name=name), backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("config", EXPIRIES)
def test_update_same_wire(config: Mapping[str, Any] | None, backend: str) -> None:
    """An update sends what google-genai sends; without changes there is no body."""
    check_same_request(
        lambda: caches.update("1", config),
        lambda client: client.caches.update(name="1", config=deepcopy(config)),
        backend,
    )


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("config", PAGES)
def test_list_same_wire(config: Mapping[str, Any] | None, backend: str) -> None:
    """A page is requested as by google-genai."""
    check_same_request(lambda: caches.list(config), lambda client: client.caches.list(config=deepcopy(config)), backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("build", BY_NAME.values(), ids=BY_NAME)
@pytest.mark.parametrize("name", ["", "..", "a/../b", "a?b", "a&b", "a#b", "{project}", "a\nb", None, 3])
def test_invalid_names(name: Any, build: Callable[[str], Request[Any]], backend: str) -> None:
    """An empty or invalid name is a mistake at once."""
    assert DIFFERENCES["names"]
    assert isinstance(
        oracle.capture_request(BACKENDS[backend][0], lambda client: client.caches.get(name="a/../b")),
        oracle.SentRequest,
    )
    with pytest.raises(InvalidRequest) as raised:
        build(name)
    assert (raised.value.path, raised.value.value) == ("name", name)


@pytest.mark.parametrize("build", BY_NAME.values(), ids=BY_NAME)
def test_express_mode(build: Callable[[str], Request[Any]]) -> None:
    """With only a key, Vertex AI has no project: a short name is refused, with a hint to the full name."""
    assert DIFFERENCES["express"]
    theirs = oracle.capture_request(
        {"vertexai": True, "api_key": "test-key"}, lambda client: client.caches.get(name="1")
    )
    assert isinstance(theirs, oracle.SentRequest)
    assert "/projects/None/" in theirs.url
    error = encode(build("1"), Vertex(api_key="test-key")).failure()
    assert isinstance(error, Unsupported)
    assert "no project" in error.reason


def test_express_mode_list() -> None:
    """With only a key, caches are listed without a project, as by google-genai."""
    theirs = oracle.capture_request({"vertexai": True, "api_key": "test-key"}, lambda client: client.caches.list())
    assert isinstance(theirs, oracle.SentRequest)
    http = encode(caches.list(), Vertex(api_key="test-key")).unwrap()
    assert http.url == theirs.url == "https://aiplatform.googleapis.com/v1beta1/cachedContents"


def test_express_mode_whole_names() -> None:
    """With only a key, a full name is valid."""
    name = "projects/q/locations/l/cachedContents/1"
    http = encode(caches.get(name), Vertex(api_key="test-key")).unwrap()
    assert http.url == f"https://aiplatform.googleapis.com/v1beta1/{name}"


NAIVE = "2030-01-02T03:04:05"


@pytest.mark.parametrize("backend", BACKENDS)
def test_times_have_zones(backend: str) -> None:
    """A time without a time zone is refused."""
    assert DIFFERENCES["naive-time"]
    theirs = oracle.capture_request(
        BACKENDS[backend][0], lambda client: client.caches.update(name="1", config={"expire_time": NAIVE})
    )
    assert isinstance(theirs, oracle.SentRequest)
    assert theirs.body == {"expireTime": NAIVE}
    with pytest.raises(InvalidRequest, match="time zone"):
        caches.update("1", {"expire_time": NAIVE})


@pytest.mark.parametrize(
    ("build", "path"),
    [
        (lambda: caches.create("m", {"expire_time": NAIVE}), "config.expire_time"),
        (lambda: caches.create("m", {"contents": []}), "config.contents"),
        (lambda: caches.create("m", {"contents": ["a", None]}), "config.contents[1]"),
        (lambda: caches.create("m", {"contents": ["a", {"parts": [{}]}]}), "config.contents[1].parts[0]"),
        (lambda: caches.create("m", {"http_options": {"timeout": 1}}), "config.http_options"),
        (lambda: caches.create("m", {"tools": "google_search"}), "config.tools"),
        (lambda: caches.create("m", [1]), "config"),  # type: ignore[arg-type]  # that is the point
        (lambda: caches.update("1", {"display_name": "x"}), "config.display_name"),
        (lambda: caches.update("1", {"expire_time": 5}), "config.expire_time"),
        (lambda: caches.list({"page_size": "5"}), "config.page_size"),
        (lambda: caches.list({"filter": "x"}), "config.filter"),
    ],
)
def test_mistakes(build: Callable[[], Request[Any]], path: str) -> None:
    """A mistake is raised when the request is built, with its path."""
    with pytest.raises(InvalidRequest) as raised:
        build()
    assert path == raised.value.path


def test_refused_together() -> None:
    """All fields that Gemini does not have are in one error."""
    config = {"kms_key_name": "k", "contents": {"function_call": {"name": "f", "will_continue": True}}}
    assert get_refused_paths(caches.create("m", config), "gemini") == (
        "config.contents[0].parts[0].function_call.will_continue",
        "config.kms_key_name",
    )


def test_tools_stay_apart() -> None:
    """The tools of a cache are not merged, unlike those of ``generate``."""
    tools = [
        {"function_declarations": [{"name": "f"}], "code_execution": {}},
        {"function_declarations": [{"name": "g"}]},
    ]
    _, _, body = encode_ours(caches.create("m", {"tools": tools}), "gemini")
    assert body["tools"] == [
        {"functionDeclarations": [{"name": "f"}], "codeExecution": {}},
        {"functionDeclarations": [{"name": "g"}]},
    ]
