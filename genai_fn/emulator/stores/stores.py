"""File search stores: create, list and delete them; upload or import files into them."""

import functools

from msgspec.structs import replace

from genai_fn.emulator.files import find_file
from genai_fn.emulator.server.faults import make_failed_precondition, make_invalid_argument
from genai_fn.emulator.server.operations import EmulatedOperation
from genai_fn.emulator.server.pagination import build_page_response
from genai_fn.emulator.server.request_parsing import EmulatedRequest, parse_body
from genai_fn.emulator.server.responses import EMPTY_RESPONSE, Int64, build_json_response
from genai_fn.emulator.server.resumable_uploads import EmulatedUpload, handle_upload
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.emulator.stores.documents import advance_document, ingest_document, is_forced, parse_chunking
from genai_fn.schema.stores import (
    CreateFileSearchStoreConfig,
    Document,
    FileSearchStore,
    ImportFileConfig,
    UploadToFileSearchStoreConfig,
)
from genai_fn.values import Value


def _create_store(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    config = parse_body(request, CreateFileSearchStoreConfig, "file_search_store")
    state, name = state.assign_name("fileSearchStores")
    now = request.now
    store = FileSearchStore(
        name=name,
        display_name=config.display_name,
        create_time=now,
        update_time=now,
        embedding_model=config.embedding_model or _DEFAULT_EMBEDDING_MODEL,
    )
    return state.with_resource(name, store), build_json_response(store)


_DEFAULT_EMBEDDING_MODEL = "models/gemini-embedding-001"


def _get_store(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    store = state.get_resource(request.resource_name, FileSearchStore)
    return state, build_json_response(_count_documents(state, store))


def _list_stores(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    stores, count = state.list_resources("fileSearchStores"), functools.partial(_count_documents, state)
    return state, build_page_response("fileSearchStores", stores, request, count, default_size=10, max_size=20)


def _delete_store(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    name = request.resource_name
    state.get_resource(name, FileSearchStore)  # raises if there is no such store
    if state.list_resources(f"{name}/documents") and not is_forced(request):
        raise make_failed_precondition(f"Cannot delete {name}, which has documents, unless force is set.")
    return state.without_resources_below(name), EMPTY_RESPONSE


def _count_documents(state: EmulatorState, store: FileSearchStore) -> FileSearchStore:
    """Return a store with its document counts and its size."""
    documents = state.list_resources(f"{store.name}/documents")
    ready = sum(each.is_ready for each in documents)
    return replace(
        store,
        active_documents_count=Int64(ready) or None,
        pending_documents_count=Int64(len(documents) - ready) or None,
        size_bytes=Int64(sum(each.document.size_bytes for each in documents)) or None,
    )


class _IngestOperation(Value):
    """An operation that ends when its document is ready."""

    document: str
    """Name of the document."""
    pending: EmulatedOperation
    done: EmulatedOperation


def _upload_document(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Handle a command of a resumable upload into a store."""
    state.get_resource(request.resource_name, FileSearchStore)  # raises if there is no such store
    if "upload_id" not in request.query:
        parse_chunking(parse_body(request, UploadToFileSearchStoreConfig).chunking_config)
    return handle_upload(state, request, UploadToFileSearchStoreConfig, _ingest_upload)


def _ingest_upload(state: EmulatorState, request: EmulatedRequest, upload: EmulatedUpload) -> RouteResult:
    metadata: UploadToFileSearchStoreConfig = upload.metadata
    document = Document(
        display_name=metadata.display_name or upload.file_name or None,
        mime_type=metadata.mime_type or upload.mime_type or "application/octet-stream",
        custom_metadata=metadata.custom_metadata or (),
    )
    store = request.resource_name
    state, name = ingest_document(state, request, document, upload.data, metadata.chunking_config)
    return _start_operation(state, "UploadToFileSearchStoreResponse", f"{store}/upload/operations", store, name)


class _ImportBody(ImportFileConfig):
    """The file to import, and the options of the import."""

    file_name: str | None = None


def _import_file(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Import a file of the Files API into a store."""
    store, metadata = request.resource_name, parse_body(request, _ImportBody)
    state.get_resource(store, FileSearchStore)  # raises if there is no such store
    if not metadata.file_name:
        raise make_invalid_argument("* ImportFileRequest.file_name: file_name is required")
    file = find_file(state, request, metadata.file_name)
    document = Document(
        display_name=file.resource.display_name or file.resource.name,
        mime_type=file.resource.mime_type,
        custom_metadata=metadata.custom_metadata or (),
    )
    state, name = ingest_document(state, request, document, file.data, metadata.chunking_config)
    return _start_operation(state, "ImportFileResponse", f"{store}/operations", store, name)


def _start_operation(state: EmulatorState, kind: str, collection: str, store: str, document: str) -> RouteResult:
    """Start an operation whose response has the type `kind`."""
    state, name = state.assign_name(collection)
    type_of = f"type.googleapis.com/google.ai.generativelanguage.v1main.{kind}"
    response = {"@type": type_of, "parent": store, "documentName": document}
    pending = EmulatedOperation(name=name)
    operation = _IngestOperation(document, pending, replace(pending, done=True, response=response))
    return state.with_resource(name, operation), build_json_response(pending)


def _poll_operation(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Return an operation, after counting one poll of its document."""
    operation = state.get_resource(request.resource_name, _IngestOperation)
    state = advance_document(state, operation.document)
    document = state.resources.get(operation.document)
    is_pending = document is not None and not document.is_ready
    return state, build_json_response(operation.pending if is_pending else operation.done)


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
