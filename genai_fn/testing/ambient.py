"""Another interpreter in the place of the ambient one, for code that calls the module-level `run` and `arun`."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeVar

from genai_fn.errors import InvalidRequest
from genai_fn.interpret.ambient import chosen
from genai_fn.interpret.interpreters import InProcess

__all__ = ["using"]

I = TypeVar("I", bound=InProcess)  # noqa: E741  # an interpreter


@contextmanager
def using(interpreter: I) -> Generator[I]:
    """
    Send the module-level ``run`` and ``arun`` to an interpreter: a `Fake`, ``Offline()``.

    It holds within the block and in this context: other threads and tasks that run already go on as they did, and a
    thread that is begun within the block begins without it.

    >>> from genai_fn import generate, run, text
    >>> from genai_fn.testing import Fake
    >>> with using(Fake({"generate": "hello"})):
    ...     run(generate("gemini-2.5-flash", "hi") | text)
    <Success: hello>
    """
    if not hasattr(interpreter, "aio"):
        raise InvalidRequest("using", interpreter, "an interpreter in this process: a Fake, or Offline()")
    before = chosen.set(interpreter)
    try:
        yield interpreter
    finally:
        chosen.reset(before)
