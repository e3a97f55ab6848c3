"""
Runs the actions of a `gather` through the Batch API: creates jobs, waits for them, and emits a result for each action.

- `grouping`: which requests become which job.
- `jobs`: one job, from its creation to its results.
"""

from collections.abc import Iterable
from typing import Any, cast

from returns.result import Failure, Result

from genai_fn.commands import attempt, emit
from genai_fn.effects import AskAll, CallFunction
from genai_fn.errors import GenaiError
from genai_fn.flows.batching.grouping import get_batched_request, group_requests
from genai_fn.flows.batching.jobs import BatchOptions, return_result, run_job
from genai_fn.flows.roots import change_root
from genai_fn.request import Flow, FlowGenerator, FlowTraits, Request, Stream, stream
from genai_fn.streams import get_iteration, validate_action


@stream(traits=FlowTraits(spawns=True))
def stream_batched(source: Stream[Any], options: BatchOptions) -> FlowGenerator[None]:
    """Emit the results of the actions of a `gather` in their order, once all jobs have ended."""
    actions, _, _, stop_on_failure = source.args
    listed = yield from _list_actions(actions)
    requests = check_actions(listed)
    groups = group_requests(requests, options.max_inline_bytes)
    outcomes: tuple[Result[tuple[Result[Any, GenaiError], ...], GenaiError], ...]
    outcomes = (yield AskAll(tuple(run_job(each.requests, options) for each in groups))) if groups else ()
    results: dict[int, Result[Any, GenaiError]] = {}
    for group, outcome in zip(groups, outcomes, strict=True):
        count = len(group.indexes)
        answers = (outcome,) * count if isinstance(outcome, Failure) else outcome.unwrap()
        results.update(zip(group.indexes, answers, strict=True))
    for index, action in enumerate(listed):
        result = yield from _apply_result(action, results[index])
        yield from emit(result)
        if stop_on_failure and isinstance(result, Failure):
            return


def check_actions(actions: Iterable[Any]) -> tuple[Request[Any], ...]:
    """Return the request of each action; raise `InvalidRequest`, with its path, if it cannot be part of a batch."""
    return tuple(get_batched_request(each, f"actions[{index}]") for index, each in enumerate(actions))


def _list_actions(actions: Any) -> FlowGenerator[list[Any]]:
    """Read all actions of an iterable, sync or async."""
    next_action, source = get_iteration(actions)
    listed: list[Any] = []
    while (action := (yield CallFunction(next_action, (source, _END)))) is not _END:
        listed.append(validate_action(action))
    return listed


_END = object()


def _apply_result(action: Any, result: Result[Any, GenaiError]) -> FlowGenerator[Result[Any, GenaiError]]:
    """Return what an action makes of the result of its request."""
    if isinstance(action, Request):
        return result
    return (yield from attempt(cast("Flow[Any]", change_root(action, "batched", _replace_request, result))))


def _replace_request(request: Request[Any], result: Result[Any, GenaiError]) -> Flow[Any]:  # noqa: ARG001  # `change_root` passes it
    return return_result(result)
