"""Documents of a file search store: split into passages, and searchable after `POLLS_UNTIL_DONE` polls."""

from msgspec.structs import replace

from genai_fn.emulator.server.faults import (
    make_failed_precondition,
    make_invalid_argument,
    make_permission_denied,
    make_resource_not_found,
)
from genai_fn.emulator.server.operations import POLLS_UNTIL_DONE
from genai_fn.emulator.server.pagination import build_page_response
from genai_fn.emulator.server.request_parsing import EmulatedRequest
from genai_fn.emulator.server.responses import EMPTY_RESPONSE, Int64, build_json_response, build_media_response
from genai_fn.emulator.server.state import EmulatorState, RouteResult
from genai_fn.schema.stores import ChunkingConfig, Document, DocumentState, WhiteSpaceConfig
from genai_fn.values import Value


class IngestedDocument(Value):
    """A document, its passages, and how often it was polled."""

    document: Document
    passages: tuple[str, ...]
    content: bytes
    poll_count: int = 0

    @property
    def is_ready(self) -> bool:
        """Whether the document can be searched."""
        return self.poll_count >= POLLS_UNTIL_DONE

    def to_document(self) -> Document:
        """Return the document as the API returns it."""
        state = DocumentState.STATE_ACTIVE if self.is_ready else DocumentState.STATE_PENDING
        return replace(self.document, state=state)


def ingest_document(
    state: EmulatorState, request: EmulatedRequest, document: Document, content: bytes, chunking: ChunkingConfig | None
) -> tuple[EmulatorState, str]:
    """Add a document to the store that the path names, and return its name."""
    state, name = state.assign_name(f"{request.resource_name}/documents")
    pending = replace(
        document, name=name, size_bytes=Int64(len(content)), create_time=request.now, update_time=request.now
    )
    return state.with_resource(name, IngestedDocument(pending, _split_passages(content, chunking), content)), name


def advance_document(state: EmulatorState, name: str) -> EmulatorState:
    """Count one poll of a document, if it still exists."""
    stored = state.resources.get(name)
    if not isinstance(stored, IngestedDocument):
        return state
    return state.with_resource(name, replace(stored, poll_count=stored.poll_count + 1))


def list_ready_documents(state: EmulatorState, store: str) -> tuple[IngestedDocument, ...]:
    """
    Return the documents of a store that can be searched.

    Raises:
        EmulatedFault: If there is no such store.
    """
    if store not in state.resources:
        raise make_permission_denied(
            f"You do not have permission to access the FileSearchStore {store} or it may not exist."
        )
    return tuple(each for each in state.list_resources(f"{store}/documents") if each.is_ready)


def _split_passages(content: bytes, chunking: ChunkingConfig | None) -> tuple[str, ...]:
    """
    Split the text of a file into passages.

    >>> config = WhiteSpaceConfig(max_tokens_per_chunk=3, max_overlap_tokens=1)
    >>> _split_passages(b"one two three four five", ChunkingConfig(white_space_config=config))
    ('one two three', 'three four five')
    """
    size, overlap = parse_chunking(chunking)
    words = content.decode(errors="replace").split()
    starts = range(0, max(len(words) - overlap, 1), size - overlap)
    return tuple(filter(None, (" ".join(words[start : start + size]) for start in starts)))


def parse_chunking(chunking: ChunkingConfig | None) -> tuple[int, int]:
    """
    Return the length of passages and their overlap, in words.

    Raises:
        EmulatedFault: If the length is not from 1 to 2,048, or the overlap not less than the length.
    """
    config = (chunking and chunking.white_space_config) or WhiteSpaceConfig()
    size = _DEFAULT_PASSAGE_WORDS if config.max_tokens_per_chunk is None else config.max_tokens_per_chunk
    if not 0 < size <= _MAX_PASSAGE_WORDS:
        raise make_invalid_argument(f"max_tokens_per_chunk must be from 1 to {_MAX_PASSAGE_WORDS}, but was {size}.")
    overlap = config.max_overlap_tokens or 0
    if not 0 <= overlap < size:
        raise make_invalid_argument(
            f"max_overlap_tokens must be less than max_tokens_per_chunk, {size}, but was {overlap}."
        )
    return size, overlap


_DEFAULT_PASSAGE_WORDS = 200
_MAX_PASSAGE_WORDS = 2048


def _get_document(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Return a document, after counting one poll."""
    state = advance_document(state, request.resource_name)
    return state, build_json_response(state.get_resource(request.resource_name, IngestedDocument).to_document())


def _list_documents(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    store = request.path_params["store"]
    if store not in state.resources:
        raise make_resource_not_found(store)
    documents = tuple(map(IngestedDocument.to_document, state.list_resources(f"{store}/documents")))
    return state, build_page_response("documents", documents, request, default_size=10, max_size=20)


def _delete_document(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    stored = state.get_resource(request.resource_name, IngestedDocument)
    if stored.passages and not is_forced(request):
        raise make_failed_precondition(
            f"Cannot delete {stored.document.name}, which has passages, unless force is set."
        )
    return state.without_resource(request.resource_name), EMPTY_RESPONSE


def _download_media(state: EmulatorState, request: EmulatedRequest) -> RouteResult:
    """Return the content of a document. Its only medium has the ID of the document."""
    store, media_id = request.path_params["store"], request.path_params["media_id"]
    found = state.resources.get(f"{store}/documents/{media_id}")
    if not isinstance(found, IngestedDocument):
        raise make_resource_not_found(f"{store}/media/{media_id}")
    if request.query.get("alt") != "media":
        raise make_invalid_argument("alt=media is required to download a medium.")
    return state, build_media_response(found.content, found.document.mime_type)


def is_forced(request: EmulatedRequest) -> bool:
    """Whether ``force`` is set; google-genai sends ``True`` with a capital letter."""
    return request.query.get("force", "").lower() == "true"


ROUTES = (
    ("GET", "{store=fileSearchStores/*}/documents", _list_documents),
    ("GET", "{name=fileSearchStores/*/documents/*}", _get_document),
    ("DELETE", "{name=fileSearchStores/*/documents/*}", _delete_document),
    ("GET", "{store=fileSearchStores/*}/media/{media_id}", _download_media),
)
