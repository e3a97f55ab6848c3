"""
Delays what a module imports at the top until it is used: httpcore imports trio and anyio, which threads never need.

While the block runs, ``sys.modules`` holds a forwarding module for each name that is not imported yet. Whoever imports
the name meanwhile, in any thread, gets the forwarding module or the real one, and both work alike: the first use of an
attribute imports the real module. None in ``sys.modules`` would hide it from httpcore for ever, whose other users in
the process may run trio.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from threading import Lock
from types import ModuleType
from typing import Any


class ForwardingModule(ModuleType):
    """A module whose attributes are those of the real module, which the first of them imports."""

    def __getattr__(self, name: str) -> Any:
        _withdraw(self)
        return getattr(import_module(self.__name__), name)


@contextmanager
def defer_imports(*names: str) -> Generator[None]:
    """Let imports of top-level modules return forwarding modules, if they are installed and not imported yet."""
    modules = [module for name in names if name not in sys.modules and (module := _build_module(name)) is not None]
    try:
        for each in modules:
            sys.modules.setdefault(each.__name__, each)  # another thread may have begun to import the real one
        yield
    finally:
        for each in modules:
            _withdraw(each)


def _build_module(name: str) -> ForwardingModule | None:
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):  # an import hook that refuses the name, or a module without a specification
        return None
    if spec is None:
        return None
    module = ForwardingModule(name)
    module.__spec__ = spec  # which other threads may look for meanwhile
    return module


def _withdraw(module: ForwardingModule) -> None:
    """Remove a forwarding module, and never the real one, from ``sys.modules``."""
    if sys.modules.get(module.__name__) is module:
        with _LOCK:  # held neither during an import nor a fork
            if sys.modules.get(module.__name__) is module:
                del sys.modules[module.__name__]


_LOCK = Lock()
