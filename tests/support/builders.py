"""The builders of resources, as users name them."""

from types import FunctionType, ModuleType

import genai_fn

__all__ = ["list_builders"]


def list_builders() -> dict[str, FunctionType]:
    """Return the functions of the resource modules, by their public names."""
    resources = {name: getattr(genai_fn, name) for name in genai_fn.__all__}
    paths: dict[str, FunctionType] = {}
    pending = [(name, each) for name, each in resources.items() if isinstance(each, ModuleType) and name != "schema"]
    while pending:
        path, module = pending.pop()
        members = {f"{path}.{name}": getattr(module, name) for name in getattr(module, "__all__", ())}
        pending += [(name, each) for name, each in members.items() if isinstance(each, ModuleType)]
        paths |= {name: each for name, each in members.items() if isinstance(each, FunctionType)}
    return paths
