"""File search stores, and the documents in them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from genai_fn.schema.base import Message, OpenEnum, Page

__all__ = [
    "ChunkingConfig",
    "CreateFileSearchStoreConfig",
    "CustomMetadata",
    "DeleteDocumentConfig",
    "DeleteFileSearchStoreConfig",
    "Document",
    "DocumentState",
    "FileSearchStore",
    "GetDocumentConfig",
    "GetFileSearchStoreConfig",
    "ImportFileConfig",
    "ImportFileOperation",
    "ImportFileResponse",
    "ListDocumentsConfig",
    "ListDocumentsResponse",
    "ListFileSearchStoresConfig",
    "ListFileSearchStoresResponse",
    "StringList",
    "UploadToFileSearchStoreConfig",
    "UploadToFileSearchStoreOperation",
    "UploadToFileSearchStoreResponse",
    "UploadToFileSearchStoreResumableResponse",
    "WhiteSpaceConfig",
]


class DocumentState(OpenEnum):
    """How far the service has come with a document."""

    STATE_UNSPECIFIED = "STATE_UNSPECIFIED"
    STATE_PENDING = "STATE_PENDING"
    STATE_ACTIVE = "STATE_ACTIVE"
    STATE_FAILED = "STATE_FAILED"


class StringList(Message):
    """Several texts."""

    values: tuple[str, ...] | None = None


class CustomMetadata(Message):
    """A fact about a document, to filter by; one of the three values."""

    key: str | None = None
    numeric_value: float | None = None
    string_list_value: StringList | None = None
    string_value: str | None = None


class Document(Message):
    """A file in a store, cut up and made searchable."""

    name: str | None = None
    """``fileSearchStores/…/documents/…``."""
    display_name: str | None = None
    state: DocumentState | None = None
    size_bytes: int | None = None
    mime_type: str | None = None
    create_time: datetime | None = None
    custom_metadata: tuple[CustomMetadata, ...] = ()
    update_time: datetime | None = None


class GetDocumentConfig(Message):
    """How a document is looked up: nothing to be said."""


class DeleteDocumentConfig(Message):
    """How a document is deleted."""

    force: bool | None = None
    """Whether its passages go, too; otherwise it must have none."""


class ListDocumentsConfig(Message):
    """Which page of the documents."""

    page_size: int | None = None
    """How many on a page, at most."""
    page_token: str | None = None
    """The ``next_page_token`` of the page before."""


class ListDocumentsResponse(Page[Document]):
    """A page of documents."""

    documents: tuple[Document, ...] = ()


class FileSearchStore(Message):
    """A store of searchable documents."""

    name: str | None = None
    """``fileSearchStores/…``."""
    display_name: str | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None
    active_documents_count: int | None = None
    pending_documents_count: int | None = None
    failed_documents_count: int | None = None
    size_bytes: int | None = None


class CreateFileSearchStoreConfig(Message):
    """What a new store is called."""

    display_name: str | None = None


class GetFileSearchStoreConfig(Message):
    """How a store is looked up: nothing to be said."""


class DeleteFileSearchStoreConfig(Message):
    """How a store is deleted."""

    force: bool | None = None
    """Whether its documents go, too; otherwise it must have none."""


class ListFileSearchStoresConfig(Message):
    """Which page of the stores."""

    page_size: int | None = None
    """How many on a page, at most."""
    page_token: str | None = None
    """The ``next_page_token`` of the page before."""


class ListFileSearchStoresResponse(Page[FileSearchStore]):
    """A page of stores."""

    file_search_stores: tuple[FileSearchStore, ...] = ()


class WhiteSpaceConfig(Message):
    """Passages that are cut at white space."""

    max_tokens_per_chunk: int | None = None
    max_overlap_tokens: int | None = None


class ChunkingConfig(Message):
    """How documents are cut into passages."""

    white_space_config: WhiteSpaceConfig | None = None


class UploadToFileSearchStoreConfig(Message):
    """How a file is uploaded into a store."""

    mime_type: str | None = None
    """Told by the file's name unless given."""
    display_name: str | None = None
    custom_metadata: tuple[CustomMetadata, ...] | None = None
    chunking_config: ChunkingConfig | None = None


class UploadToFileSearchStoreResumableResponse(Message):
    """What comes back for the start of an upload: nothing in the body."""


class UploadToFileSearchStoreResponse(Message):
    """The document that an upload has become."""

    parent: str | None = None
    """``fileSearchStores/…``."""
    document_name: str | None = None


class UploadToFileSearchStoreOperation(Message):
    """The reading in of an upload, which goes on at the service."""

    name: str | None = None
    metadata: Mapping[str, Any] | None = None
    done: bool | None = None
    error: Mapping[str, Any] | None = None
    """A ``google.rpc.Status``."""
    response: UploadToFileSearchStoreResponse | None = None


class ImportFileConfig(Message):
    """How a file of the Files API is taken into a store."""

    custom_metadata: tuple[CustomMetadata, ...] | None = None
    chunking_config: ChunkingConfig | None = None


class ImportFileResponse(Message):
    """The document that a file has become."""

    parent: str | None = None
    """``fileSearchStores/…``."""
    document_name: str | None = None


class ImportFileOperation(Message):
    """The reading in of a file, which goes on at the service."""

    name: str | None = None
    metadata: Mapping[str, Any] | None = None
    done: bool | None = None
    error: Mapping[str, Any] | None = None
    """A ``google.rpc.Status``."""
    response: ImportFileResponse | None = None
