"""Batches of the Developer API: many requests as one job, each answered as it would be alone, or failing alone."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from genai_fn import codec
from genai_fn.emulator.answers import NOTHING, told, written
from genai_fn.emulator.contents.embeddings import EmbedContentRequest, made
from genai_fn.emulator.contents.generating import responded
from genai_fn.emulator.contents.prompts import GenerateContentRequest
from genai_fn.emulator.faults import Fault, invalid, status_of
from genai_fn.emulator.files import file_at, kept
from genai_fn.emulator.jobs.batch_operations import (
    CANCELLED,
    PENDING,
    RUNNING,
    SUCCEEDED,
    Answer,
    Answers,
    Batch,
    Item,
    Output,
    operation,
)
from genai_fn.emulator.listing import listed
from genai_fn.emulator.reading import Asked, body_of, read
from genai_fn.emulator.state import State
from genai_fn.http import HttpResponse
from genai_fn.schema._base import Message

__all__ = ["ROUTES"]


# How one begins


class _Inlined(Message):
    request: Any = None
    metadata: Mapping[str, Any] | None = None


class _Requests(Message):
    requests: tuple[_Inlined, ...] = ()


class _Input(Message):
    file_name: str | None = None
    requests: _Requests | None = None


class _New(Message):
    input_config: _Input = _Input()
    display_name: str | None = None
    model: str | None = None
    priority: int | None = None


class _Create(Message):
    batch: _New = _New()


def _generating(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Begin a batch of ``generateContent``."""
    return _begun(state, asked, "GenerateContentBatch")


def _embedding(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Begin a batch of ``embedContent``."""
    return _begun(state, asked, "EmbedContentBatch")


def _begun(state: State, asked: Asked, kind: str) -> tuple[State, HttpResponse]:
    new = body_of(asked, _Create).batch
    items = _items(state, asked, new.input_config, _KINDS[kind][0])
    state, name = state.named("batches")
    batch = Batch(
        name=name,
        kind=kind,
        model=asked.names["name"],
        display_name=new.display_name,
        items=items,
        in_file=new.input_config.requests is None,
        create_time=asked.now,
        update_time=asked.now,
    )
    return state.putting(name, batch), told(operation(batch))


def _items(state: State, asked: Asked, source: _Input, kind: type[Message]) -> tuple[Item, ...]:
    """Take the requests out of the body, which is read strictly, or out of a file, each line of which fails alone."""
    if (source.requests is None) == (source.file_name is None):
        raise invalid("* batch.input_config: either requests or file_name is required")
    if source.requests is not None:
        inlined = source.requests.requests
        items = tuple(Item(codec.encode(each.request or {}), metadata=each.metadata) for each in inlined)
        for each in items:
            read(each.request, kind)
    else:
        data = file_at(state, asked, source.file_name or "").data
        items = tuple(_line(each) for each in data.splitlines() if each.strip())
    if not items:
        raise invalid("* batch.input_config: at least one request is required")
    return items


class _Line(Message):
    request: msgspec.Raw
    key: str | None = None
    metadata: Mapping[str, Any] | None = None


def _line(text: bytes) -> Item:
    """Read a line; one that cannot be read is a request that cannot, either."""
    try:
        line = codec.decode(text, _Line)
    except (ValueError, RecursionError):  # msgspec's own are ValueErrors
        return Item(text)
    return Item(bytes(line.request), line.key, line.metadata)


# How each request is answered


def _generated(state: State, asked: Asked, model: str, text: bytes) -> Any:
    request = read(text, GenerateContentRequest)
    return responded(state, asked, (request.model or model).rpartition("/")[2], request)


def _embedded(_: State, __: Asked, ___: str, text: bytes) -> Any:
    return made(read(text, EmbedContentRequest))


_KINDS: Mapping[str, tuple[type[Message], Callable[[State, Asked, str, bytes], Any]]] = {
    "GenerateContentBatch": (GenerateContentRequest, _generated),
    "EmbedContentBatch": (EmbedContentRequest, _embedded),
}


def _answer(state: State, asked: Asked, batch: Batch, item: Item) -> Answer:
    try:
        response = _KINDS[batch.kind][1](state, asked, batch.model, item.request)
    except Fault as fault:
        return Answer(key=item.key, error=status_of(fault), metadata=item.metadata)
    return Answer(key=item.key, response=response, metadata=item.metadata)


def _moved(state: State, asked: Asked, batch: Batch) -> tuple[State, Batch]:
    """Let a batch come a step further: when it runs, to all its answers."""
    if batch.state == PENDING:
        return state, replace(batch, state=RUNNING, update_time=asked.now)
    if batch.state != RUNNING:
        return state, batch
    answers = tuple(_answer(state, asked, batch, each) for each in batch.items)
    output = Output(inlined_responses=Answers(inlined_responses=answers))
    if batch.in_file:
        lines = b"".join(written(each) + b"\n" for each in answers)
        state, file = kept(state, asked, lines, "application/jsonl", display_name=f"{batch.name} responses")
        output = Output(responses_file=file.name)
    failed = sum(each.error is not None for each in answers)
    return state, _ended(replace(batch, failed=failed, output=output), SUCCEEDED, asked)


def _ended(batch: Batch, state: str, asked: Asked) -> Batch:
    return replace(batch, state=state, update_time=asked.now, end_time=asked.now)


# What is done with one


def _got(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    state, batch = _moved(state, asked, _known(state, asked))
    return state.putting(batch.name, batch), told(operation(batch))


def _listed(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    return state, listed("operations", state.under("batches")[::-1], asked, operation)


def _cancelled(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    """Stop a batch; one that has ended stays as it is."""
    batch = _known(state, asked)
    if batch.end_time is None:
        state = state.putting(batch.name, _ended(batch, CANCELLED, asked))
    return state, NOTHING


def _deleted(state: State, asked: Asked) -> tuple[State, HttpResponse]:
    return state.dropping(_known(state, asked).name), NOTHING


def _known(state: State, asked: Asked) -> Batch:
    return state.known(asked.names["name"], Batch)


ROUTES = (
    ("POST", "{name=models/*}:batchGenerateContent", _generating),
    ("POST", "{name=tunedModels/*}:batchGenerateContent", _generating),
    ("POST", "{name=models/*}:asyncBatchEmbedContent", _embedding),
    ("GET", "batches", _listed),
    ("GET", "{name=batches/*}", _got),
    ("POST", "{name=batches/*}:cancel", _cancelled),
    ("DELETE", "{name=batches/*}", _deleted),
)
