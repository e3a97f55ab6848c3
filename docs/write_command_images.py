# a script beside the pictures that it draws
"""
Writes the pictures of ``docs/command.md``: what the command prints to a terminal, with the emulator.

``python docs/write_command_images.py`` runs each command in a pseudo-terminal; rich draws what it has printed.
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

__all__ = ["write_images"]

FOLDER = Path(__file__).parent / "images"
WIDTH = 88
_TEMPLATE = """<svg viewBox="0 0 {terminal_width} {terminal_height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: monospace; font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs>{lines}</defs>
<rect fill="#191919" width="{terminal_width}" height="{terminal_height}" rx="8"/>
<g transform="translate(8, 8)">{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def write_images() -> None:
    """Write all pictures."""
    FOLDER.mkdir(exist_ok=True)
    _write("chat", "genai-fn chat --offline", ["Tea or coffee?", "/system Answer like a sailor.", "Why?", "/quit"])
    _write("models", "genai-fn models list --offline", [])


def _write(name: str, command: str, lines: list[str]) -> None:
    console = Console(record=True, width=WIDTH, file=StringIO())
    console.print(Text.from_ansi(f"$ {command}\n{_run(command, lines)}"))
    text = console.export_svg(title=command, theme=DIMMED_MONOKAI, code_format=_TEMPLATE, unique_id=name)
    (FOLDER / f"{name}.svg").write_text(text, encoding="utf-8")


def _run(command: str, lines: list[str]) -> str:
    """Run a command in a pseudo-terminal, type a line after each prompt, and return what it prints."""
    terminal, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, WIDTH, 0, 0))
    process = subprocess.Popen(  # noqa: S603  # the commands above
        [sys.executable, "-m", *command.replace("genai-fn", "genai_fn").split()],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": str(WIDTH)},
    )
    os.close(inner)
    printed, pending = "", [*lines]
    while data := _read(terminal):
        printed += data
        if pending and printed.endswith("> "):
            os.write(terminal, f"{pending.pop(0)}\r".encode())
    process.wait()
    os.close(terminal)
    return re.sub(r"\x1b\[\?\d+[hl]", "", printed).replace("\r\n", "\n").replace("\r", "")


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 65_536).decode(errors="replace")
    except OSError:  # the process has ended
        return ""


if __name__ == "__main__":
    write_images()
