"""File search stores, and the documents in them."""

from datetime import datetime

from genai_fn.schema.base import ListConfig, Message, OpenEnum, OpenMessage, Page
from genai_fn.schema.operations import LongRunningOperation


class DocumentState(OpenEnum):
    """Processing state of a document."""

    STATE_UNSPECIFIED = "STATE_UNSPECIFIED"
    STATE_PENDING = "STATE_PENDING"
    STATE_ACTIVE = "STATE_ACTIVE"
    STATE_FAILED = "STATE_FAILED"


class StringList(OpenMessage):
    """A list of texts."""

    values: tuple[str, ...] | None = None


class CustomMetadata(OpenMessage):
    """Metadata of a document for filters; exactly one of the three values is set."""

    key: str | None = None
    numeric_value: float | None = None
    string_list_value: StringList | None = None
    string_value: str | None = None


class Document(OpenMessage):
    """A document in a file search store, split into searchable chunks."""

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
    """Options of `stores.documents.get`; there are none."""


class DeleteDocumentConfig(Message):
    """Options of `stores.documents.delete`."""

    force: bool | None = None
    """Whether to delete its chunks as well; otherwise a document with chunks is not deleted."""


class ListDocumentsConfig(ListConfig):
    """Options of `stores.documents.list`."""


class ListDocumentsResponse(Page[Document]):
    """A page of documents."""

    documents: tuple[Document, ...] = ()


class FileSearchStore(OpenMessage):
    """A file search store: a collection of searchable documents."""

    name: str | None = None
    """``fileSearchStores/…``."""
    display_name: str | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None
    active_documents_count: int | None = None
    pending_documents_count: int | None = None
    failed_documents_count: int | None = None
    size_bytes: int | None = None
    embedding_model: str | None = None
    """The model that embeds the documents, ``models/…``."""


class CreateFileSearchStoreConfig(OpenMessage):
    """Options of `stores.create`."""

    display_name: str | None = None
    embedding_model: str | None = None
    """The model that embeds the documents; the service has a default."""


class GetFileSearchStoreConfig(Message):
    """Options of `stores.get`; there are none."""


class DeleteFileSearchStoreConfig(Message):
    """Options of `stores.delete`."""

    force: bool | None = None
    """Whether to delete its documents as well; otherwise a store with documents is not deleted."""


class ListFileSearchStoresConfig(ListConfig):
    """Options of `stores.list`."""


class ListFileSearchStoresResponse(Page[FileSearchStore]):
    """A page of stores."""

    file_search_stores: tuple[FileSearchStore, ...] = ()


class DownloadMediaConfig(Message):
    """Options of `stores.download_media`; there are none."""


class WhiteSpaceConfig(OpenMessage):
    """Splitting of documents at white space."""

    max_tokens_per_chunk: int | None = None
    max_overlap_tokens: int | None = None


class ChunkingConfig(OpenMessage):
    """How documents are split into chunks."""

    white_space_config: WhiteSpaceConfig | None = None


class UploadToFileSearchStoreConfig(Message):
    """Options of `stores.upload`."""

    mime_type: str | None = None
    """Guessed from the file name if not set."""
    display_name: str | None = None
    custom_metadata: tuple[CustomMetadata, ...] | None = None
    chunking_config: ChunkingConfig | None = None


class UploadToFileSearchStoreResumableResponse(Message):
    """Response to the start of an upload; its body is empty."""


class UploadToFileSearchStoreResponse(OpenMessage):
    """The document created by an upload."""

    parent: str | None = None
    """``fileSearchStores/…``."""
    document_name: str | None = None


class UploadToFileSearchStoreOperation(LongRunningOperation):
    """The processing of an upload: a long-running operation."""

    response: UploadToFileSearchStoreResponse | None = None


class ImportFileConfig(Message):
    """Options of `stores.import_file`."""

    custom_metadata: tuple[CustomMetadata, ...] | None = None
    chunking_config: ChunkingConfig | None = None


class ImportFileResponse(OpenMessage):
    """The document created by an import."""

    parent: str | None = None
    """``fileSearchStores/…``."""
    document_name: str | None = None


class ImportFileOperation(LongRunningOperation):
    """The import of a file: a long-running operation."""

    response: ImportFileResponse | None = None
