"""Groups requests into jobs. Those of a job have the same operation and model; embeddings also the same config."""

from collections.abc import Sequence
from typing import Any

from genai_fn import codec
from genai_fn.errors import InvalidRequest
from genai_fn.flows.roots import list_steps
from genai_fn.ops.embed import EmbedContent
from genai_fn.ops.generate import GenerateContent
from genai_fn.options import Options
from genai_fn.request import Request
from genai_fn.values import Value


class RequestGroup(Value):
    """The requests of one job, and their indexes in the sequence of all requests."""

    indexes: tuple[int, ...]
    requests: tuple[Request[Any], ...]


def get_batched_request(action: Any, path: str) -> Request[Any]:
    """
    Return the only request that an action sends.

    Raises:
        InvalidRequest: If it is neither a generate nor an embed request, has options, or is part of an action that
            may send more, such as ``calling``.
    """
    *steps, request = list_steps(action, path)
    for step in steps:
        if not step.traits.reads_result:
            raise InvalidRequest(path, step, "modifiers that only read the response, such as text and returning")
    operation = request.operation
    if type(operation) not in (GenerateContent, EmbedContent):
        raise InvalidRequest(path, operation.op, "a generate or an embed request")
    if request.options != Options():
        raise InvalidRequest(f"{path}.options", request.options, "no options: they apply to single requests only")
    return request  # type: ignore[no-any-return]  # of any type


def group_requests(requests: Sequence[Request[Any]], max_inline_bytes: int) -> tuple[RequestGroup, ...]:
    """
    Group requests by the job that they become part of, in the order of the jobs' first requests.

    Embeddings are sent inline, so a job has as many of them as fit into `max_inline_bytes`, and at least one. Other
    jobs have no limit: a large one is sent as a file.
    """
    groups: list[_OpenGroup] = []
    open_groups: dict[Any, _OpenGroup] = {}
    for index, request in enumerate(requests):
        key, size = _build_group_key(request.operation)
        group = open_groups.get(key)
        if group is None or (group.size and group.size + size > max_inline_bytes):
            group = open_groups[key] = _OpenGroup()
            groups.append(group)
        group.indexes.append(index)
        group.size += size
    return tuple(RequestGroup(tuple(each.indexes), tuple(requests[n] for n in each.indexes)) for each in groups)


class _OpenGroup:
    """The indexes of the requests of a job so far, and the number of bytes that must be sent inline."""

    def __init__(self) -> None:
        self.indexes: list[int] = []
        self.size = 0


def _build_group_key(operation: Any) -> tuple[Any, int]:
    """Return a key that is equal for requests of one job, and the number of bytes that must be sent inline."""
    if isinstance(operation, EmbedContent):
        return (operation.op, operation.model, codec.encode(operation.config)), len(codec.encode(operation.contents))
    return (operation.op, operation.model), 0
