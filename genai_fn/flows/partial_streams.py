"""Streams a value of a type while its JSON arrives."""

from functools import partial
from typing import Any, TypeVar

from returns.result import Failure, Result, Success

from genai_fn.commands import StreamReader, emit
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.flows.merge import merge_chunks
from genai_fn.flows.partial_values import Partial
from genai_fn.flows.response_text import select_first_candidate
from genai_fn.flows.rounds import AnswerBoundary
from genai_fn.flows.structured import is_text_enum, parse
from genai_fn.flows.turns import get_answer, replace_answer
from genai_fn.request import FlowGenerator, FlowTraits, Stream, stream
from genai_fn.schema.responses import GenerateContentResponse
from genai_fn.wire.growing_json import JsonParser, TextParser

T = TypeVar("T")


@stream(traits=FlowTraits(spawns=False))
def stream_partial(source: Stream[Any], kind: Any) -> FlowGenerator[None]:
    """
    Emit what has arrived of a value, after each chunk by which it has grown, and the complete one or a failure last.

    Of chat turns, the answers are replaced. If functions are called between, each answer starts anew.
    """
    reader, boundary, answer, last = StreamReader(source), AnswerBoundary(), _GrowingAnswer(kind), None
    while (item := (yield from reader.read_next())) is not None:
        if isinstance(item, Failure):
            yield from emit(item)
            return
        last = item.unwrap()
        chunk = get_answer(last)
        if not isinstance(chunk, GenerateContentResponse):
            raise InvalidRequest("partial", chunk, "a stream of responses: put | partial(…) in place of | text")
        if boundary.starts_answer(chunk):
            answer = _GrowingAnswer(kind)
        if answer.add(chunk):
            yield from emit(Success(replace_answer(last, answer.build_partial())))
    yield from emit(answer.build_complete().map(partial(replace_answer, last)))


class _GrowingAnswer:
    """The chunks of one answer, and the value that grows with them."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._parser = TextParser() if is_text_enum(kind) else JsonParser()
        self._chunks: list[GenerateContentResponse] = []

    def add(self, chunk: GenerateContentResponse) -> bool:
        """Add a chunk, and return whether the value has grown."""
        self._chunks.append(chunk)
        return self._parser.feed(select_first_candidate(chunk).text or "")

    def build_partial(self, response: GenerateContentResponse | None = None, value: Any = None) -> Partial[Any]:
        """Return what has arrived; with the whole response and the value, if that is complete."""
        return Partial(arrived=self._parser.take_snapshot(), kind=self._kind, value=value, response=response)

    def build_complete(self) -> Result[Partial[Any], GenaiError]:
        """Return the complete value, or why there is none."""
        response = merge_chunks(self._chunks) if self._chunks else GenerateContentResponse()
        first = select_first_candidate(response)
        if not first.candidates:  # the server has sent others only
            first = response
            self._parser.feed(response.text or "")
        self._parser.finish()
        return parse(first, self._kind).map(partial(self.build_partial, response))
