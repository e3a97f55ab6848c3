"""
Puts the Markdown of the pages beside those of the built site, which ``llms.txt`` lists.

It runs after the build: ``python -m docs.site_pages.copy_markdown``.
"""

import shutil
from pathlib import Path

from docs.site_pages.write_pages import FOLDER

__all__ = ["copy_markdown"]


def copy_markdown(folder: Path, site: Path) -> None:
    """Copy each page but those of the reference, whose Markdown contains directives in place of docstrings."""
    for page in folder.rglob("*.md"):
        place = page.relative_to(folder)
        if place.parts[0] != "reference":
            shutil.copy(page, site / place)


if __name__ == "__main__":
    copy_markdown(FOLDER, FOLDER.with_name("site"))
