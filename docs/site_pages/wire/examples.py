"""Examples of a builder: the lines of Python of a call that succeeds, and of one that fails."""

from textwrap import indent
from typing import NamedTuple, Protocol

from genai_fn.errors import GenaiError

__all__ = ["Example", "Lines", "LiveExample", "WireExample"]


class Lines(NamedTuple):
    """Lines of Python that use ``run``, an interpreter: `setup` runs before, and `call` assigns ``result``."""

    setup: str
    call: str


class Example(Protocol):
    """A call of a builder that succeeds, and one that fails, on one backend or both."""

    @property
    def builder(self) -> str:
        """The public name of the builder."""
        ...

    @property
    def case(self) -> str:
        """What the call is about, where the builder has several examples."""
        ...

    @property
    def error(self) -> type[GenaiError]:
        """The class of the error of the call that fails."""
        ...

    def write_lines(self, *, on_vertex: bool) -> Lines:
        """Write the lines that succeed."""
        ...

    def write_failing_lines(self, *, on_vertex: bool) -> Lines:
        """Write the lines that fail. They run after those that succeed, on the first backend where these do."""
        ...


class WireExample(NamedTuple):
    """
    An example of an action.

    Args:
        builder: The public name of the builder.

        call: An action that succeeds, as an expression.

        failing_call: An action that fails, as an expression.

        error: The class of its error.

        setup: Statements before both.

        vertex_call: The expression on Vertex AI, where it differs.

        vertex_setup: The statements on Vertex AI, where they differ.

        case: What the call is about, where the builder has several examples.
    """

    builder: str
    call: str
    failing_call: str
    error: type[GenaiError]
    setup: str = ""
    vertex_call: str | None = None
    vertex_setup: str | None = None
    case: str = ""

    def write_lines(self, *, on_vertex: bool) -> Lines:
        """Write the lines that succeed."""
        call = self.vertex_call if on_vertex and self.vertex_call is not None else self.call
        return Lines(self._get_setup(on_vertex), f"result = run({call})")

    def write_failing_lines(self, *, on_vertex: bool) -> Lines:
        """Write the lines that fail."""
        return Lines(self._get_setup(on_vertex), f"result = run({self.failing_call})")

    def _get_setup(self, on_vertex: bool) -> str:
        return self.vertex_setup if on_vertex and self.vertex_setup is not None else self.setup


class LiveExample(NamedTuple):
    """
    An example of a live session, or of a message that is sent in one.

    Args:
        builder: The public name of the builder.

        connect: The session, as an expression.

        talk: Statements of an async function, in which the session is ``session``; they return a ``Result``.

        failing_talk: Statements that return a ``Failure``.

        error: The class of its error.

        failing_connect: The session of these statements, where it differs.

        case: What the call is about, where the builder has several examples.
    """

    builder: str
    connect: str
    talk: str
    failing_talk: str
    error: type[GenaiError]
    failing_connect: str | None = None
    case: str = ""

    def write_lines(self, *, on_vertex: bool) -> Lines:
        """Write the lines that succeed."""
        return _write_session(self.connect, self.talk)

    def write_failing_lines(self, *, on_vertex: bool) -> Lines:
        """Write the lines that fail."""
        return _write_session(self.failing_connect or self.connect, self.failing_talk)


def _write_session(connect: str, talk: str) -> Lines:
    setup = f"""
connect = {connect}


async def talk(run):
    async with run.live(connect) as session:
{indent(talk, " " * 8)}

"""
    return Lines(setup, "result = anyio.run(talk, run.aio)")
