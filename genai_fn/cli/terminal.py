"""What is printed: the answer on standard output, whatever is to be said of it on standard error."""

import io
import os
import re
import sys
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console
from rich.text import Text

from genai_fn.errors import GenaiError
from genai_fn.results import Result, raise_for

__all__ = ["print_items", "print_message"]


def print_items(items: Iterable[Result[str, GenaiError]]) -> None:
    """
    Print pieces as they come, each at once, and end the line.

    Raises:
        GenaiError: that the stream ended with.
    """
    out: TextIO = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="replace")  # an answer may hold what the terminal's encoding does not
    is_terminal = out.isatty()
    last = "\n"
    try:
        for piece in raise_for(items):
            last = piece or last
            out.write(_strip_control_characters(piece) if is_terminal else piece)
            out.flush()
    finally:
        if not last.endswith("\n"):
            out.write("\n")
            out.flush()


def print_message(kind: str, message: str) -> None:
    """Say something on one line of standard error."""
    line = Text.assemble(
        (f"{kind}:", _STYLES[kind]), " ", " ".join(_strip_control_characters(_mask_keys(message)).split())
    )
    Console(stderr=True, highlight=False).print(line, soft_wrap=True)


_STYLES = {"error": "bold red", "offline": "yellow"}


def _strip_control_characters(text: str) -> str:
    r"""
    Leave out what would steer the terminal.

    >>> _strip_control_characters("red: \x1b[31m, tab: \t")
    'red: [31m, tab: \t'
    """
    return _CONTROL_CHARACTERS.sub("", text)


_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def _mask_keys(text: str) -> str:
    """Mask the keys of the environment, should a server repeat them."""
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY"):
        key = os.environ.get(name, "").strip()
        text = text.replace(key, "***") if key else text
    return text
