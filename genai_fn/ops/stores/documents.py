"""Documents: the files in a file search store, split into chunks and embedded."""

from typing import TYPE_CHECKING, ClassVar

from genai_fn.backend import Gemini, Vertex
from genai_fn.ops.request_parts import EMPTY_RESPONSE, build_query
from genai_fn.request import DELETE, GET, Call, Operation, Refusal, Request, read_json
from genai_fn.schema.convert import as_struct
from genai_fn.schema.stores import DeleteDocumentConfig, Document, ListDocumentsConfig, ListDocumentsResponse
from genai_fn.wire.resource_names import check_name_in

if TYPE_CHECKING:
    from genai_fn.schema.config_dicts.resources import DeleteDocumentConfigLike, ListDocumentsConfigLike

__all__ = ["DeleteDocument", "GetDocument", "ListDocuments", "delete", "get", "list"]


class GetDocument(Operation[Document]):
    """Get a document."""

    op: ClassVar = "stores.documents.get"

    name: str

    def gemini(self, at: Gemini) -> Call[Document]:
        return GET(self.name, read_json(Document))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("file search stores exist only on the Gemini Developer API")


def get(name: str) -> Request[Document]:
    """
    Get a document: its metadata, and its state, which is ``STATE_ACTIVE`` once it can be searched.

    Args:
        name: ``fileSearchStores/…/documents/…``.

    Raises:
        InvalidRequest: If the name is empty, invalid, or of another collection.

    Fails with:
        Unsupported: On Vertex AI.

        ClientError: If the document does not exist (404).

    >>> from genai_fn import Offline, stores, until_done
    >>> run = Offline()
    >>> store = run(stores.create()).unwrap()
    >>> upload = stores.upload(store.name, b"At nine.", {"mime_type": "text/plain"})
    >>> document = run(upload | until_done()).unwrap().response.document_name
    >>> run(get(document)).unwrap().state
    <DocumentState.STATE_ACTIVE: 'STATE_ACTIVE'>
    >>> run(get(f"{store.name}/documents/gone")).failure().code
    404
    """
    return Request(GetDocument(name=check_name_in(name, "documents")))


class DeleteDocument(Operation[None]):
    """Delete a document."""

    op: ClassVar = "stores.documents.delete"

    name: str
    config: DeleteDocumentConfig = DeleteDocumentConfig()

    def gemini(self, at: Gemini) -> Call[None]:
        return DELETE(self.name, EMPTY_RESPONSE, query=build_query(self.config))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("file search stores exist only on the Gemini Developer API")


def delete(name: str, config: "DeleteDocumentConfigLike | None" = None) -> Request[None]:
    """
    Delete a document from its store.

    Args:
        name: ``fileSearchStores/…/documents/…``.

        config: With ``force``, the chunks are deleted, too; without it, a document that has chunks is not deleted.

    Raises:
        InvalidRequest: If the name is empty, invalid, or of another collection, or a field of ``config`` is unknown or
            has the wrong type.

    Fails with:
        Unsupported: On Vertex AI.

        ClientError: If the document does not exist (404), or has chunks and ``force`` is not set (400).

    >>> delete("fileSearchStores/s/documents/d", {"force": True}).operation.config
    DeleteDocumentConfig(force=True)
    """
    return Request(
        DeleteDocument(name=check_name_in(name, "documents"), config=as_struct(DeleteDocumentConfig, config))
    )


class ListDocuments(Operation[ListDocumentsResponse]):
    """List the documents in a store."""

    op: ClassVar = "stores.documents.list"
    is_list: ClassVar = True

    parent: str
    config: ListDocumentsConfig = ListDocumentsConfig()

    def gemini(self, at: Gemini) -> Call[ListDocumentsResponse]:
        return GET(f"{self.parent}/documents", read_json(ListDocumentsResponse), query=build_query(self.config))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("file search stores exist only on the Gemini Developer API")


def list(parent: str, config: "ListDocumentsConfigLike | None" = None) -> Request[ListDocumentsResponse]:
    """
    List the documents in a store, one page at a time; ``| items`` and ``| pages`` read all pages.

    Args:
        parent: The store, ``fileSearchStores/…``.

        config: ``page_size`` and ``page_token``.

    Raises:
        InvalidRequest: If the store's name is empty or invalid, or a field of ``config`` is unknown or has the wrong
            type.

    Fails with:
        Unsupported: On Vertex AI.

        ClientError: If the store does not exist (404).

    >>> from genai_fn import Offline, collected, items, stores, until_done
    >>> run = Offline()
    >>> store = run(stores.create()).unwrap()
    >>> upload = stores.upload(store.name, b"At nine.", {"mime_type": "text/plain", "display_name": "Hours"})
    >>> done = run(upload | until_done())
    >>> [each.display_name for each in run(list(store.name) | items | collected).unwrap()]
    ['Hours']
    >>> run(list("fileSearchStores/gone")).failure().code
    404
    """
    return Request(
        ListDocuments(
            parent=check_name_in(parent, "fileSearchStores", path="parent"),
            config=as_struct(ListDocumentsConfig, config),
        )
    )
