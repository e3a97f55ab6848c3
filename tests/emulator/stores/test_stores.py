"""File search stores of the emulator: uploads, imports, search, deletion."""

from typing import Any

import pytest

from genai_fn import Gemini, Offline, files, generate, operations, stores, streamed, until_done
from genai_fn.emulator import EmulatorState
from genai_fn.emulator.server.faults import EmulatedFault
from genai_fn.emulator.stores.retrieval import add_grounding_supports, search_stores
from genai_fn.schema import FileSearch, ImportFileOperation, Tool, UploadToFileSearchStoreOperation
from tests.support.emulator_requests import GEMINI, JsonClient

SKY = b"Light from the sun is scattered by the air. The sky is blue because blue light is scattered most."
BREAD = b"Bread is made of flour, water, salt and yeast. The dough has to rest before it is baked."


def create_store(run: Offline) -> str:
    return str(run(stores.create({"display_name": "Handbooks"})).unwrap().name)


def upload_document(run: Offline, store: str, data: bytes, **config: Any) -> str:
    """Upload a document, wait until it is ready, and return its name."""
    config = {"mime_type": "text/plain", **config}
    finished = run(stores.upload(store, data, config) | until_done()).unwrap()
    assert finished.response is not None
    return str(finished.response.document_name)


def test_upload() -> None:
    """An upload becomes a document that can be searched after two polls."""
    run = Offline(Gemini())
    store = create_store(run)
    started = run(stores.upload(store, SKY, {"mime_type": "text/plain", "display_name": "Sky"})).unwrap()
    assert started.done is None
    pending = run(operations.get(started)).unwrap()
    assert (None, "STATE_PENDING") == (pending.done, next(iter(run(stores.documents.list(store)).unwrap())).state)
    finished = run(operations.get(str(started.name), UploadToFileSearchStoreOperation)).unwrap()
    assert finished.done is True
    assert finished.response is not None
    document = run(stores.documents.get(str(finished.response.document_name))).unwrap()
    assert ("Sky", "STATE_ACTIVE", len(SKY), "text/plain", store) == (
        *(document.display_name, document.state, document.size_bytes, document.mime_type),
        finished.response.parent,
    )


def test_import() -> None:
    """An imported file becomes a document with the given custom metadata."""
    run = Offline(Gemini())
    store, file = create_store(run), run(files.upload(BREAD, {"mime_type": "text/plain"})).unwrap()
    facts = [{"key": "year", "numeric_value": 1927}, {"key": "kind", "string_value": "recipe"}]
    started = run(stores.import_file(store, str(file.name), {"custom_metadata": facts})).unwrap()
    assert started.done is None
    finished = run(operations.get(str(started.name), ImportFileOperation) | until_done()).unwrap()
    assert finished.response is not None
    document = run(stores.documents.get(str(finished.response.document_name))).unwrap()
    assert (file.name, 1927.0, "recipe") == (
        document.display_name,
        document.custom_metadata[0].numeric_value,
        document.custom_metadata[1].string_value,
    )


def test_counts() -> None:
    """A store contains the number of active documents, of pending ones, and their total size."""
    run = Offline(Gemini())
    store = create_store(run)
    upload_document(run, store, SKY)
    run(stores.upload(store, BREAD, {"mime_type": "text/plain"})).unwrap()
    response = run(stores.get(store)).unwrap()
    assert (1, 1, len(SKY) + len(BREAD)) == (
        response.active_documents_count,
        response.pending_documents_count,
        response.size_bytes,
    )
    assert [response] == list(run(stores.list()).unwrap())


def test_delete() -> None:
    """A store or document that is not empty can only be deleted with ``force``, which deletes everything in it."""
    run = Offline(Gemini())
    store = create_store(run)
    document = upload_document(run, store, SKY)
    other_store = create_store(run)
    for request in (stores.delete(store), stores.documents.delete(document)):
        assert "FAILED_PRECONDITION" in str(run(request).failure())
    run(stores.documents.delete(document, {"force": True})).unwrap()
    assert [] == list(run(stores.documents.list(store)).unwrap())
    upload_document(run, store, BREAD)
    run(stores.delete(store, {"force": True})).unwrap()
    assert [other_store] == [each.name for each in run(stores.list()).unwrap()]
    run(stores.delete(other_store)).unwrap()


def test_delete_frees_memory() -> None:
    """A deleted store and its documents no longer count towards the limit of the emulator's memory."""
    api = JsonClient()
    name = api.request_json("POST", "fileSearchStores", {"displayName": "x" * 1000})["name"]
    before = api.state.kept_bytes
    assert before > 1000
    api.request_json("DELETE", name)
    assert (api.state.resources, api.state.kept_bytes) == ({}, 0)


def test_pages() -> None:
    """Documents are listed in pages."""
    run = Offline(Gemini())
    store = create_store(run)
    names = [upload_document(run, store, b"%d" % each) for each in range(3)]
    first = run(stores.documents.list(store, {"page_size": 2})).unwrap()
    second = run(stores.documents.list(store, {"page_token": first.next_page_token})).unwrap()
    assert (names[:2], names[2:]) == ([each.name for each in first], [each.name for each in second])


REFUSED_REQUESTS: list[tuple[str, str, Any, int, str]] = [
    ("POST", "fileSearchStores", {"mood": "good"}, 400, "mood"),
    ("GET", "fileSearchStores/none", None, 404, "fileSearchStores/none"),
    ("DELETE", "fileSearchStores/none?force=true", None, 404, "fileSearchStores/none"),
    ("GET", "fileSearchStores/none/documents", None, 404, "fileSearchStores/none"),
    ("GET", "fileSearchStores/none/documents/d", None, 404, "documents/d"),
    ("DELETE", "fileSearchStores/none/documents/d", None, 404, "documents/d"),
    ("GET", "fileSearchStores/none/operations/o", None, 404, "operations/o"),
    ("GET", "fileSearchStores/none/upload/operations/o", None, 404, "operations/o"),
    ("POST", "fileSearchStores/none:importFile", {"fileName": "files/f"}, 404, "fileSearchStores/none"),
    ("POST", f"{GEMINI[:-7]}/upload/v1beta/fileSearchStores/none:uploadToFileSearchStore", {}, 404, "none"),
    ("POST", "fileSearchStores/filesearchstore1:importFile", {}, 400, "file_name"),
    ("POST", "fileSearchStores/filesearchstore1:importFile", {"fileName": "files/none"}, 403, "none"),
    (
        "POST",
        f"{GEMINI[:-7]}/upload/v1beta/fileSearchStores/filesearchstore1:uploadToFileSearchStore",
        {"chunkingConfig": {"whiteSpaceConfig": {"maxTokensPerChunk": 5, "maxOverlapTokens": 5}}},
        400,
        "max_overlap_tokens",
    ),
    (
        "POST",
        f"{GEMINI[:-7]}/upload/v1beta/fileSearchStores/filesearchstore1:uploadToFileSearchStore",
        {"chunkingConfig": {"whiteSpaceConfig": {"maxTokensPerChunk": 0}}},
        400,
        "max_tokens_per_chunk",
    ),
]


@pytest.mark.parametrize(
    ("verb", "path", "body", "code", "message"), REFUSED_REQUESTS, ids=range(len(REFUSED_REQUESTS))
)
def test_refused(verb: str, path: str, body: Any, code: int, message: str) -> None:
    """An invalid request and an unknown resource are rejected by name; an invalid upload is rejected at its start."""
    api = JsonClient()
    assert "fileSearchStores/filesearchstore1" == api.request_json("POST", "fileSearchStores", {})["name"]
    response = api.request_fault(verb, path, body)
    assert code == response[0]
    assert message in response[2]


def test_force_true() -> None:
    """``force=True`` is accepted, as google-genai sends it; an operation remains after its document is deleted."""
    run = Offline(Gemini())
    store = create_store(run)
    finished = run(stores.upload(store, SKY, {"mime_type": "text/plain"}) | until_done()).unwrap()
    assert finished.response is not None
    api = JsonClient(state=get_state(run))
    api.request_json("DELETE", f"{finished.response.document_name}?force=True")
    assert api.request_json("GET", str(finished.name))["response"]["documentName"] == finished.response.document_name


def get_state(run: Offline) -> EmulatorState:
    return run._service._state


def search_titles(run: Offline, question: str, *names: str, **search: Any) -> list[str]:
    """Search stores, and return the titles of the documents found."""
    tool = Tool(file_search=FileSearch(file_search_store_names=names, **search))
    grounding = search_stores(get_state(run), tool, question)
    chunks = [] if grounding is None else grounding.grounding_chunks
    return [str(each.retrieved_context and each.retrieved_context.title) for each in chunks]


@pytest.fixture(name="library")
def _library() -> tuple[Offline, str]:
    run = Offline(Gemini())
    store = create_store(run)
    old = [{"key": "year", "numeric_value": 1927}, {"key": "tags", "string_list_value": {"values": ["food", "home"]}}]
    upload_document(
        run, store, SKY, display_name="Sky", custom_metadata=[{"key": "author", "string_value": "R. Graves"}]
    )
    upload_document(run, store, BREAD, display_name="Bread", custom_metadata=old)
    return run, store


@pytest.mark.parametrize(
    ("question", "titles"),
    [
        ("Why is the sky blue?", ["Sky"]),
        ("How is BREAD baked?", ["Bread"]),
        ("Is bread scattered in the air?", ["Sky", "Bread"]),
        ("What is the of and?", []),
        ("Who wrote Hamlet?", []),
    ],
)
def test_found(library: tuple[Offline, str], question: str, titles: list[str]) -> None:
    """The search finds documents that share words with the question; those that share more come first."""
    run, store = library
    assert titles == search_titles(run, question, store)


@pytest.mark.parametrize(
    ("filter", "titles"),
    [
        ('author = "R. Graves"', ["Sky"]),
        ("author='Nobody'", []),
        ("year > 1900 AND year<=1927", ["Bread"]),
        ("year = old", []),
        ("year=1 OR year=1927 AND tags:food", ["Bread"]),
        ("tags = home", ["Bread"]),
        ("author:* OR year:*", ["Sky", "Bread"]),
        ("  ", ["Sky", "Bread"]),
    ],
)
def test_filter(library: tuple[Offline, str], filter: str, titles: list[str]) -> None:
    """A filter excludes documents that it does not match."""
    run, store = library
    assert titles == search_titles(run, "Is bread scattered in the air?", store, metadata_filter=filter)


def test_bad_filter(library: tuple[Offline, str]) -> None:
    """An invalid filter is rejected with the position of the error."""
    run, store = library
    for bad in ("author", "author = ", 'author = "x" year = 3', "a = 1 AND", "(a = 1)"):
        with pytest.raises(EmulatedFault, match="Invalid filter, at character"):
            search_titles(run, "sky", store, metadata_filter=bad)


def test_passages() -> None:
    """Long documents are split into passages; ``top_k`` limits how many are found."""
    run = Offline(Gemini())
    store = create_store(run)
    chunks = {"white_space_config": {"max_tokens_per_chunk": 4, "max_overlap_tokens": 1}}
    upload_document(
        run, store, b"A red bird sang. A blue bird flew. A red fox ran.", display_name="Tale", chunking_config=chunks
    )
    tool = Tool(file_search=FileSearch(file_search_store_names=(store,), top_k=2))
    grounding = search_stores(get_state(run), tool, "Where is the red bird?")
    assert grounding is not None
    texts = [each.retrieved_context and each.retrieved_context.text for each in grounding.grounding_chunks]
    assert ["A red bird sang.", "bird flew. A red"] == texts
    assert ["Tale"] * 4 == search_titles(run, "Where is the red bird?", store)


def test_generate(library: tuple[Offline, str]) -> None:
    """With a file search tool, the answer quotes the passages found, and contains them as grounding."""
    run, store = library
    tool = {"file_search": {"file_search_store_names": [store]}}
    answer = run(generate("gemini-2.5-flash", "Why is the sky blue?", {"tools": [tool]})).unwrap()
    assert "blue light is scattered most" in answer.text
    grounding = answer.candidates[0].grounding_metadata
    assert grounding is not None
    (chunk,) = grounding.grounding_chunks
    assert chunk.retrieved_context is not None
    assert ("Sky", SKY.decode()) == (chunk.retrieved_context.title, chunk.retrieved_context.text)


def test_other_tools() -> None:
    """Other tools find nothing; an unknown store and a negative ``top_k`` are rejected."""
    assert search_stores(EmulatorState(), Tool(), "sky") is None
    run = Offline(Gemini())
    with pytest.raises(EmulatedFault, match="fileSearchStores/none"):
        search_titles(run, "sky", "fileSearchStores/none")
    with pytest.raises(EmulatedFault, match="top_k"):
        search_titles(run, "sky", top_k=-1)


def test_pending() -> None:
    """A pending document is not found."""
    run = Offline(Gemini())
    store = create_store(run)
    run(stores.upload(store, SKY, {"mime_type": "text/plain"})).unwrap()
    assert [] == search_titles(run, "sky", store)


def test_grounding_supports(library: tuple[Offline, str]) -> None:
    """The grounding support covers the whole answer in bytes, and refers to all chunks."""
    run, store = library
    grounding = search_stores(
        get_state(run), Tool(file_search=FileSearch(file_search_store_names=(store,))), "bread in the air?"
    )
    assert grounding is not None
    (support,) = add_grounding_supports(grounding, "“Bread”").grounding_supports
    assert support.segment is not None
    assert (11, (0, 1)) == (support.segment.end_index, support.grounding_chunk_indices)


def test_media() -> None:
    """An image that a search finds can be downloaded, whole and in chunks."""
    run = Offline(Gemini())
    store = create_store(run)
    upload_document(run, store, SKY, mime_type="image/svg+xml")
    search = {"tools": [{"file_search": {"file_search_store_names": [store]}}]}
    grounding = run(generate("m", "Why is the sky blue?", search)).unwrap().candidates[0].grounding_metadata
    assert grounding is not None
    context = grounding.grounding_chunks[0].retrieved_context
    assert context is not None
    media_id = str(context.media_id)
    assert run(stores.download_media(media_id)).unwrap() == SKY
    chunks = run.stream(stores.download_media(media_id) | streamed)
    assert b"".join(chunk.unwrap() for chunk in chunks) == SKY


def test_no_media() -> None:
    """A medium that does not exist is not found, and one without ``alt=media`` is not returned."""
    run = Offline(Gemini())
    error = run(stores.download_media("fileSearchStores/s/media/m")).failure()
    assert getattr(error, "code", None) == 404
    api = JsonClient()
    store = api.request_json("POST", "fileSearchStores", {})["name"]
    assert api.request_fault("GET", f"{store}/media/m?alt=media")[0] == 404


def test_embedding_model() -> None:
    """A store has the embedding model that was chosen, or the default one."""
    run = Offline(Gemini())
    chosen = run(stores.create({"embedding_model": "models/gemini-embedding-2"})).unwrap()
    assert chosen.embedding_model == "models/gemini-embedding-2"
    assert run(stores.create()).unwrap().embedding_model == "models/gemini-embedding-001"
