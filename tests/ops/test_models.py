"""``models``: requests and responses compared with google-genai 1.51.0, on both backends."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from genai_fn.backend import Vertex
from genai_fn.errors import InvalidRequest
from genai_fn.ops import models
from genai_fn.wire import encode
from tests.cases.differences_by_resource import MODEL_DIFFERENCES
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import (
    BACKENDS,
    EncodedRequest,
    check_same_request,
    check_same_response,
    decode_ours,
    encode_ours,
)

G, V = "https://generativelanguage.googleapis.com/v1beta", "https://us-central1-aiplatform.googleapis.com/v1beta1"

MODELS = (
    "gemini-2.5-flash",
    "models/m",
    "tunedModels/x",
    "publishers/google/models/m",
    "publishers/google/models",
    "publishers/meta/models/llama",
    "projects/q/locations/l/models/7",
    "meta/llama",
    "a/b/c",
    "with space",
    "",
    "..",
    "a/../b",
    "a?b",
    "a&b",
)
UPDATES: tuple[Mapping[str, Any] | None, ...] = (
    None,
    {},
    {"display_name": "Mine"},
    {"display_name": ""},
    {"description": "of mine"},
    {"default_checkpoint_id": "2"},
    {"displayName": "Mine", "description": "of mine", "defaultCheckpointId": "2"},
)
LISTS: tuple[Mapping[str, Any] | None, ...] = (
    None,
    {},
    {"query_base": True},
    {"query_base": False},
    {"queryBase": False, "pageSize": 2},
    {"page_size": 5},
    {"page_size": 0},
    {"page_token": "t/+="},
    {"filter": "labels.a:b"},
    {"filter": "a=b c"},
    {"filter": ""},
    {"filter": "labels.a:b", "query_base": False, "page_size": 3, "page_token": "t"},
)

PUBLISHERS_MODELS = ("tunedModels/x", "publishers/meta/models/llama", "meta/llama", "a/b/c")
"""Models of publishers other than Google, by the name that Vertex AI knows them by."""

both_backends = pytest.mark.parametrize("backend", BACKENDS)


@both_backends
@pytest.mark.parametrize("model", MODELS)
def test_get(model: str, backend: str) -> None:
    """A model is requested by the backend's name for it, as by google-genai but for `PUBLISHERS_MODELS`."""
    if backend == "gemini" or model not in PUBLISHERS_MODELS:
        check_same_request(lambda: models.get(model), lambda client: client.models.get(model=model), backend)
        return
    theirs = oracle.capture_request(BACKENDS[backend][0], lambda client: client.models.get(model=model))
    assert isinstance(theirs, oracle.SentRequest)
    assert MODEL_DIFFERENCES["publishers"]
    assert encode_ours(models.get(model), backend)[1] == theirs.url.replace("/projects/p/locations/us-central1", "")


@both_backends
@pytest.mark.parametrize("model", MODELS)
def test_update_and_delete(model: str, backend: str) -> None:
    """A model is updated and deleted by the backend's name for it; on Vertex AI with a project."""
    config = {"display_name": "d"}
    check_same_request(lambda: models.delete(model), lambda client: client.models.delete(model=model), backend)
    check_same_request(
        lambda: models.update(model, config),
        lambda client: client.models.update(model=model, config={**config}),  # type: ignore[arg-type]  # its own dict
        backend,
    )


@both_backends
@pytest.mark.parametrize("config", UPDATES)
def test_update(config: dict[str, Any] | None, backend: str) -> None:
    """Changed fields are sent; without changes there is no body."""
    check_same_request(
        lambda: models.update("tunedModels/x", config),
        lambda client: client.models.update(model="tunedModels/x", config=config and {**config}),  # type: ignore[arg-type]  # its own dict
        backend,
    )


@both_backends
@pytest.mark.parametrize("config", LISTS)
def test_list(config: dict[str, Any] | None, backend: str) -> None:
    """Tuned and base models have different paths; the query is the same, in any order and escaping."""
    theirs = oracle.capture_request(
        BACKENDS[backend][0], lambda client: client.models.list(config=config and {**config})
    )  # type: ignore[arg-type]  # its own dict
    assert isinstance(theirs, oracle.SentRequest)
    ours = encode_ours(models.list(config), backend)
    assert _split_query(theirs.method, theirs.url, theirs.body) == _split_query(*ours)


def _split_query(method: str, url: str, body: Any) -> tuple[Any, ...]:
    parts = urlsplit(url)
    query = sorted(parse_qsl(parts.query, keep_blank_values=True))
    return method, parts.netloc, parts.path, query, body


@pytest.mark.parametrize(
    ("name", "config", "gemini", "vertex"),
    [
        (
            "filter",
            {"filter": "a&b=c"},
            f"{G}/models?filter=a%26b%3Dc",
            f"{V}/publishers/google/models?filter=a%26b%3Dc",
        ),
        (
            "filter-empty",
            {"filter": "", "query_base": False},
            f"{G}/tunedModels?filter=",
            f"{V}/projects/p/locations/us-central1/models?filter=&filter=labels.tune-type%3A%2A",
        ),
    ],
)
def test_differences(name: str, config: dict[str, Any], gemini: str, vertex: str) -> None:
    """Each difference from google-genai 1.51.0 is as the table states."""
    assert name in MODEL_DIFFERENCES
    assert [encode_ours(models.list(config), backend) for backend in BACKENDS] == [
        ("GET", gemini, None),
        ("GET", vertex, None),
    ]


def test_without_a_project() -> None:
    """In express mode and behind a gateway the paths are short."""
    for backend, root in (
        (Vertex(api_key="test-key"), "https://aiplatform.googleapis.com/v1beta1"),
        (Vertex(base_url="https://gate.test/way"), "https://gate.test/way"),
    ):
        requests = (models.get("m"), models.delete("m"), models.list(), models.list({"query_base": False}))
        assert [encode(each, backend).unwrap().url.removeprefix(root) for each in requests] == [
            "/publishers/google/models/m",
            "/publishers/google/models/m",
            "/publishers/google/models",
            "/models?filter=labels.tune-type%3A%2A",
        ]


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"page_sise": 1}, "config.page_sise"),
        ({"page_size": "many"}, "config.page_size"),
        ({"query_base": "no"}, "config.query_base"),
        ({"http_options": {}}, "config.http_options"),
    ],
)
def test_mistakes(config: dict[str, Any], path: str) -> None:
    """An invalid field or value is a mistake at once, with its path."""
    with pytest.raises(InvalidRequest) as raised:
        models.list(config)
    assert raised.value.path == path


# Responses

GEMINI_MODEL: Mapping[str, Any] = {
    "name": "models/gemini-2.5-flash",
    "version": "001",
    "displayName": "Gemini 2.5 Flash",
    "description": "Stable",
    "inputTokenLimit": 1048576,
    "outputTokenLimit": 65536,
    "supportedGenerationMethods": ["generateContent", "countTokens"],
    "temperature": 1,
    "topP": 0.95,
    "topK": 64,
    "maxTemperature": 2,
    "thinking": True,
    "baseModelId": "not read",
}
GEMINI_TUNED: Mapping[str, Any] = {
    "name": "tunedModels/x",
    "baseModel": "models/gemini-1.5-flash-001-tuning",
    "displayName": "x",
    "state": "ACTIVE",
    "createTime": "2024-08-29T20:27:02.114034Z",
    "updateTime": "2024-08-29T20:28:46.983Z",
    "tuningTask": {"startTime": "2024-08-29T20:27:02.137619800Z"},
    "temperature": 0.0,
}
VERTEX_MODEL: Mapping[str, Any] = {
    "name": "publishers/google/models/gemini-2.5-flash",
    "versionId": "default",
    "openSourceCategory": "PROPRIETARY",
    "launchStage": "GA",
    "supportedActions": {"openGenie": {}},
}
VERTEX_TUNED: Mapping[str, Any] = {
    "name": "projects/1/locations/us-central1/models/7",
    "displayName": "mine",
    "description": "of mine",
    "versionId": "1",
    "createTime": "2024-08-29T20:27:02Z",
    "updateTime": "2024-08-29T20:28:46.983123Z",
    "deployedModels": [
        {"endpoint": "projects/1/locations/us-central1/endpoints/8", "deployedModelId": "9"},
        {"endpoint": "projects/1/locations/us-central1/endpoints/10"},
    ],
    "labels": {"google-vertex-llm-tuning-base-model-id": "gemini-2.0-flash-001", "tune-type": "sft"},
    "defaultCheckpointId": "2",
    "checkpoints": [{"checkpointId": "1", "epoch": "1", "step": "10"}, {"checkpointId": "2", "epoch": 2, "step": 20}],
}
REPLIES: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "gemini": ({}, GEMINI_MODEL, GEMINI_TUNED, {"name": None, "supportedGenerationMethods": None}),
    "vertex": ({}, VERTEX_MODEL, VERTEX_TUNED, {"labels": {"a": "b"}}, {"labels": None, "deployedModels": [{}]}),
}


@pytest.mark.parametrize(("backend", "reply"), [(backend, each) for backend, all_ in REPLIES.items() for each in all_])
def test_same_model(backend: str, reply: Any) -> None:
    """A model decodes as with google-genai, for get and update."""
    check_same_response(lambda: models.get("m"), lambda client: client.models.get(model="m"), backend, reply)
    check_same_response(
        lambda: models.update("m", {"description": "d"}),
        lambda client: client.models.update(model="m", config={"description": "d"}),
        backend,
        reply,
    )


@both_backends
@pytest.mark.parametrize("query_base", [True, False])
@pytest.mark.parametrize("field", ["models", "tunedModels", "publisherModels"])
def test_same_page(field: str, query_base: bool, backend: str) -> None:
    """A page has the models of either field, and the next page's token."""
    if (backend, field) in (("gemini", "publisherModels"), ("vertex", "tunedModels")):
        return  # the field of the other backend
    config = {"query_base": query_base}
    for token in ({}, {"nextPageToken": "next"}):
        theirs = oracle.parse_reply(
            BACKENDS[backend][0],
            lambda client: client.models.list(config={**config}),  # type: ignore[arg-type]  # its own dict
            {field: [*REPLIES[backend]], **token},
        )
        page = decode_ours(models.list(config), backend, {field: [*REPLIES[backend]], **token})
        assert [each.name for each in theirs.page] == [each.name for each in page]
        assert page.models == tuple(decode_ours(models.get("m"), backend, each) for each in REPLIES[backend])
        assert page.next_page_token == token.get("nextPageToken")


@both_backends
def test_no_models(backend: str) -> None:
    """An empty response is an empty page."""
    assert [list(decode_ours(models.list(), backend, reply)) for reply in ({}, {"models": []})] == [[], []]


@both_backends
def test_deleted(backend: str) -> None:
    """A deletion returns an empty value, for any empty body."""
    for reply in (b"", b"{}", {}):
        assert decode_ours(models.delete("m"), backend, reply) == models.DeleteModelResponse()


def test_literal() -> None:
    """One request of each kind, written out."""
    expected: Mapping[str, tuple[EncodedRequest, EncodedRequest]] = {
        "get": (("GET", f"{G}/models/m", None), ("GET", f"{V}/publishers/google/models/m", None)),
        "update": (
            ("PATCH", f"{G}/models/m", {"description": "d"}),
            ("PATCH", f"{V}/projects/p/locations/us-central1/publishers/google/models/m", {"description": "d"}),
        ),
    }
    requests = {"get": models.get("m"), "update": models.update("m", {"description": "d"})}
    assert expected == {
        name: (encode_ours(each, "gemini"), encode_ours(each, "vertex")) for name, each in requests.items()
    }
