"""File search stores: what is uploaded or imported into one becomes a document, which is searched."""

import functools

from msgspec.structs import replace

from genai_fn.emulator.answers import NOTHING, Int64, told
from genai_fn.emulator.faults import invalid, unfit
from genai_fn.emulator.files import file_at
from genai_fn.emulator.listing import listed
from genai_fn.emulator.operations import Operation
from genai_fn.emulator.reading import Asked, body_of
from genai_fn.emulator.state import State
from genai_fn.emulator.stores.documents import is_forced, looked, read_in, valid_chunking
from genai_fn.emulator.uploads import Upload, upload
from genai_fn.http import HttpResponse
from genai_fn.schema import (
    ChunkingConfig,
    CreateFileSearchStoreConfig,
    CustomMetadata,
    Document,
    FileSearchStore,
)
from genai_fn.schema._base import Message, Value

__all__ = ["ROUTES"]


# Stores


def _created(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    config = body_of(asked, CreateFileSearchStoreConfig, "file_search_store")
    state, name = state.named("fileSearchStores")
    store = FileSearchStore(name=name, display_name=config.display_name, create_time=asked.now, update_time=asked.now)
    return state.putting(name, store), told(store)


def _got(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    return state, told(_counted(state, _known(state, asked)))


def _listed(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    stores, counted = state.under("fileSearchStores"), functools.partial(_counted, state)
    return state, listed("fileSearchStores", stores, asked, counted, size=10, most=20)


def _deleted(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    name = _known(state, asked).name or ""
    if state.under(f"{name}/documents") and not is_forced(asked):
        raise unfit(f"Cannot delete {name}, which has documents, unless force is set.")
    return replace(state, kept={each: kept for each, kept in state.kept.items() if not _is_within(each, name)}), NOTHING


def _is_within(name: str, store: str) -> bool:
    return f"{name}/".startswith(f"{store}/")


def _known(state: State, asked: Asked) -> FileSearchStore:
    return state.known(asked.names["name"], FileSearchStore)


def _counted(state: State, store: FileSearchStore) -> FileSearchStore:
    """Say what is in a store by now."""
    within = state.under(f"{store.name}/documents")
    ready = sum(each.is_over for each in within)
    return replace(
        store,
        active_documents_count=Int64(ready) or None,
        pending_documents_count=Int64(len(within) - ready) or None,
        size_bytes=Int64(sum(each.document.size_bytes for each in within)) or None,
    )


# What is read into one: the work that this is goes by the name of an operation


class _Work(Value):
    """The reading in of a document."""

    name: str
    kind: str
    """``UploadToFileSearchStoreResponse`` or ``ImportFileResponse``."""
    store: str
    document: str


class _Facts(Message):
    """What is said of a file that is uploaded into a store."""

    display_name: str | None = None
    mime_type: str | None = None
    custom_metadata: tuple[CustomMetadata, ...] = ()
    chunking_config: ChunkingConfig | None = None


def _uploaded(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Take an upload into a store."""
    _known(state, asked)
    if "upload_id" not in asked.query:
        valid_chunking(body_of(asked, _Facts).chunking_config)
    return upload(state, asked, _Facts, _read)


def _read(state: State, asked: Asked, whole: Upload) -> tuple[State, HttpResponse]:
    facts: _Facts = whole.about
    document = Document(
        display_name=facts.display_name or whole.file_name or None,
        mime_type=facts.mime_type or whole.mime_type or "application/octet-stream",
        custom_metadata=facts.custom_metadata,
    )
    store = asked.names["name"]
    state, name = read_in(state, asked, document, whole.data, facts.chunking_config)
    return _begun(state, "UploadToFileSearchStoreResponse", f"{store}/upload/operations", store, name)


class _Import(Message):
    file_name: str | None = None
    custom_metadata: tuple[CustomMetadata, ...] = ()
    chunking_config: ChunkingConfig | None = None


def _imported(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Take a file into a store."""
    store, facts = asked.names["name"], body_of(asked, _Import)
    _known(state, asked)
    if not facts.file_name:
        raise invalid("* ImportFileRequest.file_name: file_name is required")
    file = file_at(state, asked, facts.file_name)
    document = Document(
        display_name=file.shown.display_name or file.shown.name,
        mime_type=file.shown.mime_type,
        custom_metadata=facts.custom_metadata,
    )
    state, name = read_in(state, asked, document, file.data, facts.chunking_config)
    return _begun(state, "ImportFileResponse", f"{store}/operations", store, name)


def _begun(state: State, kind: str, collection: str, store: str, document: str) -> tuple[State, HttpResponse]:
    state, name = state.named(collection)
    work = _Work(name, kind, store, document)
    return state.putting(name, work), told(_told(state, work))


def _looked(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Look how far a document has come, which brings it further."""
    work = state.known(asked.names["name"], _Work)
    state = looked(state, work.document)
    return state, told(_told(state, work))


def _told(state: State, work: _Work) -> Operation:
    reading = state.kept.get(work.document)
    if reading is not None and not reading.is_over:
        return Operation(name=work.name)
    type_of = f"type.googleapis.com/google.ai.generativelanguage.v1main.{work.kind}"
    return Operation(
        name=work.name,
        done=True,
        response={"@type": type_of, "parent": work.store, "documentName": work.document},
    )


ROUTES = (
    ("POST", "fileSearchStores", _created),
    ("GET", "fileSearchStores", _listed),
    ("GET", "{name=fileSearchStores/*}", _got),
    ("DELETE", "{name=fileSearchStores/*}", _deleted),
    ("POST", "upload/{name=fileSearchStores/*}:uploadToFileSearchStore", _uploaded),
    ("POST", "{name=fileSearchStores/*}:importFile", _imported),
    ("GET", "{name=fileSearchStores/*/operations/*}", _looked),
    ("GET", "{name=fileSearchStores/*/upload/operations/*}", _looked),
)
