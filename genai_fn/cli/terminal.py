"""Prints answers to standard output, and errors and notices to standard error."""

import os
import re
import sys
from typing import TYPE_CHECKING

import genai_fn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from genai_fn.errors import GenaiError
    from genai_fn.results import Result

__all__ = ["open_error_console", "print_items", "print_message", "print_text", "strip_control_characters"]


def print_items(items: "Iterable[Result[str, GenaiError]]") -> None:
    """
    Print each text as it arrives, and end the last line.

    On a terminal, control characters are removed; a pipe gets the text unchanged.

    Raises:
        GenaiError: If the stream ends with a `Failure`.
    """
    is_terminal = sys.stdout.isatty()
    last = "\n"
    try:
        for chunk in genai_fn.raise_for(items):
            last = chunk or last
            sys.stdout.write(strip_control_characters(chunk) if is_terminal else chunk)
            sys.stdout.flush()
    finally:
        if not last.endswith("\n"):
            sys.stdout.write("\n")
            sys.stdout.flush()


def print_text(text: str) -> None:
    """Print a whole text to standard output, as `print_items` does."""
    print_items([genai_fn.Success(text)])


def print_message(kind: str, message: str) -> None:
    """
    Print a message on one line of standard error, with API keys masked and control characters removed.

    `kind`, such as ``"error"``, is its prefix and selects its color.
    """
    from rich.text import Text  # noqa: PLC0415  # slow to import, and most commands print no message

    line = " ".join(strip_control_characters(_mask_keys(message)).split())
    console = open_error_console()
    console.print(Text.assemble((f"{kind}:", _STYLES.get(kind, "bold")), " ", line), soft_wrap=True)


_STYLES = {"error": "bold red", "offline": "yellow", "retry": "yellow", "note": "cyan", "usage": "cyan"}


def open_error_console() -> "Console":
    """Return the console of standard error; it has no colors if that is no terminal, or ``NO_COLOR`` is set."""
    from rich.console import Console  # noqa: PLC0415  # slow to import

    return Console(stderr=True, highlight=False)


def strip_control_characters(text: str) -> str:
    r"""
    Remove control characters, except for tabs and line feeds.

    >>> strip_control_characters("red: \x1b[31m, tab: \t")
    'red: [31m, tab: \t'
    """
    return _CONTROL_CHARACTERS.sub("", text)


_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def _mask_keys(text: str) -> str:
    """Replace the API keys from the environment by ``***``: a server may repeat them in an error."""
    from genai_fn.wire.masking import Masker  # noqa: PLC0415  # only messages need it

    keys = (os.environ.get(name, "").strip() for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY"))
    return Masker((), filter(None, keys)).mask_text(text)
