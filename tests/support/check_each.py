"""One test of many values, where a test for each would take longer to collect and report than to run."""

from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = ["check_each"]

T = TypeVar("T")


def check_each(values: Iterable[T]) -> Callable[[Callable[[T], None]], Callable[[], None]]:
    """
    Turn a test of one value into a test of all values. It runs for each, and then reports those that failed.

    Args:
        values: The values.
    """

    def decorate(test: Callable[[T], None]) -> Callable[[], None]:
        def run_all() -> None:
            failures = [failure for value in values if (failure := _check(test, value)) is not None]
            if failures:
                raise ExceptionGroup(f"{len(failures)} values", failures)

        run_all.__name__, run_all.__doc__, run_all.__module__ = test.__name__, test.__doc__, test.__module__
        return run_all

    return decorate


def _check(test: Callable[[T], None], value: T) -> Exception | None:
    try:
        test(value)
    except Exception as failure:
        failure.add_note(f"for {value!r}")
        return failure
    return None
