"""`use_interpreter`: replaces the default interpreter, which the module-level `run` and `arun` use."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeVar

from genai_fn.errors import InvalidRequest
from genai_fn.interpreters.default import current_interpreter
from genai_fn.interpreters.protocols import InProcessInterpreter

I = TypeVar("I", bound=InProcessInterpreter)  # noqa: E741  # an interpreter


@contextmanager
def use_interpreter(interpreter: I) -> Generator[I]:
    """
    Context manager: make the module-level ``run`` and ``arun`` use an interpreter, such as a `Fake` or ``Offline()``.

    It sets a context variable for the block. Tasks started in the block inherit it; new threads, and tasks that
    are already running, do not.

    Args:
        interpreter: The interpreter, which the context manager also returns.

    Raises:
        InvalidRequest: If it has no ``aio``, such as an ``AsyncHttp``, or is a class.

    >>> from genai_fn import generate, run, text
    >>> from genai_fn.testing import Fake
    >>> with use_interpreter(Fake({"generate": "hello"})):
    ...     run(generate("gemini-2.5-flash", "hi") | text)
    <Success: hello>
    """
    if not hasattr(interpreter, "aio") or isinstance(interpreter, type):
        raise InvalidRequest("use_interpreter", interpreter, "an interpreter with aio, such as a Fake or Offline()")
    before = current_interpreter.set(interpreter)
    try:
        yield interpreter
    finally:
        current_interpreter.reset(before)
