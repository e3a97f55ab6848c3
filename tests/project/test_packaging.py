"""What pyproject.toml claims is tried or bounded, and what the task ``wheels`` checks is checked."""

import ast
import re
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import tasks
from tests.support.wheels import smoke
from tests.support.wheels.__main__ import UNTRIED
from tests.support.wheels.building import ROOT, list_problems
from tests.support.wheels.pythons import VERSIONS, find_python

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
READ_PRIVATELY = {"httpcore": "<2", "httpcore2": "<3", "hypothesis": "<7", "trio-websocket": "<1"}
"""Packages of which a private name is read, and the first release that may drop it."""


def test_declared_pythons() -> None:
    """Exactly the versions of Python are declared that the tests run on."""
    found = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", each) for each in PROJECT["classifiers"]]
    declared = [each.group(1) for each in found if each]
    assert declared == ["3.11", *tasks.LATER]
    assert set(declared) <= set(VERSIONS)
    assert PROJECT["requires-python"] == f">={declared[0]}"


def test_invents_nobody() -> None:
    """The authors are the project's, without an address; no URL is given while there is none."""
    assert PROJECT["authors"] == [{"name": "The genai_fn authors"}]
    assert "urls" not in PROJECT


def test_bounds_of_what_is_read_privately() -> None:
    """A package of which a private name is read has an upper bound."""
    requirements = [*PROJECT["dependencies"], *(each for extra in EXTRAS.values() for each in extra)]
    bounds = {name: each for each in requirements if (name := re.split(r"[^\w.-]", each, maxsplit=1)[0])}
    assert {name: bounds[name].rpartition(",")[2] for name in READ_PRIVATELY} == READ_PRIVATELY


def test_no_other_private_imports() -> None:
    """No private name is imported from another package than those."""
    imported = {
        (node.module or "").partition(".")[0]
        for path in (ROOT / "genai_fn").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and not node.level
        for name in (*(node.module or "").split("."), *(each.name for each in node.names))
        if name.startswith("_") and not name.startswith("__")
    }
    assert imported - {"genai_fn"} <= READ_PRIVATELY.keys()


def test_every_extra_is_tried() -> None:
    """The smoke program uses every extra, or what it is the other half or the old name of."""
    assert smoke.CHECKS.keys() | {"emulator", "live", "testing", "websockets"} == EXTRAS.keys() - UNTRIED


@pytest.mark.parametrize("extra", smoke.CHECKS)
def test_present_extras(extra: str) -> None:
    """With an extra installed, what needs it complains of no missing package."""
    _, check = smoke.CHECKS[extra]
    assert "pip install" not in check()


def test_wheel_with_other_contents(tmp_path: Path) -> None:
    """A wheel that lacks a module, the mark of types or the licence, or contains a test, is reported."""
    wheel = tmp_path / "some.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("genai_fn/__init__.py", "")
        archive.writestr("tests/__init__.py", "")
    lacking, other, *rest = list_problems(wheel)
    assert "genai_fn/backend.py" in lacking
    assert other == "contains ['tests/__init__.py']"
    assert rest == ["lacks genai_fn/py.typed", "lacks its licence"]


def test_finds_pythons() -> None:
    """The version that runs the tests is found, or another of the same version; one that does not exist is not."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert find_python(version) is not None
    assert find_python("3.99") is None
