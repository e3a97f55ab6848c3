"""`defer_imports`: names that a package loads at their first use."""

from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

import genai_fn
from genai_fn.lazy_names import defer_imports


def build_namespace(loader: Any) -> dict[str, Any]:
    """Build the globals of the package, as another loader loads it."""
    spec = ModuleSpec("genai_fn", loader, origin=genai_fn.__file__, is_package=True)
    spec.submodule_search_locations = [str(Path(str(genai_fn.__file__)).parent)]
    return {"__name__": "genai_fn", "__spec__": spec, "TYPE_CHECKING": False, "defer_imports": defer_imports}


def test_loader_without_code() -> None:
    """A loader without ``get_code``, as pytest's for packages with plugins, does not matter: the source is compiled."""
    load_name, list_names = defer_imports(build_namespace(object()))
    assert load_name("__all__") == genai_fn.__all__
    assert load_name("generate") is genai_fn.generate
    assert "generate" in list_names()


def test_without_guesses() -> None:
    """Without a module of guesses, every unknown name raises AttributeError."""
    load_name, _ = defer_imports(build_namespace(object()))
    with pytest.raises(AttributeError, match="no attribute 'Client'"):
        load_name("Client")
