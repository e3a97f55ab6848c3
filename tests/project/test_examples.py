"""Every public name of the reference has an example, and the examples of attributes run, too."""

import doctest
import inspect
from importlib import import_module
from types import FunctionType
from typing import Any

import pytest

from docs.site_pages import reference
from docs.site_pages.wire import sections
from genai_fn import GenaiError
from tests.support.attribute_docstrings import find_attribute_docstring

NAMES = [(page.module, name) for page in reference.PAGES for name in reference.list_names(page)]
ATTRIBUTES = [
    (module, name)
    for module, name in NAMES
    if not isinstance(getattr(import_module(module), name), type | FunctionType)
]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

EXCEPTIONS = {
    "genai_fn.Action": "a type alias",
    "genai_fn.Backend": "a type alias",
    "genai_fn.events.Event": "a type alias",
    "genai_fn.middleware.RequestHandler": "a protocol: HandlerWrapper has the example of an implementation",
    "genai_fn.middleware.Transport": "a protocol: TransportWrapper has the example of an implementation",
    "genai_fn.ops.videos.VIDEOS_OPERATION": "a constant that operations.get reads responses by",
}
"""Names without an example, and why; besides them, errors: their pages say when they occur, and nobody calls them."""


def has_example(module: str, name: str) -> bool:
    """Whether a name has a doctest, or an example of its call on the wire."""
    value: Any = getattr(import_module(module), name)
    docstring = find_attribute_docstring(module, name) if (module, name) in ATTRIBUTES else inspect.getdoc(value) or ""
    operation = getattr(value, "op", None)
    return ">>> " in docstring or (isinstance(operation, str) and sections.find_section(operation) is not None)


def test_every_name() -> None:
    """Every public name has an example, but errors and the exceptions."""
    missing = {
        f"{module}.{name}"
        for module, name in NAMES
        if not is_error(getattr(import_module(module), name)) and not has_example(module, name)
    }
    assert missing == EXCEPTIONS.keys()


def is_error(value: object) -> bool:
    """Whether a value is a class of errors."""
    return isinstance(value, type) and issubclass(value, GenaiError)


@pytest.mark.parametrize(("module", "name"), ATTRIBUTES, ids=lambda each: each)
def test_attributes(module: str, name: str) -> None:
    """The examples in the docstring of an attribute work; pytest finds only those of functions and classes."""
    docstring = find_attribute_docstring(module, name)
    found = doctest.DocTestParser().get_doctest(docstring, {}, f"{module}.{name}", None, None)
    assert doctest.DocTestRunner(optionflags=FLAGS).run(found).failed == 0
