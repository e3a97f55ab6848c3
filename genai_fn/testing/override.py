"""Another interpreter in the place of the ambient one, for code that calls the module-level `run` and `arun`."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeVar

from genai_fn.errors import InvalidRequest
from genai_fn.interpreters.default import current_interpreter
from genai_fn.interpreters.protocols import InProcessInterpreter

__all__ = ["use_interpreter"]

I = TypeVar("I", bound=InProcessInterpreter)  # noqa: E741  # an interpreter


@contextmanager
def use_interpreter(interpreter: I) -> Generator[I]:
    """
    Send the module-level ``run`` and ``arun`` to an interpreter: a `Fake`, ``Offline()``.

    It holds within the block and in this context: other threads and tasks that run already go on as they did, and a
    thread that is begun within the block begins without it.

    >>> from genai_fn import generate, run, text
    >>> from genai_fn.testing import Fake
    >>> with use_interpreter(Fake({"generate": "hello"})):
    ...     run(generate("gemini-2.5-flash", "hi") | text)
    <Success: hello>
    """
    if not hasattr(interpreter, "aio"):
        raise InvalidRequest("use_interpreter", interpreter, "an interpreter in this process: a Fake, or Offline()")
    before = current_interpreter.set(interpreter)
    try:
        yield interpreter
    finally:
        current_interpreter.reset(before)
