"""``stores`` and ``stores.documents``: requests and responses compared with google-genai 1.51.0, on both backends."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import pytest
from google.genai import types
from msgspec.structs import fields

from genai_fn import schema
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.ops import stores
from genai_fn.request import Request
from genai_fn.wire import encode
from tests.cases.differences_by_resource import STORE_DIFFERENCES
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import (
    BACKENDS,
    check_same_request,
    check_same_response,
    decode_ours,
    encode_ours,
)

G = "https://generativelanguage.googleapis.com/v1beta"
STORE, DOCUMENT = "fileSearchStores/s", "fileSearchStores/s/documents/d"

VERBS: Mapping[str, tuple[Callable[..., Request[Any]], Callable[[Any], Callable[..., Any]]]] = {
    "create": (stores.create, lambda client: client.file_search_stores.create),
    "get": (stores.get, lambda client: client.file_search_stores.get),
    "delete": (stores.delete, lambda client: client.file_search_stores.delete),
    "list": (stores.list, lambda client: client.file_search_stores._list),
    "import_file": (stores.import_file, lambda client: client.file_search_stores.import_file),
    "documents.get": (stores.documents.get, lambda client: client.file_search_stores.documents.get),
    "documents.delete": (stores.documents.delete, lambda client: client.file_search_stores.documents.delete),
    "documents.list": (stores.documents.list, lambda client: client.file_search_stores.documents._list),
}
"""Ours, and google-genai's."""

PLAIN: Mapping[str, Mapping[str, Any]] = {
    "create": {},
    "get": {"name": STORE},
    "delete": {"name": STORE},
    "list": {},
    "import_file": {"file_search_store_name": STORE, "file_name": "files/f"},
    "documents.get": {"name": DOCUMENT},
    "documents.delete": {"name": DOCUMENT},
    "documents.list": {"parent": STORE},
}

FACTS: tuple[Mapping[str, Any], ...] = (
    {"key": "author", "string_value": "E. M. Forster"},
    {"key": "year", "numeric_value": 0},
    {"key": "tags", "string_list_value": {"values": ["a_b", ""]}},
)
CHUNKS: Mapping[str, Any] = {"white_space_config": {"max_tokens_per_chunk": 200, "max_overlap_tokens": 0}}
CONFIGS: Mapping[str, tuple[type, Mapping[str, Any]]] = {
    "create": (schema.CreateFileSearchStoreConfig, {"display_name": "Handbooks"}),
    "delete": (schema.DeleteFileSearchStoreConfig, {"force": False}),
    "list": (schema.ListFileSearchStoresConfig, {"page_size": 0, "page_token": "t/+="}),
    "import_file": (schema.ImportFileConfig, {"custom_metadata": FACTS, "chunking_config": CHUNKS}),
    "documents.delete": (schema.DeleteDocumentConfig, {"force": False}),
    "documents.list": (schema.ListDocumentsConfig, {"page_size": 0, "page_token": "t/+="}),
}
"""Every field of every config."""


@dataclass(frozen=True, eq=False)
class Case:
    """One call; a function as an argument is called with the library, and returns a value of its types."""

    name: str
    verb: str
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def build_arguments(self, lib: Any) -> dict[str, Any]:
        fields = {**PLAIN[self.verb], **self.fields}
        return {key: each(lib) if isinstance(each, FunctionType) else deepcopy(each) for key, each in fields.items()}

    def ours(self) -> Request[Any]:
        return VERBS[self.verb][0](**self.build_arguments(schema))

    def theirs(self, client: Any) -> Any:
        return VERBS[self.verb][1](client)(**self.build_arguments(types))


def _build_config_cases(verb: str, name: str, config: Any) -> Case:
    return Case(f"{verb}-{name}", verb, {"config": config})


CASES = (
    *(Case(f"{verb}-plain", verb) for verb in VERBS),
    *(_build_config_cases(verb, "empty", {}) for verb in CONFIGS),
    *(_build_config_cases(verb, "all", each) for verb, (_, each) in CONFIGS.items() if "force" not in each),
    *(
        _build_config_cases(verb, name, {name: value})
        for verb, (_, each) in CONFIGS.items()
        for name, value in each.items()
        if name != "force"
    ),
    _build_config_cases("create", "name-empty", {"display_name": ""}),
    _build_config_cases("create", "camel", {"displayName": "x"}),
    _build_config_cases("create", "typed", lambda lib: lib.CreateFileSearchStoreConfig(display_name="\u00e9")),
    _build_config_cases("list", "camel", {"pageSize": 2, "pageToken": "t"}),
    _build_config_cases("documents.list", "typed", lambda lib: lib.ListDocumentsConfig(page_size=2)),
    *(_build_config_cases("import_file", f"fact-{each['key']}", {"custom_metadata": [each]}) for each in FACTS),
    _build_config_cases("import_file", "no-facts", {"custom_metadata": []}),
    _build_config_cases("import_file", "fact-empty", {"custom_metadata": [{}]}),
    _build_config_cases(
        "import_file", "facts-camel", {"customMetadata": [{"key": "a", "stringListValue": {"values": []}}]}
    ),
    _build_config_cases("import_file", "fact-typed", lambda lib: {"custom_metadata": [lib.CustomMetadata(key="a")]}),
    _build_config_cases("import_file", "chunks-empty", {"chunking_config": {}}),
    _build_config_cases("import_file", "white-space-empty", {"chunking_config": {"white_space_config": {}}}),
    _build_config_cases("import_file", "typed", lambda lib: lib.ImportFileConfig(chunking_config=lib.ChunkingConfig())),
    *(_build_config_cases(verb, "unknown", {"colour": "red"}) for verb in CONFIGS),
    _build_config_cases("import_file", "fact-unknown", {"custom_metadata": [{"key": "a", "value": 1}]}),
    _build_config_cases("list", "size-list", {"page_size": [1]}),
    *(Case(f"{verb}-short", verb, {"name": "s"}) for verb in ("get", "delete", "documents.get", "documents.delete")),
    *(Case(f"{verb}-space", verb, {"name": "fileSearchStores/a b\u00e9"}) for verb in ("get", "delete")),
    Case("documents.get-space", "documents.get", {"name": "fileSearchStores/a b/documents/\u00e9"}),
    Case("documents.list-short", "documents.list", {"parent": "s"}),
    Case("import_file-short", "import_file", {"file_search_store_name": "s", "file_name": "f"}),
)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_same_wire(case: Case, backend: str) -> None:
    """The same arguments send the same request as google-genai, or the same refusal on Vertex AI."""
    check_same_request(case.ours, case.theirs, backend)


@pytest.mark.parametrize("verb", CONFIGS)
def test_every_field(verb: str) -> None:
    """The table has every field of every config that google-genai 1.51.0 has."""
    kind, config = CONFIGS[verb]
    assert {each.name for each in fields(kind)} - {"embedding_model", "extra"} == set(config)


@pytest.mark.parametrize("model", ["gemini-embedding-2", "models/gemini-embedding-2"])
def test_embedding_model(model: str) -> None:
    """The embedding model is sent by its full name, as by google-genai 3.6.1."""
    body = encode_ours(stores.create({"embedding_model": model}), "gemini")[2]
    assert body == {"embeddingModel": "models/gemini-embedding-2"}


def test_no_embedding_model() -> None:
    """An invalid name of an embedding model is a mistake at once."""
    with pytest.raises(InvalidRequest) as raised:
        stores.create({"embedding_model": ""})
    assert raised.value.path == "config.embedding_model"


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("verb", ["delete", "documents.delete"])
def test_force(verb: str, force: bool) -> None:
    """``force`` is sent as JSON's true or false."""
    assert STORE_DIFFERENCES["force"]
    case = _build_config_cases(verb, "force", {"force": force})
    theirs = oracle.capture_request(oracle.GEMINI, case.theirs)
    assert isinstance(theirs, oracle.SentRequest)
    assert theirs.url == f"{G}/{PLAIN[verb]['name']}?force={force}"
    url = f"{G}/{PLAIN[verb]['name']}?force={str(force).lower()}"
    assert encode_ours(case.ours(), "gemini") == ("DELETE", url, None)


@pytest.mark.parametrize(
    ("verb", "parameter"),
    [(verb, parameter) for verb, fields in PLAIN.items() for parameter in fields],
)
@pytest.mark.parametrize("name", ["", "..", "a/../b", "a?b", "a&b", "a#b", "{name}", "a\nb", None, 3])
def test_invalid_names(verb: str, parameter: str, name: Any) -> None:
    """An empty or invalid name is a mistake at once, with the parameter's name."""
    assert STORE_DIFFERENCES["names"]
    with pytest.raises(InvalidRequest) as raised:
        VERBS[verb][0](**{**PLAIN[verb], parameter: name})
    assert (raised.value.path, raised.value.value) == (parameter, name)


@pytest.mark.parametrize("verb", VERBS)
def test_vertex_refuses_with_reason(verb: str) -> None:
    """Stores are refused on Vertex AI before anything is sent."""
    request = Case(verb, verb).ours()
    error = encode(request, BACKENDS["vertex"][1]).failure()
    assert error == Unsupported(
        "Vertex AI", (f"stores.{verb}",), "file search stores exist only on the Gemini Developer API"
    )


STORE_REPLY = {
    "name": STORE,
    "displayName": "Handbooks",
    "createTime": "2025-01-02T03:04:05.678901Z",
    "updateTime": "2025-01-02T03:04:05Z",
    "activeDocumentsCount": "3",
    "pendingDocumentsCount": 0,
    "failedDocumentsCount": "0",
    "sizeBytes": "12345678901",
}
BOOK = {
    "name": DOCUMENT,
    "displayName": "A Passage to India",
    "state": "STATE_ACTIVE",
    "sizeBytes": "1",
    "mimeType": "text/plain",
    "createTime": "2025-01-02T03:04:05Z",
    "updateTime": "2025-01-02T03:04:05Z",
    "customMetadata": [
        {"key": "author", "stringValue": "E. M. Forster"},
        {"key": "year", "numericValue": 1924},
        {"key": "tags", "stringListValue": {"values": ["a_b", ""]}},
    ],
}
IMPORT_RESPONSE = {"@type": "t", "parent": STORE, "documentName": DOCUMENT}
REPLIES: Mapping[str, tuple[Any, ...]] = {
    "create": (STORE_REPLY,),
    "get": ({}, STORE_REPLY, {"name": STORE, "sizeBytes": None}, {"name": STORE, "new": {"x": 1}}),
    "list": (
        {},
        {"fileSearchStores": []},
        {"fileSearchStores": [STORE_REPLY, {}], "nextPageToken": "t"},
        {"nextPageToken": "t"},
    ),
    "import_file": (
        {},
        {"name": f"{STORE}/operations/1"},
        {"name": "n", "metadata": {"@type": "t", "snake_case": [1]}, "done": False},
        {"name": "n", "done": True, "response": IMPORT_RESPONSE},
        {"name": "n", "done": True, "response": {}},
        {"name": "n", "done": True, "error": {"code": 3, "message": "no", "details": []}},
    ),
    "documents.get": (
        {},
        BOOK,
        {"name": DOCUMENT, "state": "STATE_PENDING", "customMetadata": None},
        {"state": "STATE_NEW"},
    ),
    "documents.list": ({}, {"documents": [BOOK]}, {"documents": [BOOK, {}], "nextPageToken": "t"}),
}


@pytest.mark.parametrize(("verb", "reply"), [(verb, reply) for verb, replies in REPLIES.items() for reply in replies])
def test_read(verb: str, reply: Any) -> None:
    """Responses decode to the same values as with google-genai."""
    case = Case(verb, verb)
    check_same_response(case.ours, case.theirs, "gemini", reply)


@pytest.mark.parametrize("reply", [b"", b"{}", b"{}\n"])
@pytest.mark.parametrize("verb", ["delete", "documents.delete"])
def test_delete_read(verb: str, reply: bytes) -> None:
    """A successful deletion returns None."""
    assert decode_ours(Case(verb, verb).ours(), "gemini", reply) is None


def test_pages_show_more() -> None:
    """A page is iterable, and its repr shows whether there are more."""
    page = decode_ours(stores.documents.list(STORE), "gemini", REPLIES["documents.list"][2])
    assert [each.name for each in page] == [DOCUMENT, None]
    assert repr(page).startswith("<ListDocumentsResponse of 2, more to come: ")


def test_read_in_once() -> None:
    """Creating and importing are not retried once bytes were sent; all other operations are."""
    assert [verb for verb, (build, _) in VERBS.items() if not build(**PLAIN[verb]).operation.repeatable] == [
        "create",
        "import_file",
    ]
