"""Reads scripts of the emulator, also from files."""

from pathlib import Path
from typing import TypeAlias

from genai_fn.emulator.scripts.parsing import ScriptLike, parse_script
from genai_fn.emulator.scripts.script import EmulatorScript, ScriptFunction

ScriptSource: TypeAlias = ScriptLike | Path
"""A script, or the path of a JSON file that contains one."""


def read_script(source: ScriptSource) -> EmulatorScript | ScriptFunction:
    """
    Read and parse a script.

    Raises:
        InvalidRequest: If it does not fit; the error names the place.

        OSError: If the file cannot be read.
    """
    if isinstance(source, Path):
        return parse_script(source.read_bytes())
    return parse_script(source)
