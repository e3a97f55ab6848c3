"""Prints answers to standard output, and errors and notices to standard error."""

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
    Print each text as it arrives, and end the last line.

    On a terminal, control characters are removed; a pipe gets the text unchanged.

    Raises:
        GenaiError: If the stream ends with a `Failure`.
    """
    out: TextIO = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="replace")  # the answer may contain characters that the encoding lacks
    is_terminal = out.isatty()
    last = "\n"
    try:
        for chunk in raise_for(items):
            last = chunk or last
            out.write(_strip_control_characters(chunk) if is_terminal else chunk)
            out.flush()
    finally:
        if not last.endswith("\n"):
            out.write("\n")
            out.flush()


def print_message(kind: str, message: str) -> None:
    """
    Print a message on one line of standard error, with API keys masked and control characters removed.

    `kind`, ``"error"`` or ``"offline"``, is its prefix and selects its color.
    """
    line = Text.assemble(
        (f"{kind}:", _STYLES[kind]), " ", " ".join(_strip_control_characters(_mask_keys(message)).split())
    )
    Console(stderr=True, highlight=False).print(line, soft_wrap=True)


_STYLES = {"error": "bold red", "offline": "yellow"}


def _strip_control_characters(text: str) -> str:
    r"""
    Remove characters that control the terminal.

    >>> _strip_control_characters("red: \x1b[31m, tab: \t")
    'red: [31m, tab: \t'
    """
    return _CONTROL_CHARACTERS.sub("", text)


_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def _mask_keys(text: str) -> str:
    """Replace the API keys from the environment by ``***``: a server may repeat them in an error."""
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY"):
        key = os.environ.get(name, "").strip()
        text = text.replace(key, "***") if key else text
    return text
