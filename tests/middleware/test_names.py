"""The names of middleware are functions, also once all modules are loaded."""

import importlib
import pkgutil

import genai_fn.middleware
from tests.support.middleware_table import MIDDLEWARE


def test_no_module_has_the_name_of_a_function() -> None:
    """No module of the package has the name of a function, in whose place it would stand once it is imported."""
    modules = {each.name for each in pkgutil.iter_modules(genai_fn.middleware.__path__)}
    assert modules.isdisjoint(MIDDLEWARE)
    for each in modules:
        importlib.import_module(f"genai_fn.middleware.{each}")
    assert all(callable(getattr(genai_fn.middleware, name)) for name in MIDDLEWARE)
