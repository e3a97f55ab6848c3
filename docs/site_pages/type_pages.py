"""The types of the API by domain: the sections of ``docs/types.md``, a page each."""

import re

from docs import write_types

__all__ = ["find_places", "link_types", "render_pages"]

_DOMAIN = re.compile(r"^## (.+) types$", re.MULTILINE)
_TYPE = re.compile(r"^##+ (\w+)$", re.MULTILINE)
_LINK = re.compile(r"\]\((?:\.\./)*(?:types\.md)?(?:#(?P<anchor>[\w-]+))?\)")


def render_pages() -> dict[str, str]:
    """Return the pages by their file names: ``index.md``, and one for each domain."""
    head, *parts = _DOMAIN.split(write_types.render_page())
    domains = dict(zip(parts[::2], parts[1::2], strict=True))
    rows = (f"- [{name}]({name}.md): {text.strip().partition(chr(10))[0]}\n" for name, text in domains.items())
    pages = {"index.md": head.replace("](new-fields.md)", "](../new-fields.md)") + "\n" + "".join(rows)}
    for name, text in domains.items():
        body = re.sub(r"^### (\w+)$", _format_heading(name), text, flags=re.MULTILINE)
        pages[f"{name}.md"] = f"# Types: {name}\n{body}".replace("](operations.md", "](../operations.md")
    return pages


def _format_heading(domain: str) -> str:
    """Return a heading that the reference links to by the full name of the type."""
    return rf"## \1 {{ #genai_fn.schema.{domain}.\1 }}"


def link_types(text: str, places: dict[str, tuple[str, str]], folder: str) -> str:
    """Return a page whose links to ``types.md`` lead to the pages of the domains."""

    def move(link: re.Match[str]) -> str:
        if "types.md" not in link[0] and link["anchor"] not in places:
            return link[0]
        if link["anchor"] is None or link["anchor"] not in places:
            return f"]({folder}index.md)"
        domain, name = places[link["anchor"]]
        return f"]({folder}{domain}.md#genai_fn.schema.{domain}.{name})"

    return _LINK.sub(move, text)


def find_places() -> dict[str, tuple[str, str]]:
    """Map the anchor of each type in ``docs/types.md`` to its domain and name."""
    _, *parts = _DOMAIN.split(write_types.render_page())
    return {
        name.lower(): (domain, name)
        for domain, text in zip(parts[::2], parts[1::2], strict=True)
        for name in _TYPE.findall(text)
    }
