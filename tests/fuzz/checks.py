"""What every harness checks of a result, and of an error."""

import pickle
from typing import Any

from returns.result import Failure, Result, Success

from genai_fn.errors import GenaiError

__all__ = ["check_error", "check_result"]


def check_result(result: Any, *secrets: str) -> None:
    """Check that a value is a Success that can be shown, or a Failure of an error of this library without secrets."""
    assert isinstance(result, Result), type(result)
    if isinstance(result, Success):
        repr(result.unwrap())
    else:
        assert isinstance(result, Failure)
        check_error(result.failure(), *secrets)


def check_error(error: Any, *secrets: str) -> None:
    """Check that an error is one of this library, can be shown, hashed and pickled, and contains no secret."""
    assert isinstance(error, GenaiError), type(error)
    hash(error)
    for shown in (repr(error), str(error), repr(vars(error))):
        assert all(each not in shown for each in secrets), shown
    assert type(pickle.loads(pickle.dumps(error))) is type(error)
