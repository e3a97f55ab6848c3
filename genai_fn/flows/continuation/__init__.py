"""
Continuation: requests the rest of a response that the service has cut, by its continuation token.

A response with a token and the finish reason ``CONTINUATION``, or none, is incomplete. The same request with the token
returns what follows.

- `merging`: merges a response and its continuation.
"""

from typing import Any

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.commands import StreamReader, attempt, emit
from genai_fn.engine.retry import is_retryable
from genai_fn.errors import GenaiError
from genai_fn.flows.continuation.merging import add_usage, merge_continuation
from genai_fn.flows.deadlines import apply_remaining_time, compute_deadline
from genai_fn.request import FlowGenerator, FlowTraits, Request, Stream, flow, stream
from genai_fn.schema.responses import (
    Candidate,
    FinishReason,
    GenerateContentResponse,
    GenerateContentResponseUsageMetadata,
)
from genai_fn.streams import stream_response
from genai_fn.values import Value

DEFAULT_MAX_REQUESTS = 20
"""Default of the maximum number of requests for one response."""

_DOING = "continuing a response"


@stream(traits=FlowTraits(spawns=False))
def stream_continued(source: Stream[GenerateContentResponse], max_requests: int) -> FlowGenerator[None]:
    """
    Emit the chunks of a response and of its continuations, as one stream.

    Finish reasons between are left out, and each usage includes that of the requests before. A stream that breaks off
    is continued, too, if its last chunk had a new token.
    """
    request: Request[GenerateContentResponse] = source.source
    deadline = yield from compute_deadline(request)
    progress = _Progress()
    for remaining in reversed(range(max_requests)):
        following = _set_token(request, progress.token)
        bounded = yield from apply_remaining_time(following, deadline, _DOING)
        if isinstance(bounded, Failure):
            yield from emit(bounded)
            return
        ended = yield from _stream_one(bounded.unwrap(), progress, can_continue=remaining > 0)
        if ended is None:
            return
        progress = ended


@flow(traits=FlowTraits(streamed_builder=stream_continued, deadline_at_root=True))
def run_continued(
    request: Request[GenerateContentResponse], max_requests: int
) -> FlowGenerator[Result[GenerateContentResponse, GenaiError]]:
    """Return a response merged with its continuations."""
    deadline = yield from compute_deadline(request)
    merged, token = GenerateContentResponse(), None
    for _ in range(max_requests):
        bounded = yield from apply_remaining_time(_set_token(request, token), deadline, _DOING)
        result = bounded if isinstance(bounded, Failure) else (yield from attempt(bounded.unwrap()))
        if isinstance(result, Failure):
            return result
        response: GenerateContentResponse = result.unwrap()
        merged = response if token is None else merge_continuation(merged, response)
        following = _find_next_token(response)
        if following in (None, token):
            break
        token = following
    return Success(merged)


def _find_next_token(response: GenerateContentResponse) -> str | None:
    candidate = response.candidates[0] if response.candidates else Candidate()
    is_cut = candidate.finish_reason in (None, FinishReason.CONTINUATION)
    return candidate.continuation_token or None if is_cut else None


class _Progress(Value):
    """The token of the next request, and the usage of those before."""

    token: str | None = None
    usage: GenerateContentResponseUsageMetadata | None = None


class _StreamEnd:
    """How the stream of one request ends so far, and whether another request can continue it."""

    def __init__(self, before: _Progress) -> None:
        self._before = before
        self._token: str | None = None
        self._reason: FinishReason | None = None
        self._is_token_last = False
        self._usage = before.usage

    def observe(self, chunk: GenerateContentResponse) -> GenerateContentResponse:
        """Record a chunk, and return it with the usage of all requests."""
        candidate = chunk.candidates[0] if chunk.candidates else Candidate()
        self._reason = candidate.finish_reason or self._reason
        if candidate.continuation_token:
            self._token, self._is_token_last = candidate.continuation_token, True
        elif candidate.content is not None and candidate.content.parts:
            self._is_token_last = False
        if chunk.usage_metadata is None:
            return chunk
        self._usage = add_usage(self._before.usage, chunk.usage_metadata)
        return replace(chunk, usage_metadata=self._usage)

    def find_progress(self) -> _Progress | None:
        """Return the progress from which another request continues; the same token would only repeat the request."""
        is_cut = self._reason == FinishReason.CONTINUATION or (self._reason is None and self._is_token_last)
        is_new = bool(self._token) and self._token != self._before.token
        return _Progress(self._token, self._usage) if is_cut and is_new else None


def _stream_one(
    request: Request[GenerateContentResponse], before: _Progress, *, can_continue: bool
) -> FlowGenerator[_Progress | None]:
    """Emit the chunks of one request. Returns the progress if another request is to continue the response."""
    reader, end = StreamReader(Stream[GenerateContentResponse](stream_response, request)), _StreamEnd(before)
    while (item := (yield from reader.read_next())) is not None:
        if isinstance(item, Failure):
            progress = end.find_progress()
            if progress is not None and can_continue and is_retryable(item.failure(), repeatable=True):
                return progress
            yield from emit(item)
            return None
        chunk = end.observe(item.unwrap())
        is_followed = can_continue and end.find_progress() is not None
        yield from emit(Success(_remove_continuation(chunk) if is_followed else chunk))
    return end.find_progress() if can_continue else None


def _remove_continuation(chunk: GenerateContentResponse) -> GenerateContentResponse:
    """Return a chunk without the finish reason ``CONTINUATION``, as others follow."""
    if not chunk.candidates or chunk.candidates[0].finish_reason != FinishReason.CONTINUATION:
        return chunk
    first, *others = chunk.candidates
    return replace(chunk, candidates=(replace(first, finish_reason=None), *others))


def _set_token(request: Request[GenerateContentResponse], token: str | None) -> Request[GenerateContentResponse]:
    if token is None:
        return request
    operation: Any = request.operation
    return replace(request, operation=replace(operation, config=replace(operation.config, continuation_token=token)))
