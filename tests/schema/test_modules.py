"""The modules of the schema, each loaded alone: no type depends on another module that happens to be loaded before."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import genai_fn.schema

ROOT = Path(__file__).parents[2]
MODULES = sorted(path.stem for path in Path(genai_fn.schema.__file__).parent.glob("[!_]*.py"))

_PROGRAM = """
import importlib, os, sys, typing
import msgspec

def check(name):
    module = importlib.import_module(name)
    for kind in list(vars(module).values()):
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == name:
            typing.get_type_hints(kind, include_extras=True)
            if not getattr(kind, "__parameters__", ()):
                msgspec.json.Decoder(kind)

for each in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        try:
            check(f"genai_fn.schema.{each}")
        except BaseException as error:
            print(each, repr(error), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a new interpreter for each module would take a minute")
def test_alone() -> None:
    """In a process that has loaded one module alone, the annotations of its types resolve, and JSON is decoded."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *MODULES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
