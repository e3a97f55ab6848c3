"""All operation classes, and strategies for requests of each."""

from collections.abc import Iterator
from typing import Any

from genai_fn.request import Operation, Refusal
from genai_fn.testing.strategies import requests
from genai_fn.testing.strategies.requests import OPERATION_REQUESTS as REQUESTS

__all__ = ["REQUESTS", "has_operation", "list_operations", "requests"]


def list_operations(kind: type[Any] = Operation) -> Iterator[type[Operation[Any]]]:
    """Return all operation classes."""
    for each in kind.__subclasses__():
        if hasattr(each, "op") and each.__module__.startswith("genai_fn."):
            yield each
        yield from list_operations(each)


def has_operation(operation: str, backend: str) -> bool:
    """Return whether a backend has an operation."""
    [kind] = [each for each in list_operations() if each.op == operation]
    return getattr(kind, backend).__annotations__["return"] is not Refusal
