"""Imports the packages of the extra ``arrow`` at their first use; they are optional and slow to load."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from genai_fn.errors import MissingExtra
from genai_fn.forks import delay_forks
from genai_fn.interpreters.extras import install_command

__all__ = ["check_arrow", "load_package"]


def load_package(name: str) -> Any:
    """
    Import pyarrow, numpy, filelock, or a module of theirs such as ``pyarrow.parquet``.

    Raises:
        MissingExtra: If it is not installed.
    """
    try:
        with delay_forks:
            return import_module(name)
    except ImportError:
        raise _build_missing_extra(name.partition(".")[0]) from None


def check_arrow() -> None:
    """Raise `MissingExtra` if one of the packages is not installed. This imports none of them."""
    for each in _PACKAGES:
        if find_spec(each) is None:
            raise _build_missing_extra(each)


def _build_missing_extra(package: str) -> MissingExtra:
    return MissingExtra(package, "genai_fn.jobs", install_command(*_PACKAGES))


_PACKAGES = ("pyarrow", "numpy", "filelock")
