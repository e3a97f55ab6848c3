"""Imports the package of an engine at its first use; it is optional and slow to load."""

from importlib import import_module
from typing import Any

from genai_fn.errors import MissingExtra
from genai_fn.interpreters.extras import install_command
from genai_fn.jobs.arrow import load_package
from genai_fn.options import check_at_least_one

__all__ = ["load_engine"]


def load_engine(module: str, *, workers: int, rows: int) -> Any:
    """
    Check what is common to the engines, and import a module of one.

    Raises:
        InvalidRequest: If a number is less than 1.

        MissingExtra: If the package of the engine or pyarrow is not installed.
    """
    check_at_least_one("workers", workers)
    check_at_least_one("rows", rows)
    load_package("pyarrow")
    try:
        return import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        command = install_command(package, "numpy", "pyarrow")
        raise MissingExtra(package, f"genai_fn.jobs.engines.{package}", command) from None
