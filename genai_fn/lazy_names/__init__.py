"""
Loads the public names of a package at their first use.

- ``guesses``: what to use in place of names that the package does not have.
"""

import functools
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

__all__ = ["defer_imports"]


def defer_imports(
    namespace: dict[str, Any], guesses: str | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """
    Build ``__getattr__`` and ``__dir__`` of a package from the imports that stand under its ``if TYPE_CHECKING``.

    They are read at the first use of a name, from the compiled code of the package: a packed program may have no
    sources. ``__all__`` lists the same names.

    Args:
        namespace: ``globals()`` of the package. Names that it contains already are not public.

        guesses: Name of a module with a function ``explain_name``, which says what to use in place of a name that the
            package does not have. Such a name raises ImportError: ``from … import …`` hides the text of an
            AttributeError.
    """
    package = namespace["__name__"]
    internal = frozenset(namespace)

    @functools.cache
    def read_modules() -> dict[str, str]:
        imports = _read_imports(_get_code(namespace["__spec__"]))
        return {name: module for name, module in imports if name not in internal}

    def load_name(name: str) -> Any:
        modules = read_modules()
        if name == "__all__":
            value: Any = sorted(modules)
        elif name in modules:
            value = _import_name(modules[name], name)
        else:
            message = f"module {package!r} has no attribute {name!r}"
            is_guess = not (name.startswith("_") or _is_submodule(namespace["__spec__"], name))
            hint = import_module(guesses).explain_name(name) if guesses and is_guess else None
            if hint is None:
                raise AttributeError(message, name=name, obj=sys.modules.get(package))
            raise ImportError(f"{message}: {hint}", name=package)
        namespace[name] = value
        return value

    return load_name, lambda: sorted({*load_name("__all__"), *namespace})


def _is_submodule(spec: Any, name: str) -> bool:
    """Whether a package contains a module, which ``from package import name`` imports after the lookup has failed."""
    from importlib.machinery import PathFinder  # noqa: PLC0415  # rarely needed

    return PathFinder.find_spec(f"{spec.name}.{name}", spec.submodule_search_locations) is not None


def _get_code(spec: Any) -> Any:
    """Return the compiled code of a package, also if its loader has none, as pytest's loader of plugins."""
    if hasattr(spec.loader, "get_code"):
        return spec.loader.get_code(spec.name)
    from importlib.machinery import SourceFileLoader  # noqa: PLC0415  # rarely needed

    return SourceFileLoader(spec.name, spec.origin).get_code(spec.name)


def _read_imports(code: Any) -> Iterator[tuple[str, str]]:
    """Yield each name that the code of a module imports with ``from``, and the module it comes from."""
    import dis  # noqa: PLC0415  # not needed to import the package

    module = ""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            module = instruction.argval
        elif instruction.opname == "IMPORT_FROM":
            yield instruction.argval, module


def _import_name(module: str, name: str) -> Any:
    """Import a name as ``from module import name`` does: an attribute, or else a submodule."""
    names = vars(import_module(module))
    return names[name] if name in names else import_module(f"{module}.{name}")
