"""What ``help`` and editors without a type checker show of the public functions."""

import inspect
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

import genai_fn
from genai_fn import middleware, testing


def list_functions() -> Iterator[Any]:
    """Yield each public function once: of the package, its resources, the middleware and the testing kit."""
    public = [getattr(package, name) for package in (genai_fn, middleware, testing) for name in package.__all__]
    members = [value for each in public if isinstance(each, ModuleType) for value in vars(each).values()]
    functions = {each: None for each in (*public, *members) if isinstance(each, FunctionType)}
    yield from (each for each in functions if not each.__name__.startswith("_"))


def test_no_internals() -> None:
    """A signature names the types that a parameter accepts, and not how they are converted."""
    signatures = {each.__qualname__: str(inspect.signature(each)) for each in list_functions()}
    assert len(signatures) > 50
    marks = ("Coerce(", "<function", " object at 0x")
    assert {name: shown for name, shown in signatures.items() if any(mark in shown for mark in marks)} == {}
