"""The extension of griffe that prepares the docstrings of this package for the site."""

from collections.abc import Iterator
from typing import Any

from griffe import Alias, Extension, Module, Object  # type: ignore[import-not-found]  # in the environment of the site

from docs.site_pages.docstring_markdown import to_markdown

__all__ = ["PreparedDocstrings"]

PUBLIC = ("genai_fn.schema", "genai_fn.testing", "genai_fn.jobs", "genai_fn.middleware", "genai_fn.events", "genai_fn")
"""Packages whose names are linked; a later one takes precedence."""

OF_MODULES = {"genai_fn", "genai_fn.ops", "genai_fn.flows"}
"""Packages from which only modules are public names; a page of the reference is not an object."""


class PreparedDocstrings(Extension):  # type: ignore[misc]  # of a class without types
    """Prepares the docstrings of a package for Markdown, once all of its modules are loaded."""

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        links = dict(_find_links(pkg))
        for each in _walk(pkg):
            if each.docstring is not None:
                each.docstring.value = to_markdown(each.docstring.value, links)


def _find_links(package: Module) -> Iterator[tuple[str, str]]:
    """Yield the public names with their full names; those of another library have no page."""
    for path in PUBLIC:
        module = package if path == package.path else package[path.removeprefix(f"{package.path}.")]
        for name, member in module.members.items():
            target = member.target_path if isinstance(member, Alias) else member.path
            if member.is_alias and target.startswith("genai_fn.") and target.rpartition(".")[0] not in OF_MODULES:
                yield name, target


def _walk(parent: Object) -> Iterator[Object]:
    yield parent
    for member in parent.members.values():
        if isinstance(member, Object):
            yield from _walk(member)
