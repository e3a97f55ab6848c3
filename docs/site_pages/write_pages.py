"""
Gathers the sources of the documentation site in ``build/site-pages``: ``python -m docs.site_pages.write_pages``.

They are README as the first page, ``docs``, the pages of the project, the reference, the types by domain, ``llms.txt``
and ``llms-full.txt``. After the build, ``copy_markdown`` puts the pages beside those of the site.
"""

import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.site_pages import reference, type_pages

__all__ = ["list_pages", "write_pages"]

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "zensical.toml"
FOLDER = ROOT / "build" / "site-pages"
NOT_COPIED = shutil.ignore_patterns("site_pages", "types.md", "write_*.py", "__pycache__")
ROOT_PAGES = {"README.md": "index.md", "CHANGELOG.md": "CHANGELOG.md", "CONTRIBUTING.md": "CONTRIBUTING.md"}


def write_pages(folder: Path = FOLDER) -> None:
    """Write all pages into a folder, in place of what it contains."""
    if missing := list(reference.list_missing_names()):
        sys.exit(f"docs/site_pages/reference.py does not list: {', '.join(missing)}")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder, ignore=NOT_COPIED)
    shutil.copy(ROOT / "LICENSE", folder / "LICENSE.txt")
    shutil.copy(Path(__file__).with_name("site.css"), folder)
    for source, name in ROOT_PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        _write(folder / name, text)
    operations = folder / "operations.md"
    _write(operations, reference.link_operations(operations.read_text(encoding="utf-8")))
    for name, text in type_pages.render_pages().items():
        _write(folder / "types" / name, text)
    for page in reference.PAGES:
        _write(folder / "reference" / f"{page.file}.md", reference.render_page(page))
    places = type_pages.find_places()
    for path in folder.rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        if path.parent == folder:
            text = _move_links(text)
        depth = "../" * (len(path.relative_to(folder).parts) - 1)
        path.write_text(type_pages.link_types(text, places, f"{depth}types/"), encoding="utf-8")
    _write_llms(folder)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _move_links(text: str) -> str:
    """Return a page with the links to and from the pages of the root as seen from the pages of the site."""
    text = re.sub(r"\]\((?:docs/|\.\./(?=[A-Z]))", "](", text)
    return text.replace("](README.md", "](index.md").replace("](LICENSE)", "](LICENSE.txt)")


def _write_llms(folder: Path) -> None:
    """Write ``llms.txt``, a list of all pages as Markdown, and ``llms-full.txt``, the guides in one file."""
    project = tomllib.loads(CONFIG.read_text(encoding="utf-8"))["project"]
    lines = [f"# {project['site_name']}", "", f"> {project['site_description']}"]
    guides: list[str] = []
    for section, title, name in list_pages(project["nav"]):
        if f"## {section}" not in lines:
            lines += ["", f"## {section}", ""]
        is_rendered = name.startswith("reference/")  # its Markdown contains directives in place of docstrings
        lines.append(f"- [{title}]({name.removesuffix('.md')}.html)" if is_rendered else f"- [{title}]({name})")
        if not name.startswith(("types/", "reference/", "decisions/", "CHANGELOG")):
            guides.append((folder / name).read_text(encoding="utf-8"))
    (folder / "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "llms-full.txt").write_text("\n".join(guides), encoding="utf-8")


def list_pages(nav: list[dict[str, Any]], section: str = "Start") -> Iterator[tuple[str, str, str]]:
    """Yield each page of the navigation with its section and title."""
    for entry in nav:
        for title, inner in entry.items():
            if isinstance(inner, str):
                yield section, title, inner
            else:
                yield from list_pages(inner, title)


if __name__ == "__main__":
    write_pages()
