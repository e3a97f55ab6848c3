"""The links between the Markdown pages of this repository lead somewhere."""

import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@functools.cache
def list_anchors(page: Path) -> set[str]:
    """List the anchors of a page's headings, as GitHub forms them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page: Path) -> None:
    """Every relative link names a file that exists, and a heading in it if it has an anchor."""
    broken: list[str] = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", name):
            continue
        file = page.parent / name if name else page
        if not file.exists() or (anchor and anchor not in list_anchors(file)):
            broken.append(target)
    assert broken == []


def list_linked_pages(page: Path) -> set[Path]:
    """List the Markdown pages that a page links to."""
    targets = re.findall(r"\]\(([^)#:\s]+\.md)", page.read_text(encoding="utf-8"))
    return {(page.parent / target).resolve() for target in targets}


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/**/*.md")), ids=lambda page: str(page.relative_to(ROOT)))
def test_reachable(page: Path) -> None:
    """README links to every page in ``docs``, or to the page of the same name as its folder, which does."""
    overview = page.parent.with_suffix(".md")
    parent = overview if page.parent != ROOT / "docs" and overview.exists() else ROOT / "README.md"
    assert page.resolve() in list_linked_pages(parent)
