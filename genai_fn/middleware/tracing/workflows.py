"""
Spans of flows and streams of several steps, and of the functions that models call.

A span is current while its flow runs, and no longer: a generator attaches it for each step, and detaches it before it
yields, so that the reader of a stream never sees it between two items. A function that a model calls attaches its span
itself, in whichever thread or task it runs.
"""

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any, TypeVar, cast

from msgspec.structs import replace
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.trace import Span, SpanKind, Tracer, set_span_in_context
from returns.result import Failure

from genai_fn.effects import (
    CallFunction,
    CloseResource,
    Effects,
    Emit,
    FlowFailed,
    GetTime,
    OpenResource,
    Race,
    RunAll,
    Spawn,
)
from genai_fn.engine.stepper import DONE, Stepper, wrap_programs
from genai_fn.middleware.resources import Resource
from genai_fn.middleware.tracing.attributes import get_error_type
from genai_fn.middleware.tracing.messages import dump_json
from genai_fn.middleware.tracing.spans import Instruments, end_span
from genai_fn.request import Action, Flow, Stream
from genai_fn.schema.functions import FunctionCall
from genai_fn.values import Value

T = TypeVar("T")


def _find_workflow_name(description: Action[Any] | Stream[Any]) -> str | None:
    """
    Return the name of the first step of a flow, from the outside, that may make several requests; None without.

    >>> from genai_fn import calling, generate, text
    >>> def double(number: int) -> int: ...
    >>> question = generate("m", "hi")
    >>> _find_workflow_name(question | text), _find_workflow_name(question | calling(double) | text)
    (None, 'calling_loop')
    """
    while isinstance(description, Flow | Stream):
        name: str = description.builder.__name__
        if name not in _PLAIN_BUILDERS:
            own = description.builder.__module__.partition(".")[0] == "genai_fn"
            return description.traits.method or (name.removeprefix("run_").removeprefix("stream_") if own else name)
        description = description.source
    return None


_PLAIN_BUILDERS = frozenset(
    {
        *("read_text", "return_result", "run_explained", "run_parse", "run_turn", "run_within", "_map_result"),
        *("call_for_each", "collect_items", "join_items"),
        *("stream_partial", "stream_response", "stream_texts", "stream_turn"),
    }
)
"""Builders of flows that make one request, whose span says all."""


class _SpanEnding(Resource):
    """Ends a span once, also if its flow is cancelled or left."""

    def __init__(self, span: Span) -> None:
        self._span = [span]

    def end(self, error_type: str | None = None) -> None:
        """End the span, unless it has ended."""
        with suppress(IndexError):
            end_span(self._span.pop(), error_type)

    def close(self) -> None:
        self.end()


class WorkflowTracer(Value):
    """The middleware of programs: a span for each flow of several steps, and for each function of a model."""

    tracer: Tracer
    instruments: Instruments
    capture_content: bool = False

    def __call__(self, description: Action[Any] | Stream[Any], effects: Effects[Any]) -> Effects[Any]:
        """Wrap the program of a run."""
        if isinstance(description, Flow) and description.traits.calls_function:  # in a live session
            return self._run_in_context(effects, get_current(), [])
        name = _find_workflow_name(description)
        return effects if name is None else self._run_workflow(effects, name)

    def _run_workflow(self, effects: Effects[T], name: str) -> Effects[T]:
        attributes = {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": name}
        span = self.tracer.start_span(f"invoke_workflow {name}", get_current(), SpanKind.INTERNAL, attributes)
        ending = _SpanEnding(span)
        yield OpenResource(ending)
        errors: list[str] = []
        try:
            result = yield from self._run_in_context(effects, set_span_in_context(span), errors)
        except Exception as error:
            ending.end(get_error_type(error))
            raise
        ending.end(errors[-1] if errors else _find_error_type(result))
        yield CloseResource(ending)
        return result

    def _run_in_context(self, effects: Effects[T], context: Context, errors: list[str]) -> Effects[T]:
        """Run a program, whose steps have a context as the current one; the failures that it emits are added."""
        stepper = Stepper(effects)
        while True:
            token = attach(context)
            try:
                effect = stepper.next()
            finally:
                detach(token)
            if effect is DONE:
                return stepper.value
            try:
                stepper.send((yield from self._perform(effect, context, errors)))
            except Exception as error:  # noqa: BLE001  # a user function raised: the program may handle it
                stepper.throw(error)

    def _perform(self, effect: Any, context: Context, errors: list[str]) -> Effects[Any]:
        match effect:
            case Emit(item=item):
                failure = _find_error_type(item)
                errors += [] if failure is None else [failure]
                return (yield effect)
            case CallFunction(tool_call=FunctionCall() as call):
                return (yield from self._call_tool(effect, call, context))
            case CallFunction():
                return (yield _call_in_context(effect, context))
            case RunAll() | Race() | Spawn():
                return (yield wrap_programs(effect, lambda program: self._run_in_context(program, context, [])))
            case _:
                return (yield effect)

    def _call_tool(self, effect: CallFunction, call: FunctionCall, context: Context) -> Effects[Any]:
        """Call a function that a model has called, in a span of its own."""
        name = call.name or effect.function_name
        found: dict[str, Any] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": call.id,
            "gen_ai.tool.description": inspect.getdoc(effect.function) if inspect.isroutine(effect.function) else None,
            "gen_ai.tool.call.arguments": dump_json(call.args or {}) if self.capture_content else None,
        }
        attributes = {key: value for key, value in found.items() if value is not None}
        span = self.tracer.start_span(f"execute_tool {name}", context, SpanKind.INTERNAL, attributes)
        ending = _SpanEnding(span)
        yield OpenResource(ending)
        start: float = yield GetTime()
        error_type: str | None = None
        try:
            value = yield _call_in_context(effect, set_span_in_context(span, context))
            if self.capture_content:
                span.set_attribute("gen_ai.tool.call.result", dump_json(value))
        except FlowFailed as end:
            error_type = get_error_type(end.error)
            raise
        except Exception as error:
            error_type = get_error_type(error)
            raise
        finally:
            ending.end(error_type)
        now: float = yield GetTime()
        self.instruments.tool_duration.record(now - start, {"gen_ai.tool.name": name})
        yield CloseResource(ending)
        return value


def _find_error_type(result: Any) -> str | None:
    error: Any = cast("Any", result).failure() if isinstance(result, Failure) else None
    return None if error is None else get_error_type(error)


def _call_in_context(effect: CallFunction, context: Context) -> CallFunction:
    """Return the effect that calls the function with a context as the current one, wherever it runs."""
    is_async = inspect.iscoroutinefunction(effect.function) or inspect.iscoroutinefunction(
        type(effect.function).__call__
    )
    wrapper = _AsyncContextFunction if is_async else _ContextFunction
    return replace(effect, function=wrapper(effect.function, effect.function_name, context))


class _ContextFunction(Value):
    """A function that is called with a context; an awaitable that it returns is awaited with it, too."""

    function: Callable[..., Any]
    name: str
    context: Context

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        token = attach(self.context)
        try:
            value = self.function(*args, **kwargs)
        finally:
            detach(token)
        return _ContextCoroutine(value, self.context) if inspect.iscoroutine(value) else value


class _AsyncContextFunction(_ContextFunction):
    """An async function that is called with a context; executors recognize it as async."""

    async def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return await _await_in_context(self.function(*args, **kwargs), self.context)


class _ContextCoroutine(Value):
    """A coroutine that is awaited with a context; sync executors close it."""

    coroutine: Coroutine[Any, Any, Any]
    context: Context

    def __await__(self) -> Generator[Any, Any, Any]:
        return _await_in_context(self.coroutine, self.context).__await__()

    def close(self) -> None:
        self.coroutine.close()


async def _await_in_context(awaitable: Awaitable[T], context: Context) -> T:
    token = attach(context)
    try:
        return await awaitable
    finally:
        detach(token)
