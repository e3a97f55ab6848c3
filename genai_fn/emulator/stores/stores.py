"""File search stores: what is uploaded or imported into one becomes a document, which is searched."""

import functools

from msgspec.structs import replace

from genai_fn.emulator.files import find_file
from genai_fn.emulator.server.faults import make_failed_precondition, make_invalid_argument
from genai_fn.emulator.server.operations import EmulatedOperation
from genai_fn.emulator.server.pagination import build_page_response
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.responses import EMPTY_RESPONSE, Int64, build_json_response
from genai_fn.emulator.server.resumable_uploads import EmulatedUpload, handle_upload
from genai_fn.emulator.server.state import EmulatorState
from genai_fn.emulator.stores.documents import advance_document, ingest_document, is_forced, parse_chunking
from genai_fn.http import HttpResponse
from genai_fn.schema import (
    ChunkingConfig,
    CreateFileSearchStoreConfig,
    CustomMetadata,
    Document,
    FileSearchStore,
)
from genai_fn.schema.base import Message
from genai_fn.values import Value

__all__ = ["ROUTES"]


# Stores


def _create_store(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    config = parse_body(asked, CreateFileSearchStoreConfig, "file_search_store")
    state, name = state.assign_name("fileSearchStores")
    store = FileSearchStore(name=name, display_name=config.display_name, create_time=asked.now, update_time=asked.now)
    return state.with_resource(name, store), build_json_response(store)


def _get_store(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    return state, build_json_response(_count_documents(state, _find_store(state, asked)))


def _list_stores(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    stores, counted = state.list_resources("fileSearchStores"), functools.partial(_count_documents, state)
    return state, build_page_response("fileSearchStores", stores, asked, counted, default_size=10, max_size=20)


def _delete_store(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    name = _find_store(state, asked).name or ""
    if state.list_resources(f"{name}/documents") and not is_forced(asked):
        raise make_failed_precondition(f"Cannot delete {name}, which has documents, unless force is set.")
    return replace(
        state, resources={each: kept for each, kept in state.resources.items() if not _is_within(each, name)}
    ), EMPTY_RESPONSE


def _is_within(name: str, store: str) -> bool:
    return f"{name}/".startswith(f"{store}/")


def _find_store(state: EmulatorState, asked: EmulatedRequest) -> FileSearchStore:
    return state.get_resource(asked.path_params["name"], FileSearchStore)


def _count_documents(state: EmulatorState, store: FileSearchStore) -> FileSearchStore:
    """Say what is in a store by now."""
    within = state.list_resources(f"{store.name}/documents")
    ready = sum(each.is_ready for each in within)
    return replace(
        store,
        active_documents_count=Int64(ready) or None,
        pending_documents_count=Int64(len(within) - ready) or None,
        size_bytes=Int64(sum(each.document.size_bytes for each in within)) or None,
    )


# What is read into one: the work that this is goes by the name of an operation


class _IngestOperation(Value):
    """The reading in of a document."""

    name: str
    response_type: str
    """``UploadToFileSearchStoreResponse`` or ``ImportFileResponse``."""
    store: str
    document: str


class _UploadMetadata(Message):
    """What is said of a file that is uploaded into a store."""

    display_name: str | None = None
    mime_type: str | None = None
    custom_metadata: tuple[CustomMetadata, ...] = ()
    chunking_config: ChunkingConfig | None = None


def _upload_document(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    """Take an upload into a store."""
    _find_store(state, asked)
    if "upload_id" not in asked.query:
        parse_chunking(parse_body(asked, _UploadMetadata).chunking_config)
    return handle_upload(state, asked, _UploadMetadata, _ingest_upload)


def _ingest_upload(
    state: EmulatorState, asked: EmulatedRequest, whole: EmulatedUpload
) -> tuple[EmulatorState, HttpResponse]:
    facts: _UploadMetadata = whole.metadata
    document = Document(
        display_name=facts.display_name or whole.file_name or None,
        mime_type=facts.mime_type or whole.mime_type or "application/octet-stream",
        custom_metadata=facts.custom_metadata,
    )
    store = asked.path_params["name"]
    state, name = ingest_document(state, asked, document, whole.data, facts.chunking_config)
    return _start_operation(state, "UploadToFileSearchStoreResponse", f"{store}/upload/operations", store, name)


class _ImportBody(Message):
    file_name: str | None = None
    custom_metadata: tuple[CustomMetadata, ...] = ()
    chunking_config: ChunkingConfig | None = None


def _import_file(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    """Take a file into a store."""
    store, facts = asked.path_params["name"], parse_body(asked, _ImportBody)
    _find_store(state, asked)
    if not facts.file_name:
        raise make_invalid_argument("* ImportFileRequest.file_name: file_name is required")
    file = find_file(state, asked, facts.file_name)
    document = Document(
        display_name=file.resource.display_name or file.resource.name,
        mime_type=file.resource.mime_type,
        custom_metadata=facts.custom_metadata,
    )
    state, name = ingest_document(state, asked, document, file.data, facts.chunking_config)
    return _start_operation(state, "ImportFileResponse", f"{store}/operations", store, name)


def _start_operation(
    state: EmulatorState, kind: str, collection: str, store: str, document: str
) -> tuple[EmulatorState, HttpResponse]:
    state, name = state.assign_name(collection)
    work = _IngestOperation(name, kind, store, document)
    return state.with_resource(name, work), build_json_response(_build_operation(state, work))


def _poll_operation(state: EmulatorState, asked: EmulatedRequest) -> tuple[EmulatorState, HttpResponse]:
    """Look how far a document has come, which brings it further."""
    work = state.get_resource(asked.path_params["name"], _IngestOperation)
    state = advance_document(state, work.document)
    return state, build_json_response(_build_operation(state, work))


def _build_operation(state: EmulatorState, work: _IngestOperation) -> EmulatedOperation:
    reading = state.resources.get(work.document)
    if reading is not None and not reading.is_ready:
        return EmulatedOperation(name=work.name)
    type_of = f"type.googleapis.com/google.ai.generativelanguage.v1main.{work.response_type}"
    return EmulatedOperation(
        name=work.name,
        done=True,
        response={"@type": type_of, "parent": work.store, "documentName": work.document},
    )


ROUTES = (
    ("POST", "fileSearchStores", _create_store),
    ("GET", "fileSearchStores", _list_stores),
    ("GET", "{name=fileSearchStores/*}", _get_store),
    ("DELETE", "{name=fileSearchStores/*}", _delete_store),
    ("POST", "upload/{name=fileSearchStores/*}:uploadToFileSearchStore", _upload_document),
    ("POST", "{name=fileSearchStores/*}:importFile", _import_file),
    ("GET", "{name=fileSearchStores/*/operations/*}", _poll_operation),
    ("GET", "{name=fileSearchStores/*/upload/operations/*}", _poll_operation),
)
