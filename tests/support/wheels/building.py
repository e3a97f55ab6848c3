"""Builds an sdist and a wheel in a copy of the tree, and checks their contents."""

import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
MAX_BYTES = 1_150_000
"""What a wheel may have at most: four fifths of google-genai 3.6.1. The emulator and the testing kit are a fourth."""

SOURCE_DATE_EPOCH = "1735689600"
"""The time that all files in the distributions have: 2025-01-01 in UTC."""

_LEFTOVERS = shutil.ignore_patterns(
    *(".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis", ".coverage*", "*.egg-info", "build", "dist")
)


def build_distributions(python: Path, source: Path, folder: Path) -> dict[str, bytes]:
    """Build an sdist and a wheel of a tree with hatchling, which the Python has; return both by their file names."""
    folder.mkdir(parents=True)
    command = [str(python), "-m", "hatchling", "build", "--directory", str(folder)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH}
    subprocess.run(command, cwd=source, env=environment, check=True, stdout=subprocess.DEVNULL)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def copy_tree(target: Path) -> Path:
    """Copy the tree without what commands leave in it; all files have the time of now."""
    shutil.copytree(ROOT, target, ignore=_LEFTOVERS, copy_function=shutil.copyfile)
    return target


def build_twice(python: Path, folder: Path) -> Path:
    """
    Build in two copies of the tree, and a third wheel from the sdist; return the wheel.

    Raises ``ValueError`` if they are not the same bytes, or the wheel has other contents than the package.
    """
    builds = [
        build_distributions(python, copy_tree(folder / name), folder / f"dist-{name}") for name in ("one", "a-second")
    ]
    if builds[0] != builds[1]:
        raise ValueError(f"two builds are not the same: {_list_differences(*builds)}")
    names = {Path(name).suffix: folder / "dist-one" / name for name in builds[0]}
    with tarfile.open(names[".gz"]) as archive:
        archive.extractall(folder / "sdist", filter="data")
    [unpacked] = (folder / "sdist").iterdir()
    wheel: Path = names[".whl"]
    if build_distributions(python, unpacked, folder / "dist-sdist")[wheel.name] != wheel.read_bytes():
        raise ValueError("the wheel of the sdist is not the wheel of the tree")
    problems = list_problems(wheel)
    if problems:
        raise ValueError(f"{wheel.name}: {'; '.join(problems)}")
    return wheel


def list_problems(wheel: Path) -> list[str]:
    """List what is wrong with the contents of a wheel: files that it lacks, and those of the tests or others in it."""
    with zipfile.ZipFile(wheel) as archive:
        names = {each for each in archive.namelist() if ".dist-info/" not in each}
        licences = [each for each in archive.namelist() if each.endswith(".dist-info/licenses/LICENSE")]
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "genai_fn").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    problems = {
        f"lacks {sorted(expected - names)}": not names >= expected,
        f"contains {sorted(names - expected)}": not names <= expected,
        "lacks genai_fn/py.typed": "genai_fn/py.typed" not in names,
        "lacks its licence": not licences,
    }
    return [problem for problem, is_present in problems.items() if is_present]


def _list_differences(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
