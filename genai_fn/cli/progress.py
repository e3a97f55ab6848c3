"""Progress bars and waiting notices, on standard error and only if it is a terminal."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from genai_fn.cli.interpreters import Listener
from genai_fn.cli.terminal import open_error_console, strip_control_characters

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["show_embedding_progress", "show_status", "show_uploads"]


@contextmanager
def show_status(text: str) -> Generator[None]:
    """Context manager: show that the command waits."""
    console = open_error_console()
    if not console.is_terminal:
        yield
        return
    from rich.text import Text  # noqa: PLC0415  # slow to import

    with console.status(Text(strip_control_characters(text))):  # a text would be read as markup
        yield


@contextmanager
def show_uploads() -> Generator[Listener]:
    """
    Context manager: yield a function of events that shows how much of a file has arrived at the server.

    The bar of a file disappears when it is complete, so that its name can be printed.
    """
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn  # noqa: PLC0415  # slow

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    bars = _build_progress(*columns)
    if bars is None:
        yield _ignore_event
        return

    def update(event: Any) -> None:
        from genai_fn.events import Uploaded  # noqa: PLC0415  # loaded by the interpreter, which calls this

        if isinstance(event, Uploaded):
            if not bars.tasks:
                bars.add_task(strip_control_characters(event.file_name or "upload"), total=event.size)
                bars.start()
            (task,) = bars.task_ids
            bars.update(task, completed=event.received)
            if event.received >= event.size:
                bars.stop()
                bars.remove_task(task)

    try:
        yield update
    finally:
        bars.stop()


@contextmanager
def show_embedding_progress() -> Generator[Listener]:
    """Context manager: yield a function of events that shows how many texts have vectors, and the time that is left."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415  # slow

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    bars = _build_progress(*columns)
    if bars is None:
        yield _ignore_event
        return
    with bars:
        task = bars.add_task("reading", total=None)

        def update(event: Any) -> None:
            from genai_fn.events import EmbeddingProgress  # noqa: PLC0415  # loaded by the interpreter, which calls this

            if isinstance(event, EmbeddingProgress):
                finished = event.done + event.failed + event.skipped
                text = f"{event.texts_per_second:,.0f} texts/s, {event.tokens:,} tokens, {event.failed} failed"
                bars.update(task, completed=finished, total=event.total, description=text)

        yield update


def _build_progress(*columns: Any) -> "Progress | None":
    """Build bars that disappear at the end, or return None if standard error is no terminal."""
    from rich.progress import Progress  # noqa: PLC0415  # slow to import, and only long work needs it

    console = open_error_console()
    return Progress(*columns, console=console, transient=True) if console.is_terminal else None


def _ignore_event(event: Any) -> None:
    """Show nothing."""
