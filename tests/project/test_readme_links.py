"""README on the package index: its links lead to the documentation site, or are plain text."""

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load the hook of the build; hatchling is only in the environments that build, so its base class stands in."""
    interface = ModuleType("hatchling.metadata.plugin.interface")
    interface.MetadataHookInterface = object
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    spec = spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def list_targets(text: str) -> list[str]:
    """List the targets of all links."""
    return re.findall(r"\]\(([^)]*)\)", text)


def test_without_an_address(hook: ModuleType) -> None:
    """As long as the site has no address, no link of README is left, and its code and texts are the same."""
    text = hook.replace_links(README, None)
    assert list_targets(text) == []
    assert re.findall(r"```.*?```", text, re.DOTALL) == re.findall(r"```.*?```", README, re.DOTALL)
    assert "- Tutorial: a chat" in text


def test_with_an_address(hook: ModuleType) -> None:
    """With an address, each link is absolute and leads to a page of the site."""
    text = hook.replace_links(README, "https://docs.example/genai_fn/")
    assert list_targets(text)
    assert all(target.startswith("https://docs.example/genai_fn/") for target in list_targets(text))
    assert "https://docs.example/genai_fn/middleware.html" in list_targets(text)
    assert "https://docs.example/genai_fn/CHANGELOG.html" in list_targets(text)


def test_absolute_links_stay(hook: ModuleType) -> None:
    """A link with an address of its own is left unchanged."""
    link = "[an RFC](https://www.rfc-editor.org/rfc/rfc9110)"
    assert hook.replace_links(link, None) == hook.replace_links(link, "https://docs.example") == link


def test_images(hook: ModuleType) -> None:
    """An image comes from the site, or leaves its description."""
    image = "![A terminal](docs/benchmarks/ratios.svg)"
    assert (
        hook.replace_links(image, "https://docs.example") == "![A terminal](https://docs.example/benchmarks/ratios.svg)"
    )
    assert hook.replace_links(image, None) == "A terminal"


def test_update(hook: ModuleType) -> None:
    """The hook sets the description in Markdown."""
    metadata: dict[str, dict[str, str]] = {}
    reader = hook.ReadmeHook()
    reader.root = str(ROOT)
    reader.update(metadata)
    assert metadata["readme"]["content-type"] == "text/markdown"
    assert metadata["readme"]["text"].startswith("# genai_fn\n")
