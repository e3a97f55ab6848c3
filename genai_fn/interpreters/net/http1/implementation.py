"""The implementations of HTTP/1.1: httptools, and the modules httpcore and httpcore2, which have the same names."""

from importlib import import_module
from types import ModuleType

from genai_fn.forks import delay_forks
from genai_fn.interpreters.net.http1.deferred_imports import defer_imports


def load_implementation(module: ModuleType | None) -> ModuleType:
    """Return a module, by default httptools, or httpcore if that is not installed; mask the log of httpcore."""
    if module is None:
        try:
            module = import_module("httptools")
        except ImportError:
            module = import_implementation("httpcore")
    if is_httptools(module):
        import_module("genai_fn.interpreters.net.http1.exchange")  # now, as the caller delays forks
    else:
        from genai_fn.interpreters.net.http1.log_masking import mask_log  # noqa: PLC0415  # httptools needs no logging

        mask_log(module)
    return module


def import_implementation(name: str) -> ModuleType:
    """Import httptools, httpcore or httpcore2, without trio and anyio, which httpcore needs only in async code."""
    with delay_forks, defer_imports("trio", "anyio"):
        return import_module(name)


def is_httptools(module: ModuleType) -> bool:
    """Return whether a module is httptools."""
    return hasattr(module, "HttpResponseParser")
