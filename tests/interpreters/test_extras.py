"""Install commands for optional dependencies."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

from genai_fn.interpreters.extras import install_command
from tests.support.check_each import check_each

ROOT = Path(__file__).parents[2]
OPTIONAL = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]


REQUIREMENTS = [
    each.partition(";")[0] for extra in sorted(OPTIONAL.keys() - {"dev", "websockets"}) for each in OPTIONAL[extra]
]


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_version_of_the_extra(requirement: str) -> None:
    """The command contains the version that pyproject.toml requires; metadata may order the bounds differently."""
    name, bounds = re.fullmatch(r"([\w-]+)(.+)", requirement).groups()
    found, found_bounds = re.fullmatch(r"pip install '([\w-]+)(.+)'", install_command(name)).groups()
    assert (found, set(found_bounds.split(","))) == (name, set(bounds.split(",")))


def test_without_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without metadata, in a source tree that is not installed, the names have no versions."""

    def raise_not_found(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", raise_not_found)
    assert install_command("rich", "typer") == "pip install 'rich' 'typer'"


PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("genai_fn/**/*.py"), *ROOT.glob("docs/**/*.py")]


@check_each(PAGES)
def test_names_no_distribution(path: Path) -> None:
    """No text advises to install genai_fn by name: it is not published, and anybody could publish under that name."""
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"pip3? install[^\n&|]*\bgenai[-_.]fn\b.*", text) == []
    assert re.findall(r"\bgenai[-_.]fn\[\w[\w,]*\]", text) == []


def test_two_pages_install() -> None:
    """Only README's two commands and one page say how to install the library itself: a release changes these."""
    pattern = re.compile(r"(?:pip3?|uv) (?:pip )?install[^\n]*(?:[ '\"]\.[\['\"`]| dist/)")
    pages = {path.relative_to(ROOT).as_posix() for path in PAGES if pattern.search(path.read_text(encoding="utf-8"))}
    assert pages == {"README.md", "docs/installing.md"}


def test_page_lists_every_extra() -> None:
    """The page about installing has a row for each extra."""
    text = (ROOT / "docs/installing.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE)
    assert rows == sorted(OPTIONAL.keys() - {"dev"})


def test_old_name() -> None:
    """The extra ``websockets`` is the old name of ``live``."""
    assert OPTIONAL["websockets"] == ["genai-fn[live]"]
    assert [each.partition(">")[0] for each in OPTIONAL["live"]] == ["websockets"]
