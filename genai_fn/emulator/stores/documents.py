"""Documents: files that were read into a file search store, which takes two looks, and cut into passages."""

from msgspec.structs import replace

from genai_fn.emulator.answers import NOTHING, Int64, told
from genai_fn.emulator.faults import denied, invalid, missing, unfit
from genai_fn.emulator.listing import listed
from genai_fn.emulator.operations import LOOKS
from genai_fn.emulator.reading import Asked
from genai_fn.emulator.state import State
from genai_fn.http import HttpResponse
from genai_fn.schema import ChunkingConfig, Document, DocumentState, WhiteSpaceConfig
from genai_fn.schema._base import Value

__all__ = ["ROUTES", "Reading", "is_forced", "looked", "passages", "read_documents", "read_in", "valid_chunking"]


class Reading(Value):
    """A document in its store, and how often was looked how far it has come."""

    document: Document
    passages: tuple[str, ...]
    looks: int = 0

    @property
    def is_over(self) -> bool:
        """Whether it can be searched."""
        return self.looks >= LOOKS

    def told(self) -> Document:
        """Say what is known of it by now."""
        state = DocumentState.STATE_ACTIVE if self.is_over else DocumentState.STATE_PENDING
        return replace(self.document, state=state)


def read_in(
    state: State, asked: Asked, document: Document, content: bytes, chunking: ChunkingConfig | None
) -> tuple[State, str]:
    """Begin to read a file into the store that is asked for, and give the name of the document that it becomes."""
    state, name = state.named(f"{asked.names['name']}/documents")
    begun = replace(document, name=name, size_bytes=Int64(len(content)), create_time=asked.now, update_time=asked.now)
    return state.putting(name, Reading(begun, passages(content, chunking))), name


def looked(state: State, name: str) -> State:
    """Let a document come further, if it is still there."""
    kept = state.kept.get(name)
    return state.putting(name, replace(kept, looks=kept.looks + 1)) if isinstance(kept, Reading) else state


def read_documents(state: State, store: str) -> tuple[Reading, ...]:
    """Give the documents of a store that can be searched."""
    if store not in state.kept:
        raise denied(f"You do not have permission to access the FileSearchStore {store} or it may not exist.")
    return tuple(each for each in state.under(f"{store}/documents") if each.is_over)


# Passages


def passages(content: bytes, chunking: ChunkingConfig | None) -> tuple[str, ...]:
    """
    Cut what is in a file into passages.

    >>> config = WhiteSpaceConfig(max_tokens_per_chunk=3, max_overlap_tokens=1)
    >>> passages(b"one two three four five", ChunkingConfig(white_space_config=config))
    ('one two three', 'three four five')
    """
    size, overlap = valid_chunking(chunking)
    told_words = content.decode(errors="replace").split()
    starts = range(0, max(len(told_words) - overlap, 1), size - overlap)
    return tuple(filter(None, (" ".join(told_words[start : start + size]) for start in starts)))


def valid_chunking(chunking: ChunkingConfig | None) -> tuple[int, int]:
    """Say how long passages are, and how much of each is in the next."""
    config = (chunking and chunking.white_space_config) or WhiteSpaceConfig()
    size = _PASSAGE if config.max_tokens_per_chunk is None else config.max_tokens_per_chunk
    if not 0 < size <= _LONGEST:
        raise invalid(f"max_tokens_per_chunk must be from 1 to {_LONGEST}, but was {size}.")
    overlap = config.max_overlap_tokens or 0
    if not 0 <= overlap < size:
        raise invalid(f"max_overlap_tokens must be less than max_tokens_per_chunk, {size}, but was {overlap}.")
    return size, overlap


_PASSAGE = 200
_LONGEST = 2048


# Methods


def _got(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Look a document up, which brings it further."""
    name = asked.names["name"]
    state = looked(state, state.known(name, Reading).document.name or "")
    return state, told(state.known(name, Reading).told())


def _listed(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    store = asked.names["store"]
    if store not in state.kept:
        raise missing(store)
    return state, listed("documents", state.under(f"{store}/documents"), asked, Reading.told, size=10, most=20)


def _deleted(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    reading = state.known(asked.names["name"], Reading)
    if reading.passages and not is_forced(asked):
        raise unfit(f"Cannot delete {reading.document.name}, which has passages, unless force is set.")
    return state.dropping(asked.names["name"]), NOTHING


def is_forced(asked: Asked) -> bool:
    """Whether what is within something goes, too: google-genai says so in Python's spelling."""
    return asked.query.get("force", "").lower() == "true"


ROUTES = (
    ("GET", "{store=fileSearchStores/*}/documents", _listed),
    ("GET", "{name=fileSearchStores/*/documents/*}", _got),
    ("DELETE", "{name=fileSearchStores/*/documents/*}", _deleted),
)
