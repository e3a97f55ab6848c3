"""The root of a description: the request, or the live session, that its flows and streams are derived from."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from genai_fn.errors import InvalidRequest
from genai_fn.request import Description, Live, Request


def change_root(description: Description | Live[Any], name: str, change: Callable[..., Any], *args: Any) -> Any:
    """
    Replace the root request of a description, or a live session, by ``change(request, *args)``.

    Raises:
        InvalidRequest: If there is no root request; the error has the path `name`, the name of the modifier.
    """
    *derived, root = list_steps(description, name)
    changed = change(root, *args)
    for each in reversed(derived):
        changed = replace(each, source=changed)
    return changed


def list_steps(description: Any, name: str) -> list[Any]:
    """List a description, what it is derived from, and so on, to the root; raises as `change_root` does."""
    steps = [description]
    while not isinstance(steps[-1], Request | Live):
        if steps[-1].source is None:
            raise InvalidRequest(name, steps[-1], "a request, or a flow or stream derived from one")
        steps.append(steps[-1].source)
    return steps
