"""The documentation site: its pages, its navigation, and the examples in its reference."""

import inspect
import re
import tomllib
from pathlib import Path
from types import FunctionType

import pytest

import genai_fn
from docs.site_pages import reference, type_pages, write_pages
from docs.site_pages.copy_markdown import copy_markdown
from docs.site_pages.docstring_markdown import to_markdown
from tests.support.builders import list_builders

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    write_pages.write_pages(folder)
    return folder


def test_navigation(folder: Path) -> None:
    """The navigation lists each page of the site once, and no other."""
    listed = [name for _, _, name in write_pages.list_pages(PROJECT["nav"])]
    assert sorted(listed) == sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.md"))


def test_reference_is_complete() -> None:
    """The reference contains every public name."""
    assert list(reference.list_missing_names()) == []


def test_builders_have_examples() -> None:
    """Every builder of a resource, and every public function, has an example that the tests run."""
    functions = list_builders() | {
        name: each for name in genai_fn.__all__ if isinstance(each := getattr(genai_fn, name), FunctionType)
    }
    assert [name for name, each in functions.items() if ">>> " not in (inspect.getdoc(each) or "")] == []


def test_types_are_linked(folder: Path) -> None:
    """A type links to its operations, and an operation to its types, on the page of their domain."""
    operations = (folder / "operations.md").read_text(encoding="utf-8")
    assert "[CachedContent](types/caches.md#genai_fn.schema.caches.CachedContent)" in operations
    caches = (folder / "types" / "caches.md").read_text(encoding="utf-8")
    assert "## CachedContent { #genai_fn.schema.caches.CachedContent }\n" in caches
    assert "[`caches.get`](../operations.md#caches)" in caches
    assert "types.md" not in operations


def test_every_type_has_a_place() -> None:
    """The anchors of types are unique, so that a link leads to one of them."""
    names = [name for _, name in type_pages.find_places().values()]
    assert (
        len(names) == len(set(names)) == len(re.findall(r"^### ", type_pages.write_types.render_page(), re.MULTILINE))
    )


def test_llms(folder: Path) -> None:
    """``llms.txt`` lists each page as Markdown, under the sections of the navigation."""
    text = (folder / "llms.txt").read_text(encoding="utf-8")
    assert text.startswith("# genai_fn\n\n> ")
    assert "\n## How to\n\n- [Structured output](structured-output.md)\n" in text
    assert "# Tutorial" in (folder / "llms-full.txt").read_text(encoding="utf-8")


def test_llms_files_exist(folder: Path, tmp_path: Path) -> None:
    """Every file that ``llms.txt`` lists as Markdown is copied beside the pages of the site."""
    listed = re.findall(r"\]\((.*\.md)\)", (folder / "llms.txt").read_text(encoding="utf-8"))
    for name in listed:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    copy_markdown(folder, tmp_path)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.md")) == sorted(listed)


def test_docstrings_as_markdown() -> None:
    """Doctests become fenced code with their output, failures a list, and known names links outside of code."""
    docstring = """
Do `this` and `that`::

    code

Fails with:
    Unsupported: On Vertex AI, or
        elsewhere.

    ClientError: If it is gone.

>>> do("`this`")
1

>>> do(2)
2
"""
    assert (
        to_markdown(docstring, {"this": "genai_fn.this", "Unsupported": "genai_fn.errors.Unsupported"})
        == """
Do [`this`][genai_fn.this] and `that`:

    code

**Fails with:**

- [`Unsupported`][genai_fn.errors.Unsupported]: On Vertex AI, or elsewhere.
- `ClientError`: If it is gone.

```pycon
>>> do("`this`")
1

>>> do(2)
2
```
"""
    )
