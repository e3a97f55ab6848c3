"""The hook of the build that writes the description for the package index: README with links that work there."""

import re
import tomllib
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface  # type: ignore[import-not-found]  # in the build's environment

__all__ = ["ReadmeHook", "replace_links"]

_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\[\]]*)\]\((?P<path>[^():\s#]*)(?P<anchor>#[^()\s]*)?\)")


class ReadmeHook(MetadataHookInterface):  # type: ignore[misc]  # of a class without types
    """Sets the description of the package."""

    def update(self, metadata: dict[str, Any]) -> None:
        readme = Path(self.root, "README.md").read_text(encoding="utf-8")
        project = tomllib.loads(Path(self.root, "zensical.toml").read_text(encoding="utf-8"))["project"]
        text = replace_links(readme, project.get("site_url"))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def replace_links(readme: str, site_url: str | None) -> str:
    """Return README with links and images from the site, or their texts as long as the site has no address."""

    def replace(link: re.Match[str]) -> str:
        if site_url is None or link["path"] == "LICENSE":
            return link["text"]
        page = re.sub(r"\.md$", ".html", link["path"].removeprefix("docs/"))
        return f"{link['image']}[{link['text']}]({site_url.rstrip('/')}/{page}{link['anchor'] or ''})"

    return _LINK.sub(replace, readme)
