"""
Loads the public names of a package at their first use, and pauses garbage collection while modules are loaded.

- ``guesses``: what to use in place of names that the package does not have.
"""

import functools
import gc
import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from importlib import import_module
from opcode import opmap
from types import ModuleType
from typing import Any

__all__ = ["defer_imports", "pause_collection"]


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
            AttributeError. It is also called for the unknown names of public modules, such as ``chats.create``, which
            raise AttributeError: they are not imported by name.
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
            if guesses and isinstance(value, ModuleType):
                _add_hints(value, name, guesses)
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


def _add_hints(module: ModuleType, public_name: str, guesses: str) -> None:
    """Give a public module a ``__getattr__`` that says what to use in place of names that it does not have."""

    def refuse_name(name: str) -> Any:
        is_guess = not (name.startswith("_") or _is_submodule(module.__spec__, name))
        hint = import_module(guesses).explain_name(f"{public_name}.{name}") if is_guess else None
        message = f"module {module.__name__!r} has no attribute {name!r}{f': {hint}' if hint else ''}"
        raise AttributeError(message, name=name, obj=module)

    vars(module).setdefault("__getattr__", refuse_name)


def _is_submodule(spec: Any, name: str) -> bool:
    """
    Whether a module is a package that contains a module, which ``from package import name`` imports after the lookup
    has failed.
    """
    from importlib.machinery import PathFinder  # noqa: PLC0415  # rarely needed

    folders = spec.submodule_search_locations
    return folders is not None and PathFinder.find_spec(f"{spec.name}.{name}", folders) is not None


def _get_code(spec: Any) -> Any:
    """Return the compiled code of a package, also if its loader has none, as pytest's loader of plugins."""
    if hasattr(spec.loader, "get_code"):
        return spec.loader.get_code(spec.name)
    from importlib.machinery import SourceFileLoader  # noqa: PLC0415  # rarely needed

    return SourceFileLoader(spec.name, spec.origin).get_code(spec.name)


def _read_imports(code: Any) -> Iterator[tuple[str, str]]:
    """
    Yield each name that the code of a module imports with ``from``, and the module it comes from.

    An instruction is two bytes; ``dis`` describes them. ``dis.get_instructions`` takes some 25 times as long.
    """
    module, high_bits = "", 0
    for operation, low_bits in zip(code.co_code[::2], code.co_code[1::2], strict=True):
        argument = high_bits | low_bits
        high_bits = argument << 8 if operation == _EXTENDED_ARG else 0
        if operation == _IMPORT_NAME:
            module = code.co_names[argument]
        elif operation == _IMPORT_FROM:
            yield code.co_names[argument], module


_EXTENDED_ARG, _IMPORT_NAME, _IMPORT_FROM = (opmap[name] for name in ("EXTENDED_ARG", "IMPORT_NAME", "IMPORT_FROM"))


def _import_name(module: str, name: str) -> Any:
    """Import a name as ``from module import name`` does: an attribute, or else a submodule."""
    with pause_collection(module):
        names = vars(import_module(module))
    return names[name] if name in names else import_module(f"{module}.{name}")


@contextmanager
def pause_collection(module: str) -> Generator[None]:
    """
    Pause garbage collection while a module and what it imports are loaded, unless it is loaded already.

    What modules create stays, and collections would visit all of it. Afterwards everything is in the oldest generation,
    as after two collections, but nothing was visited. A program that has frozen objects keeps them frozen, and one that
    has disabled collection before keeps it disabled. Collection continues in any case: after an exception or an
    interrupt, when several threads load modules, and in the child process of a fork in another thread.
    """
    if module in sys.modules or not gc.isenabled():  # another thread that has disabled it will enable it
        yield
        return
    pause = object()
    try:
        _PAUSES.add(pause)
        gc.disable()
        yield
    finally:
        gc.enable()
        _PAUSES.discard(pause)
    if not gc.get_freeze_count():  # it takes time in proportion to what is frozen
        try:
            gc.freeze()
        finally:
            gc.unfreeze()


_PAUSES: set[object] = set()


def _end_pauses() -> None:
    """End the pauses of threads that a child process does not have."""
    if _PAUSES:
        _PAUSES.clear()
        gc.enable()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_end_pauses)
