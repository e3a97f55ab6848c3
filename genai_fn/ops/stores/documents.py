"""Documents: the files in a file search store, cut up and made searchable."""

from collections.abc import Mapping
from typing import Any, ClassVar

from genai_fn.backend import Gemini, Vertex
from genai_fn.ops.request_parts import EMPTY_RESPONSE, build_query
from genai_fn.request import DELETE, GET, Call, Operation, Refusal, Request, read_json
from genai_fn.schema import DeleteDocumentConfig, Document, ListDocumentsConfig, ListDocumentsResponse
from genai_fn.schema.convert import as_struct
from genai_fn.wire.resource_names import check_resource_name

__all__ = ["DeleteDocument", "GetDocument", "ListDocuments", "delete", "get", "list"]


class GetDocument(Operation[Document]):
    """Look a document up."""

    op: ClassVar = "stores.documents.get"

    name: str

    def gemini(self, at: Gemini) -> Call[Document]:
        return GET(self.name, read_json(Document))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("file search stores are the Gemini Developer API's alone")


def get(name: str) -> Request[Document]:
    """
    Look a document up: whether it can be searched yet.

    Args:
        name: ``fileSearchStores/…/documents/…``.
    """
    return Request(GetDocument(name=check_resource_name(name)))


class DeleteDocument(Operation[None]):
    """Delete a document."""

    op: ClassVar = "stores.documents.delete"

    name: str
    config: DeleteDocumentConfig = DeleteDocumentConfig()

    def gemini(self, at: Gemini) -> Call[None]:
        return DELETE(self.name, EMPTY_RESPONSE, query=build_query(self.config))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("file search stores are the Gemini Developer API's alone")


def delete(name: str, config: DeleteDocumentConfig | Mapping[str, Any] | None = None) -> Request[None]:
    """
    Delete a document from its store.

    Args:
        name: ``fileSearchStores/…/documents/…``.

        config: ``force`` deletes its passages, too; without it, a document that has any stays.

    >>> delete("fileSearchStores/s/documents/d", {"force": True}).operation.config
    DeleteDocumentConfig(force=True)
    """
    return Request(DeleteDocument(name=check_resource_name(name), config=as_struct(DeleteDocumentConfig, config)))


class ListDocuments(Operation[ListDocumentsResponse]):
    """List the documents in a store."""

    op: ClassVar = "stores.documents.list"
    is_list: ClassVar = True

    parent: str
    config: ListDocumentsConfig = ListDocumentsConfig()

    def gemini(self, at: Gemini) -> Call[ListDocumentsResponse]:
        return GET(f"{self.parent}/documents", read_json(ListDocumentsResponse), query=build_query(self.config))

    def vertex(self, at: Vertex) -> Refusal:
        return Refusal("file search stores are the Gemini Developer API's alone")


def list(parent: str, config: ListDocumentsConfig | Mapping[str, Any] | None = None) -> Request[ListDocumentsResponse]:
    """
    List the documents in a store, a page at a time.

    Args:
        parent: The store, ``fileSearchStores/…``.

        config: Which page.
    """
    return Request(
        ListDocuments(
            parent=check_resource_name(parent, "parent", "the name of a store"),
            config=as_struct(ListDocumentsConfig, config),
        )
    )
