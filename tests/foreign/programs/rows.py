"""Runs the rows of a client, each a function, and prints the result of each as a line of JSON."""

import json
import signal
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import version

_SECONDS = 90
"""Limit of a row."""


def run_rows(packages: tuple[str, ...], *rows: Callable[[], None]) -> None:
    """Run the rows one after another. A row passes if it raises nothing; its name is that of the function."""
    names = [each.__name__.replace("_", " ") for each in rows]
    _print({"versions": {each: version(each) for each in packages}, "rows": names})
    signal.signal(signal.SIGALRM, _raise_timeout)
    for name, each in zip(names, rows, strict=True):
        signal.alarm(_SECONDS)
        try:
            each()
            reason = ""
        except Exception as error:  # a client may raise anything
            traceback.print_exc()
            reason = f"{type(error).__name__}: {error}"
        finally:
            signal.alarm(0)
        _print({"row": name, "reason": reason})


def check(condition: object, found: object) -> None:
    """
    Check a condition.

    Raises:
        AssertionError: If it is false; the error contains what was found.
    """
    if not condition:
        raise AssertionError(f"found {found!r}")


def _raise_timeout(*_: object) -> None:
    raise TimeoutError(f"no result within {_SECONDS} s")


def _print(value: object) -> None:
    print(json.dumps(value), flush=True)  # noqa: T201  # read by the task
    sys.stderr.flush()
