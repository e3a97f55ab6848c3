"""The sync executor: performs the effects of one program in the calling thread, and closes what it leaves open."""

import inspect
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from returns.result import Failure

from genai_fn.effects import (
    CallFunction,
    CloseResource,
    CommitTemp,
    CreateTemp,
    Effect,
    EffectFailed,
    Effects,
    FlowFailed,
    GetFileSize,
    GetRandom,
    GetTime,
    GetToken,
    Notify,
    OpenResource,
    OpenResponse,
    Race,
    ReadChunk,
    ReadFileSlice,
    RunAll,
    SendRequest,
    Sleep,
    Spawn,
    WaitAny,
    WriteTemp,
)
from genai_fn.engine.futures import is_future
from genai_fn.engine.stepper import run_program
from genai_fn.errors import AsyncOnly, Closed, TimedOut
from genai_fn.events import Event
from genai_fn.forks import delay_forks
from genai_fn.interpreters.executors.cancel_handle import CancelHandle
from genai_fn.interpreters.executors.limits import compute_read_limit
from genai_fn.interpreters.executors.threads import Latch, Worker, wait_for_first

if TYPE_CHECKING:
    from concurrent.futures import Future

    from genai_fn.interpreters.auth.token_caches import TokenCaches
    from genai_fn.interpreters.executors.files import TempFile


T = TypeVar("T")


class SyncResponse(OpenResponse, Protocol):
    """
    A response of a `SyncTransport`. `read` returns the next chunk of the body; ``b""`` at its end.

    `phase` is the `TimeoutPhase` of the failure that `read` returns at the deadline.
    """

    def read(self, deadline: float, phase: Any) -> bytes | EffectFailed: ...
    def close(self) -> None: ...


class SyncTransport(Protocol):
    """Sends HTTP requests: the connection pool, or the emulated API."""

    def send(self, request: SendRequest, cancel_handle: CancelHandle) -> SyncResponse | EffectFailed: ...


class SyncExecutor:
    """Performs the effects of one program, and closes what it leaves open. Without a transport it sends no requests."""

    def __init__(
        self,
        transport: SyncTransport | None,
        token_caches: "TokenCaches | None",
        on_event: Callable[[Event], object] | None,
    ) -> None:
        self._transport = transport
        self._token_caches = token_caches
        self._on_event = on_event
        self._open_resources: set[Any] = set()
        self._workers: set[Worker] = set()
        self._children: set[SyncExecutor] = set()
        self._close_event = Latch()
        self._ended_by: EffectFailed | None = None

    def run(self, effects: Effects[T]) -> T:
        """Run a program to its end in this thread, and close what it leaves open."""
        try:
            try:
                return run_program(effects, self.perform)
            finally:
                self.close()
        finally:
            if self._open_resources or self._workers:  # an interrupt has ended the close, or threads run
                self.close_and_join()

    def perform(self, effect: Effect) -> Any:
        """Perform one effect, and return its result."""
        return self._PERFORMERS[type(effect)](self, effect)

    def close(self) -> None:
        """Close what is open and wake all waits, from any thread or signal handler."""
        try:
            self._close_all()
        except BaseException:  # an interrupt, possibly before anything was closed
            self._close_all()
            raise

    def end(self) -> None:
        """Close, as the interpreter is closed: the run ends with a failure. From any thread or signal handler."""
        self._ended_by = _INTERPRETER_CLOSED
        for each in tuple(self._children):
            each.end()
        self.close()

    @property
    def end_failure(self) -> Failure[Any] | None:
        """The failure that a stream ends with, if `end` was called."""
        return None if self._ended_by is None else Failure(Closed(sent=True))

    def close_and_join(self) -> None:
        """Close, and wait for the threads that programs started."""
        try:
            self.close()
        finally:
            for each in tuple(self._workers):
                each.join()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._close_event.is_set()

    @property
    def has_open_resources(self) -> bool:
        """Whether something is open that `close` would close."""
        return bool(self._open_resources or self._children)

    def _close_all(self) -> None:
        self._close_event.set()
        for child in tuple(self._children):
            child.close()
        for resource in tuple(self._open_resources):
            resource.close()
        self._open_resources.clear()

    def _get_time(self, effect: GetTime) -> float:
        return time.monotonic()

    def _get_random(self, effect: GetRandom) -> float:
        import random  # noqa: PLC0415  # only retries need it

        return random.random()  # noqa: S311  # jitter

    def _sleep(self, effect: Sleep) -> None:
        if self._close_event.wait(effect.seconds):
            raise FlowFailed(self._get_closed_failure().error)  # else a program that polls would loop without a pause

    def _get_token(self, effect: GetToken) -> Any:
        if self._token_caches is None:  # the interpreter was closed before its first call
            return _INTERPRETER_CLOSED
        credential = self._token_caches.get_credential(effect.refused, effect.backend)
        if not credential.done():
            over = Latch()
            credential.add_done_callback(over.set)
            wait_for_first((over, self._close_event), effect.deadline - time.monotonic())
        if credential.done():
            return credential.result()
        credential.cancel()
        if self._close_event.is_set():
            return self._get_closed_failure()
        return EffectFailed(TimedOut("total", "waiting for a token"))

    def _send_request(self, effect: SendRequest) -> Any:
        if self._transport is None:  # the interpreter was closed before its first call
            return _INTERPRETER_CLOSED
        if self._close_event.is_set():
            return self._get_closed_failure()
        cancel_handle = CancelHandle()
        self._open_resources.add(cancel_handle)  # so that an interrupt does not lose what it owns
        if self._close_event.is_set():  # by another thread, meanwhile
            cancel_handle.cancel()
        response = self._transport.send(effect, cancel_handle)
        if not isinstance(response, EffectFailed):
            self._open_resources.add(response)
            if self._close_event.is_set():  # by another thread, meanwhile
                response.close()
        self._open_resources.discard(cancel_handle)
        return response if self._ended_by is None else self._explain_failure(response)

    def _read_chunk(self, effect: ReadChunk) -> Any:
        response: Any = effect.response
        chunk = response.read(*compute_read_limit(effect))
        return chunk if self._ended_by is None else self._explain_failure(chunk)

    def _explain_failure(self, result: T | EffectFailed) -> T | EffectFailed:
        """Replace the failure of a connection that was closed under an operation by the reason."""
        if not (isinstance(result, EffectFailed) and isinstance(result.error, Closed)):
            return result
        return EffectFailed(Closed(sent=result.error.sent))

    def _get_closed_failure(self) -> EffectFailed:
        return self._ended_by or _STREAM_CLOSED

    def _open_resource(self, effect: OpenResource) -> None:
        self._open_resources.add(effect.resource)
        if self._close_event.is_set():  # by another thread, meanwhile
            effect.resource.close()

    def _close_resource(self, effect: CloseResource) -> None:
        effect.resource.close()
        self._open_resources.discard(effect.resource)

    def _create_temp(self, effect: CreateTemp) -> "TempFile | EffectFailed":
        with delay_forks:
            from genai_fn.interpreters.executors.files import TempFile  # noqa: PLC0415  # loads pathlib, which few need

        temp_file = TempFile(effect.path)
        self._open_resources.add(temp_file)
        created = temp_file.create()
        if self._close_event.is_set():  # by another thread, meanwhile
            temp_file.close()
        return created

    def _perform_on_disk(self, effect: GetFileSize | ReadFileSlice | WriteTemp | CommitTemp) -> Any:
        with delay_forks:
            from genai_fn.interpreters.executors.files import perform_file_effect  # noqa: PLC0415  # loads pathlib, which few need

        return perform_file_effect(effect)

    def _call_function(self, effect: CallFunction) -> Any:
        value: Any = effect.function(*effect.args, **effect.kwargs)
        if is_future(value):
            return self._wait_for_future(value, effect)
        if not inspect.isawaitable(value):
            return value
        close: Callable[[], object] | None = getattr(value, "close", None)
        if close is not None:  # a coroutine, or the next of an async generator, which is never awaited
            close()
        raise FlowFailed(AsyncOnly(f"{effect.function_name} is async: run this with AsyncHttp"))

    def _wait_for_future(self, future: "Future[Any]", call: CallFunction) -> Any:
        from concurrent.futures import CancelledError  # noqa: PLC0415  # loads logging; the future has done so

        over = Latch()
        future.add_done_callback(lambda _: over.set())
        try:
            wait_for_first((over, self._close_event), None if call.timeout == inf else call.timeout)
            if future.done():
                return future.result()
        except CancelledError:  # by another thread
            raise FlowFailed(Closed()) from None
        finally:
            future.cancel()
        raise FlowFailed(self._get_closed_failure().error if self.is_closed else call.build_timeout_error())

    def _notify(self, effect: Notify) -> None:
        if self._on_event is not None:
            self._on_event(effect.event)

    def _run_all(self, effect: RunAll) -> tuple[Any, ...]:
        children = [_Child(each, self) for each in effect.programs]
        waiting = deque(children)
        workers = [Worker(partial(_run_all, waiting)) for _ in range(min(len(children), _MAX_PARALLEL))]
        try:
            for each in workers:
                each.start()
            for each in workers:
                each.join()
        except BaseException:  # an interrupt: their results are not needed
            self.close()
            raise
        finally:
            for each in workers:
                each.join()
        return tuple(each.result() for each in children)

    def _race(self, effect: Race) -> tuple[Any, ...]:
        racers = [_Child(each, self._open_child()) for each in effect.programs]
        workers = [Worker(each.run) for each in racers]
        try:
            for each in workers:
                each.start()
            winner = _wait_for_winner(racers, effect.is_won)
            if winner is not None and not winner.has_raised():
                self._adopt_resources(winner.executor)
        except BaseException:  # an interrupt: their results are not needed
            self.close()
            raise
        finally:
            for racer in racers:
                racer.executor.close()
            for each in workers:
                each.join()
            for racer in racers:
                racer.executor.close_and_join()
                self._children.discard(racer.executor)
        if winner is None:
            return tuple(each.result() for each in racers)
        return tuple(winner.result() if each is winner else each.result_before_stop for each in racers)

    def _open_child(self) -> "SyncExecutor":
        """Open an executor for a program in another thread, which can be closed alone; closing this one closes it."""
        child = SyncExecutor(self._transport, self._token_caches, self._on_event)
        self._children.add(child)
        if self._close_event.is_set():  # by another thread, meanwhile
            child.end() if self._ended_by is not None else child.close()
        return child

    def _adopt_resources(self, racer: "SyncExecutor") -> None:
        """Take over what the program of a racer has left open."""
        adopted = tuple(racer._open_resources)  # noqa: SLF001  # of its own class
        self._open_resources.update(adopted)
        racer._open_resources.clear()  # noqa: SLF001  # of its own class
        if self._close_event.is_set():  # by another thread, meanwhile
            for resource in adopted:
                resource.close()

    def _spawn(self, effect: Spawn) -> "_Child":
        child = _Child(effect.program, self._open_child())
        worker = Worker(child.run_and_close)
        child.over.add_callback(partial(self._workers.discard, worker))
        child.over.add_callback(partial(self._children.discard, child.executor))
        self._workers.add(worker)  # before it starts, so that an interrupt does not lose it
        worker.start()
        return child

    def _wait_any(self, effect: WaitAny) -> Any:
        wait_for_first([each.over for each in effect.children])
        return next(filter(_Child.is_over, effect.children))

    _PERFORMERS: ClassVar[dict[type, Callable[[Any, Any], Any]]] = {
        GetTime: _get_time,
        GetRandom: _get_random,
        Sleep: _sleep,
        GetToken: _get_token,
        SendRequest: _send_request,
        ReadChunk: _read_chunk,
        OpenResource: _open_resource,
        CloseResource: _close_resource,
        CallFunction: _call_function,
        Notify: _notify,
        RunAll: _run_all,
        Race: _race,
        Spawn: _spawn,
        WaitAny: _wait_any,
        CreateTemp: _create_temp,
        GetFileSize: _perform_on_disk,
        ReadFileSlice: _perform_on_disk,
        WriteTemp: _perform_on_disk,
        CommitTemp: _perform_on_disk,
    }


class _Child:
    """A program that runs in another thread. It does not start once its executor is closed."""

    def __init__(self, program: Effects[Any], executor: SyncExecutor) -> None:
        self.over = Latch()
        self.executor = executor
        self.result_before_stop: Any = None
        """The return value, if the program had ended before another one won the race."""
        self._program = program
        self._value: Any = Failure(_STREAM_CLOSED.error)
        self._raised: BaseException | None = None

    def is_over(self) -> bool:
        """Return whether the program has ended."""
        return self.over.is_set()

    def run(self) -> None:
        """Run the program until it ends, and store its return value or exception."""
        self._run(partial(run_program, perform=self.executor.perform))

    def run_and_close(self) -> None:
        """Run the program, and close what it leaves open."""
        self._run(self.executor.run)

    def close(self) -> None:
        """Stop the program, without waiting for its end."""
        self.executor.close()

    def _run(self, run_effects: Callable[[Effects[Any]], Any]) -> None:
        try:
            if self.executor.is_closed:
                self._value = self.executor.end_failure or self._value
            else:
                self._value = run_effects(self._program)
        except BaseException as error:  # noqa: BLE001  # of a user function; `result` raises it
            self._raised = error
        finally:
            self.over.set()

    def has_raised(self) -> bool:
        """Return whether the program has ended with an exception."""
        return self._raised is not None

    def result(self) -> Any:
        """Return the return value of the program, or raise its exception."""
        if self._raised is not None:
            raise self._raised
        return self._value


def _wait_for_winner(racers: Sequence[_Child], is_won: Callable[[Any], bool]) -> _Child | None:
    """Wait until a program has returned a value that wins, or raised; return None if all have ended, and none won."""
    running = list(racers)
    while running:
        wait_for_first([each.over for each in running])
        for each in [racer for racer in running if racer.is_over()]:
            if each.has_raised() or is_won(each.result()):
                return each
            each.result_before_stop = each.result()
            running.remove(each)
    return None


def _run_all(waiting: deque[_Child]) -> None:
    """Run waiting programs one after another, each in a copy of the context variables, until none is left."""
    while True:
        try:
            child = waiting.popleft()
        except IndexError:  # other threads take from the same queue
            return
        copy_context().run(child.run)


_STREAM_CLOSED = EffectFailed(Closed("the stream was closed"))
_INTERPRETER_CLOSED = EffectFailed(Closed())
_MAX_PARALLEL = 64  # threads of one `RunAll`; a model may call any number of functions at once
