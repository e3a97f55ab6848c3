"""
`coalesced`: requests for single embeddings by many callers become one batch.

The first caller of a batch leads it: it waits for the window, sends the batch, and gives each caller its result. If it
is cancelled, or its deadline ends, another caller of the batch takes over.
"""

import os
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from msgspec.structs import replace
from returns.result import Failure, Result, Success

from genai_fn.effects import CallFunction, CloseResource, Effects, GetTime, OpenResource, Race, Sleep
from genai_fn.engine.futures import complete_future, make_future
from genai_fn.engine.handler import find_backend
from genai_fn.engine.program import build_program
from genai_fn.errors import Closed, EmbeddingFailed, GenaiError, TimedOut
from genai_fn.forks import delay_forks, register_fork_delay
from genai_fn.interpreters.middleware import HandlerWrapper, RequestHandler, identity
from genai_fn.middleware.deadlines import call_within
from genai_fn.middleware.resources import Resource
from genai_fn.ops.embed import EmbedContentArrays, EmbedOperation
from genai_fn.ops.embed.arrays import EmbedContentArrayResponse
from genai_fn.ops.embed.batches import get_batch_limits
from genai_fn.ops.embed.many import EmbeddingBatch, embed_batch
from genai_fn.options import Options, check_at_least_one, check_at_least_zero
from genai_fn.request import Request
from genai_fn.schema.embeddings import EmbedContentResponse
from genai_fn.values import Value

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")

_Outcome: TypeAlias = Result[Any, GenaiError]


def coalesced(window: float = 0.005, *, max_batch: int | None = None) -> "Coalescer":
    """
    Send the ``embed`` requests of many callers for one content each as one batch; each caller gets its own result.

    Requests are sent together if they have the same model, config, output and options, and pass through the same
    interpreter, in any thread or task. A batch is sent when the first of its callers has waited for the window, or when
    it is full. A batch that is rejected because of its content is split, so that only the caller of the offending
    content gets the error. Other requests pass unchanged: for several contents, with ``with_http_response`` or
    ``extra_body``, and those whose deadline ends within the window.

    A caller that is cancelled, or whose deadline passes, leaves the batch, and the others keep their results; if it was
    the one that sent the batch, another one sends it again. The response of each caller has its embedding, with its
    statistics; the metadata and the usage of the batch belong to no caller, and are left out.

    Args:
        window: Seconds that the first caller of a batch waits for others. In virtual time the window takes no time: it
            collects the callers that are ready.

        max_batch: The most contents in one batch; by default, and at most, what the backend accepts.

    Returns:
        Middleware for ``run.with_middleware(…)``.

    Raises:
        InvalidRequest: If ``window`` is not a number of at least zero, or ``max_batch`` is less than 1.

    >>> import anyio
    >>> from genai_fn import Offline, embed, gather
    >>> from genai_fn.middleware import TransportWrapper, coalesced
    >>> class Log(TransportWrapper):
    ...     def send(self, request):
    ...         print(request.request.url.rpartition("/")[2])
    ...         return self.inner.send(request)
    >>> async def main():
    ...     run = Offline().aio.with_middleware(coalesced(), transport=Log)
    ...     async with run.stream(gather(embed("gemini-embedding-001", text) for text in "abc")) as results:
    ...         return [len(result.unwrap().embeddings) async for result in results]
    >>> anyio.run(main)
    gemini-embedding-001:batchEmbedContents
    [1, 1, 1]
    """
    return Coalescer(window, max_batch)


class Coalescer(Value):
    """The middleware that `coalesced` returns."""

    window: float = 0.005
    max_batch: int | None = None

    def __post_init__(self) -> None:
        check_at_least_zero("window", self.window)
        if self.max_batch is not None:
            check_at_least_one("max_batch", self.max_batch)

    def __call__(self, handler: RequestHandler) -> RequestHandler:
        return _CoalescingHandler(handler, self)

    def __repr__(self) -> str:
        return f"coalesced({self.window!r}, max_batch={self.max_batch!r})"


# Batches


class _Batch:
    """The callers of one batch, in the order of their arrival; it accepts callers until a time of their clock."""

    def __init__(self, key: Hashable, closes_at: float) -> None:
        self.key = key
        self.closes_at = closes_at
        self.callers: list[_Caller] = []
        self.full: Future[None] | None = None
        """What its leader waits for: done when no more callers fit."""


class _Caller(Resource):
    """
    A caller that waits for its result: a resource, as it leaves its batch whenever its run ends.

    Its future contains its result, or `_LEAD` when it has to take over the batch.
    """

    def __init__(self, batches: "_Batches", content: Any) -> None:
        self.content = content
        self.future = make_future()
        self.batch: _Batch | None = None
        self.is_leader = False
        self.is_gone = False
        self._batches = batches

    @property
    def is_waiting(self) -> bool:
        """Whether it still waits for its result."""
        return not (self.is_gone or self.future.done())

    def close(self) -> None:
        """Leave the batch, and let another caller lead it."""
        self._batches.leave(self)


_LEAD: Final = object()


class _Batches:
    """The batches that still accept callers. Its lock is the one that forks wait for, as no child may inherit it."""

    def __init__(self) -> None:
        register_fork_delay()
        self._open: dict[Hashable, _Batch] = {}

    def join(self, key: Hashable, caller: _Caller, limit: int, closes_at: float) -> None:
        """Add a caller to the open batch, or let it lead a new one."""
        key = (os.getpid(), key)  # the leaders of the parent process do not exist in a child
        full: Future[None] | None = None
        with delay_forks:
            batch = self._open.get(key)
            if batch is None:
                batch = self._open[key] = _Batch(key, closes_at)
                caller.is_leader = True
            caller.batch = batch
            batch.callers.append(caller)
            if len(batch.callers) >= limit:
                full = batch.full
                self._remove(batch)
        if full is not None:
            complete_future(full, None)

    def start_wait(self, batch: _Batch) -> "Future[None] | None":
        """Return a future that is done when the batch is full; None if it accepts no more callers."""
        with delay_forks:
            is_open = self._open.get(batch.key) is batch
            batch.full = make_future() if is_open else None
            return batch.full

    def close_batch(self, batch: _Batch, leader: _Caller) -> list[_Caller]:
        """Accept no more callers; return those that are left, the leader first."""
        with delay_forks:
            self._remove(batch)
            others = (each for each in batch.callers if each is not leader)
            return [leader, *(each for each in others if each.is_waiting)]

    def leave(self, caller: _Caller) -> None:
        """Remove a caller; if it leads a batch with other callers, the first of these leads it."""
        with delay_forks:
            caller.is_gone = True
            if caller.batch is not None and caller in caller.batch.callers:
                caller.batch.callers.remove(caller)
        successor = caller
        while successor.is_leader and (candidate := self._replace_leader(successor)) is not None:
            if complete_future(candidate.future, _LEAD):
                return
            successor = candidate

    def _replace_leader(self, leader: _Caller) -> _Caller | None:
        with delay_forks:
            leader.is_leader = False
            batch = leader.batch
            successor = next((each for each in batch.callers if each.is_waiting), None) if batch else None
            if successor is not None:
                successor.is_leader = True
            elif batch is not None:
                self._remove(batch)
            return successor

    def _remove(self, batch: _Batch) -> None:
        if self._open.get(batch.key) is batch:
            del self._open[batch.key]


# Requests


class _CoalescingHandler(HandlerWrapper):
    def __init__(self, inner: RequestHandler, settings: Coalescer) -> None:
        super().__init__(inner)
        self._settings = settings
        self._batches = _Batches()

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        operation = request.operation
        if not isinstance(operation, EmbedOperation) or len(operation.contents) != 1:
            return self.inner.handle(request, until)
        limit = self._get_limit(operation.model)
        key = _build_key(operation, request.options)
        if limit == 1 or key is None:
            return self.inner.handle(request, until)
        return self._embed(request, operation, until, key, limit)

    def _get_limit(self, model: str) -> int:
        limit = get_batch_limits(find_backend(self.inner), model).texts
        return limit if self._settings.max_batch is None else min(limit, self._settings.max_batch)

    def _embed(
        self, request: Request[Any], operation: EmbedOperation[Any], until: float, key: Hashable, limit: int
    ) -> Effects[_Outcome]:
        now: float = yield GetTime()
        deadline = until if request.options.deadline is None else min(until, now + request.options.deadline)
        if now + self._settings.window >= deadline:
            return (yield from self.inner.handle(request, until))
        caller = _Caller(self._batches, operation.contents[0])
        yield OpenResource(caller)
        try:
            self._batches.join(key, caller, limit, now + self._settings.window)
            received: Any = _LEAD
            if not caller.is_leader:
                doing = "waiting for a batch of embeddings"
                received = yield from call_within(deadline - now, doing, identity, caller.future)
            if received is _LEAD:
                received = yield from self._lead_batch(request, caller, deadline)
        finally:
            caller.close()
        yield CloseResource(caller)
        return Failure(received) if isinstance(received, TimedOut) else received

    def _lead_batch(self, request: Request[Any], leader: _Caller, deadline: float) -> Effects[_Outcome]:
        """Wait for the window, send the batch, and return the result of its leader; the others receive theirs."""
        assert leader.batch is not None  # noqa: S101  # it has joined
        full = self._batches.start_wait(leader.batch)
        if full is not None:
            now: float = yield GetTime()
            seconds = min(self._settings.window, max(0.0, leader.batch.closes_at - now))
            yield Race((_sleep(seconds), _wait_for(full)), _end_race)
        return (yield from self._send_batch(request, self._batches.close_batch(leader.batch, leader), deadline))

    def _send_batch(self, request: Request[Any], callers: list[_Caller], deadline: float) -> Effects[_Outcome]:
        options = replace(request.options, deadline=None)
        if len(callers) == 1:
            return (yield from self.inner.handle(replace(request, options=options), deadline))
        operation: Any = request.operation
        batch = EmbeddingBatch(
            operation.model,
            operation.config,
            output=getattr(operation, "output", "tuples"),
            stop_on_failure=False,
            texts=tuple(each.content for each in callers),
        )
        program = build_program(embed_batch(batch), _OptionsHandler(self.inner, options), deadline)
        sent: Result[Any, GenaiError] = yield from program
        if isinstance(sent, Failure):
            return sent
        results = [_build_result(operation, each) for each in sent.unwrap()]
        is_late = (yield GetTime()) >= deadline
        for caller, result in zip(callers[1:], results[1:], strict=True):
            if not _is_of_leader_alone(result, is_late=is_late):
                complete_future(caller.future, result)
        return results[0]


class _OptionsHandler(HandlerWrapper):
    """Sends requests with the options of the callers."""

    def __init__(self, inner: RequestHandler, options: Options) -> None:
        super().__init__(inner)
        self._options = options

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        return self.inner.handle(replace(request, options=self._options), until)


def _build_key(operation: EmbedOperation[Any], options: Options) -> Hashable:
    """Return what requests of one batch have in common; None if a request cannot be part of one."""
    if options.with_http_response or options.extra_body is not None:
        return None
    has_fallback = options.is_final is not None  # which makes another `is_final` for each request
    shared = replace(options, deadline=None, is_final=None)
    key = (type(operation), operation.model, operation.config, shared, has_fallback)
    try:
        hash(key)
    except TypeError:  # of an unknown field of the config
        return None
    return key


def _sleep(seconds: float) -> Effects[None]:
    yield Sleep(seconds)


def _wait_for(future: "Future[Any]") -> Effects[None]:
    yield CallFunction(identity, (future,))  # the executor waits for a future that a function returns


def _end_race(value: object) -> bool:  # noqa: ARG001  # whatever ends first
    return True


def _is_of_leader_alone(result: _Outcome, *, is_late: bool) -> bool:
    """Whether a failure does not concern the other callers: the deadline of the leader, or the end of its run."""
    if isinstance(result, Success):
        return False
    error = result.failure()
    return isinstance(error, Closed) or (is_late and isinstance(error, TimedOut))


def _build_result(operation: EmbedOperation[Any], result: _Outcome) -> _Outcome:
    """Build the response of one caller from its embedding, or its failure without the place in the batch."""
    if isinstance(result, Failure):
        error: Any = result.failure()
        return Failure(error.error) if isinstance(error, EmbeddingFailed) else result
    embeddings = (result.unwrap(),)
    if isinstance(operation, EmbedContentArrays):
        return Success(EmbedContentArrayResponse(embeddings=embeddings))
    return Success(EmbedContentResponse(embeddings=embeddings))
