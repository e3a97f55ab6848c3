"""
Runs Markdown pages whose examples have no prompts, so that they can be pasted: README and the tutorial.

All ``python`` blocks of a page run in order, in one namespace. What a block prints must be what its ``# ->`` comments
show; ``...`` in a comment matches any text.
"""

import doctest
import io
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

__all__ = ["PAGES", "list_code_blocks", "pytest_collect_file"]

PAGES = ("README.md", "docs/tutorial.md")
_CODE_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_EXPECTED_LINE = re.compile(r"^ *# -> ?(.*\n)", re.MULTILINE)
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def list_code_blocks(page: Path) -> Iterator[tuple[int, str]]:
    """Yield each ``python`` block of a page with the number of lines above its code."""
    text = page.read_text(encoding="utf-8")
    for block in _CODE_BLOCK.finditer(text):
        yield text.count("\n", 0, block.start(1)), block[1]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a page of `PAGES` as one test."""
    if file_path in [parent.config.rootpath / page for page in PAGES]:
        return MarkdownPage.from_parent(parent, path=file_path)
    return None


class MarkdownPage(pytest.File):
    """A page whose blocks are one test, as each uses the names of those before it."""

    def collect(self) -> Iterator[pytest.Item]:
        yield PageExamples.from_parent(self, name="examples")


class PageExamples(pytest.Item):
    """The examples of one page."""

    def runtest(self) -> None:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        for line, code in list_code_blocks(self.path):
            output = io.StringIO()
            program = compile("\n" * line + code, str(self.path), "exec")
            with redirect_stdout(output):
                exec(program, namespace)  # noqa: S102  # a page of this repository
            example = doctest.Example(code, "".join(_EXPECTED_LINE.findall(code)), lineno=line)
            checker = doctest.OutputChecker()
            if not checker.check_output(example.want, output.getvalue(), _FLAGS):
                difference = checker.output_difference(example, output.getvalue(), _FLAGS)
                pytest.fail(f"{self.path}, the block at line {line}:\n{difference}", pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name
