"""
File search stores: documents that are split into chunks and embedded, so that a model can search them.

- This module has the operations on stores.
- `documents`: the documents in a store.
- `media`: downloads of images and pages that a search has found.
"""

from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace

from genai_fn.backend import Gemini, Vertex
from genai_fn.ops.files.upload_flow import upload_to_store as upload
from genai_fn.ops.request_parts import EMPTY_RESPONSE, build_query, copy_fields, omit_if_empty
from genai_fn.ops.stores import documents
from genai_fn.ops.stores.media import download_media
from genai_fn.request import DELETE, GET, POST, Call, Operation, Refusal, Request, read_json
from genai_fn.schema.base import Message
from genai_fn.schema.convert import as_struct
from genai_fn.schema.stores import (
    ChunkingConfig,
    CreateFileSearchStoreConfig,
    CustomMetadata,
    DeleteFileSearchStoreConfig,
    FileSearchStore,
    ImportFileConfig,
    ImportFileOperation,
    ListFileSearchStoresConfig,
    ListFileSearchStoresResponse,
)
from genai_fn.wire.resource_names import check_model_name, check_name_in, check_resource_name, resolve_model_name

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.resources import (
        CreateFileSearchStoreConfigLike,
        DeleteFileSearchStoreConfigLike,
        ImportFileConfigLike,
        ListFileSearchStoresConfigLike,
    )

__all__ = [
    "CreateStore",
    "DeleteStore",
    "GetStore",
    "ImportFile",
    "ListStores",
    "create",
    "delete",
    "documents",
    "download_media",
    "get",
    "import_file",
    "list",
    "upload",
]


class CreateStore(Operation[FileSearchStore]):
    """Create a store."""

    op: ClassVar = "stores.create"
    repeatable: ClassVar = False

    config: CreateFileSearchStoreConfig = CreateFileSearchStoreConfig()

    def __post_init__(self) -> None:
        if self.config.embedding_model is not None:
            check_model_name(self.config.embedding_model, "config.embedding_model")

    def gemini(self, at: Gemini) -> Call[FileSearchStore]:
        model = self.config.embedding_model
        config = self.config if model is None else replace(self.config, embedding_model=resolve_model_name(at, model))
        return POST("fileSearchStores", omit_if_empty(config), read_json(FileSearchStore))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("file search stores exist only on the Gemini Developer API")


def create(config: "CreateFileSearchStoreConfigLike | None" = None) -> Request[FileSearchStore]:
    """
    Create an empty store. Gemini Developer API only, as all of this module.

    Args:
        config: ``display_name``, and ``embedding_model``, a model name as in ``embed``.

    Raises:
        InvalidRequest: If a field of ``config`` is unknown or has the wrong type, or the model name is invalid.

    Fails with:
        Unsupported: On Vertex AI.

        ClientError: If the embedding model does not exist (404).

    >>> create({"display_name": "Handbooks"}).operation.config
    CreateFileSearchStoreConfig(display_name='Handbooks')
    """
    return Request(CreateStore(config=as_struct(CreateFileSearchStoreConfig, config)))


class GetStore(Operation[FileSearchStore]):
    """Get a store."""

    op: ClassVar = "stores.get"

    name: str

    def gemini(self, at: Gemini) -> Call[FileSearchStore]:
        return GET(self.name, read_json(FileSearchStore))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("file search stores exist only on the Gemini Developer API")


def get(name: str) -> Request[FileSearchStore]:
    """
    Get a store: its size, and the numbers of active, pending and failed documents.

    Args:
        name: ``fileSearchStores/…``.

    Raises:
        InvalidRequest: If the name is empty, invalid, or of another collection.

    Fails with:
        Unsupported: On Vertex AI.

        ClientError: If the store does not exist (404).

    >>> from genai_fn import Offline
    >>> run = Offline()
    >>> store = run(create({"display_name": "Handbook"})).unwrap()
    >>> run(get(store.name)).unwrap().display_name
    'Handbook'
    >>> run(get("fileSearchStores/gone")).failure().code
    404
    """
    return Request(GetStore(name=check_name_in(name, "fileSearchStores")))


class DeleteStore(Operation[None]):
    """Delete a store."""

    op: ClassVar = "stores.delete"

    name: str
    config: DeleteFileSearchStoreConfig = DeleteFileSearchStoreConfig()

    def gemini(self, at: Gemini) -> Call[None]:
        return DELETE(self.name, EMPTY_RESPONSE, query=build_query(self.config))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("file search stores exist only on the Gemini Developer API")


def delete(name: str, config: "DeleteFileSearchStoreConfigLike | None" = None) -> Request[None]:
    """
    Delete a store.

    Args:
        name: ``fileSearchStores/…``.

        config: With ``force``, the documents are deleted, too; without it, a store that has documents is not deleted.

    Raises:
        InvalidRequest: If the name is empty, invalid, or of another collection, or a field of ``config`` is unknown or
            has the wrong type.

    Fails with:
        Unsupported: On Vertex AI.

        ClientError: If the store does not exist (404), or has documents and ``force`` is not set (400).

    >>> delete("fileSearchStores/s", {"force": True}).operation.config
    DeleteFileSearchStoreConfig(force=True)
    """
    return Request(
        DeleteStore(name=check_name_in(name, "fileSearchStores"), config=as_struct(DeleteFileSearchStoreConfig, config))
    )


class ListStores(Operation[ListFileSearchStoresResponse]):
    """List stores."""

    op: ClassVar = "stores.list"
    is_list: ClassVar = True

    config: ListFileSearchStoresConfig = ListFileSearchStoresConfig()

    def gemini(self, at: Gemini) -> Call[ListFileSearchStoresResponse]:
        return GET("fileSearchStores", read_json(ListFileSearchStoresResponse), query=build_query(self.config))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("file search stores exist only on the Gemini Developer API")


def list(config: "ListFileSearchStoresConfigLike | None" = None) -> Request[ListFileSearchStoresResponse]:
    """
    List stores, one page at a time; ``| items`` and ``| pages`` read all pages.

    Args:
        config: ``page_size`` and ``page_token``.

    Raises:
        InvalidRequest: If a field of ``config`` is unknown or has the wrong type.

    Fails with:
        Unsupported: On Vertex AI.

        ClientError: If the server rejects the page token (400).

    >>> from genai_fn import Offline, collected, items
    >>> run = Offline()
    >>> store = run(create({"display_name": "Handbook"})).unwrap()
    >>> [each.display_name for each in run(list({"page_size": 10}) | items | collected).unwrap()]
    ['Handbook']
    >>> run(list({"page_token": "wrong"})).failure().code
    400
    """
    return Request(ListStores(config=as_struct(ListFileSearchStoresConfig, config)))


class ImportFile(Operation[ImportFileOperation]):
    """Start the import of a file into a store."""

    op: ClassVar = "stores.import_file"
    repeatable: ClassVar = False

    file_search_store_name: str
    file_name: str
    config: ImportFileConfig = ImportFileConfig()

    def gemini(self, at: Gemini) -> Call[ImportFileOperation]:
        body = copy_fields(_ImportFileBody, self.config, file_name=self.file_name)
        return POST(f"{self.file_search_store_name}:importFile", body, read_json(ImportFileOperation))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("file search stores exist only on the Gemini Developer API")


def import_file(
    file_search_store_name: str, file_name: str, config: "ImportFileConfigLike | None" = None
) -> Request[ImportFileOperation]:
    """
    Start the import of a file of the Files API into a store; ``| until_done()`` waits for the document.

    Args:
        file_search_store_name: ``fileSearchStores/…``.

        file_name: ``files/…``.

        config: ``custom_metadata`` to filter searches by, and ``chunking_config``: how the file is split.

    Raises:
        InvalidRequest: If a name is empty or invalid, or a field of ``config`` is unknown or has the wrong type.

    Fails with:
        Unsupported: On Vertex AI.

        ClientError: If the store or the file does not exist (403 or 404).

        OperationFailed: After ``| until_done()``, if the import has failed.

    >>> facts = [{"key": "year", "numeric_value": 1927}]
    >>> import_file("fileSearchStores/s", "files/f", {"custom_metadata": facts}).operation.config.custom_metadata
    (CustomMetadata(key='year', numeric_value=1927.0),)
    """
    return Request(
        ImportFile(
            file_search_store_name=check_name_in(
                file_search_store_name, "fileSearchStores", path="file_search_store_name"
            ),
            file_name=check_resource_name(file_name, "file_name", "the name of a file"),
            config=as_struct(ImportFileConfig, config),
        )
    )


class _ImportFileBody(Message):
    file_name: str
    custom_metadata: tuple[CustomMetadata, ...] | None = None
    chunking_config: ChunkingConfig | None = None
