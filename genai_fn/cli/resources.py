"""What the commands of resources have in common: print one resource or a list, and delete some."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import genai_fn
from genai_fn.cli.interpreters import open_interpreter, run_action
from genai_fn.cli.tables import print_list, print_value
from genai_fn.cli.terminal import print_message

if TYPE_CHECKING:
    from genai_fn.request import Request

__all__ = ["delete_resources", "print_resource", "print_resources"]


def print_resource(request: "Request[Any]", *, vertex: bool, offline: bool) -> None:
    """
    Print the resource that a request returns, as JSON.

    Raises:
        GenaiError: If the request fails.
    """
    print_value(run_action(request, vertex=vertex, offline=offline))


def print_resources(
    request: "Request[Any]", columns: Mapping[str, str], *, as_json: bool, vertex: bool, offline: bool
) -> None:
    """
    Print all resources that a list request returns; see `print_list`.

    Raises:
        GenaiError: If a page cannot be read.
    """
    with open_interpreter(vertex=vertex, offline=offline) as run:
        print_list(run, request, columns, as_json=as_json)


def delete_resources(
    delete: "Callable[[str], Request[Any]]", names: Iterable[str], *, vertex: bool, offline: bool
) -> None:
    """
    Delete resources one after the other, and print the name of each.

    Raises:
        GenaiError: If one cannot be deleted; those after it are not.
    """
    with open_interpreter(vertex=vertex, offline=offline) as run:
        for name in names:
            genai_fn.raise_for(run(delete(name)))
            print_message("note", f"deleted {name}")
