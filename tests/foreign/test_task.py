"""The task that runs other clients: its table of clients, its page, and programs that fail. No client is installed."""

import re
import sys
from pathlib import Path

import pytest

from tests.foreign.__main__ import read_output, run_program
from tests.foreign.clients import AGENTS, CLIENTS, PROGRAMS, Client
from tests.foreign.environments import build_variables
from tests.foreign.page import MAX_REASON_LENGTH, PAGE, Row, render_client, replace_table

each_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: str(client.name))


@each_client
def test_page(client: Client) -> None:
    """Each client has a table on the page, which states its version and all its rows."""
    found = re.search(f"<!-- {client.name}: begin -->(.+)<!-- {client.name}: end -->", PAGE.read_text(), re.DOTALL)
    assert found is not None
    rows = re.findall(r"^\| (?!row |---).* \| (passes|fails: .+) \|$", found[1], re.MULTILINE)
    assert f"{rows.count('passes')} of {len(rows)} pass." in found[1]


def test_programs() -> None:
    """Each client has a program, and each program a client."""
    helpers = {"rows.py", "rows.mjs"}
    assert {each.program for each in CLIENTS} == {each.name for each in PROGRAMS.glob("*.*")} - helpers


@pytest.mark.parametrize(
    "path", [each for each in sorted(AGENTS.iterdir()) if each.is_file()], ids=lambda path: str(path.name)
)
def test_agents_of_the_docs(path: Path) -> None:
    """The page on scripts shows the agents, their script and their tests as the task runs them."""
    page = (PAGE.parent / "emulator-scripts.md").read_text(encoding="utf-8")
    language = {".py": "python", ".mjs": "javascript", ".json": "json"}[path.suffix]
    assert f"`{path.name}`" in page
    assert f"```{language}\n{path.read_text(encoding='utf-8')}```\n" in page


@pytest.mark.parametrize("client", [each for each in CLIENTS if not each.is_node], ids=lambda client: str(client.name))
def test_every_row_runs(client: Client) -> None:
    """Each function of a program that takes nothing and has no underscore is one of its rows."""
    source = (PROGRAMS / client.program).read_text(encoding="utf-8")
    rows = source[source.rindex("run_rows(") :]
    assert [
        name for name in re.findall(r"^def ([a-z]\w*)\(\) -> None:", source, re.MULTILINE) if name not in rows
    ] == []


def test_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A program is given no variables besides its own and the search path."""
    monkeypatch.setenv("GOOGLE_API_KEY", "any-key")
    variables = build_variables("http://127.0.0.1:1", None, tmp_path)
    assert "GOOGLE_API_KEY" not in variables
    assert variables["EMULATOR_URL"] == "http://127.0.0.1:1"
    assert variables["https_proxy"].startswith("http://127.0.0.1:")


HEAD = """print('{"versions": {"a": "1"}, "rows": ["x", "y"]}\\nnoise\\n{"row": "x", "reason": ""}', flush=True)"""


@pytest.mark.parametrize(
    ("end", "why"),
    [
        ("import sys; sys.exit(3)", "the program ended with status 3"),
        ("raise SystemExit('gone')", "the program ended with status 1: gone"),
    ],
)
def test_program_that_ends_early(tmp_path: Path, end: str, why: str) -> None:
    """The rows that a program does not reach fail, and the reason is how it ended."""
    output, reason = run_program((sys.executable, "-c", f"{HEAD}\n{end}"), {}, tmp_path)
    assert read_output(output, reason) == ({"a": "1"}, [Row("x"), Row("y", why)])


def test_program_that_does_not_end(tmp_path: Path) -> None:
    """A program that takes too long is ended."""
    command = (sys.executable, "-c", "import time; time.sleep(600)")
    assert run_program(command, {}, tmp_path, timeout=0.1)[1] == "the program did not end within 0.1 s"


def test_program_that_prints_nothing() -> None:
    """A program that does not start is one row that fails."""
    assert read_output("", "gone") == ({}, [Row("start", "gone")])


def test_reasons() -> None:
    """A reason is one short line without ports, and leaves the table as it is."""
    reason = f"refused\nhttp://127.0.0.1:4711 | <html>{'x' * 500}"
    line = render_client({"a": "1"}, [Row("x", reason)]).splitlines()[-1]
    assert line.startswith(r"| x | fails: refused http://127.0.0.1 \| &lt;html>xx")
    assert line.endswith("xx… |")
    assert len(line) < MAX_REASON_LENGTH + 50


def test_unknown_client() -> None:
    """A page without a place for a client is refused."""
    with pytest.raises(ValueError, match="no markers for x"):
        replace_table("", "x", "")
