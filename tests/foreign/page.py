"""The results of the clients as Markdown, between the markers of each client on its page."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "foreign-clients.md"
MAX_REASON_LENGTH = 200


@dataclass(frozen=True)
class Row:
    """One thing that a client does, and why it failed; an empty reason means that it passed."""

    name: str
    reason: str = ""


def render_client(versions: Mapping[str, str], rows: Sequence[Row]) -> str:
    """
    Return the table of a client.

    >>> print(render_client({"openai": "3.0"}, [Row("stream"), Row("files", "404")]))
    `openai` 3.0: 1 of 2 pass.
    <BLANKLINE>
    | row | result |
    |---|---|
    | stream | passes |
    | files | fails: 404 |
    """
    passed = sum(not each.reason for each in rows)
    packages = ", ".join(f"`{name}` {version}" for name, version in versions.items())
    lines = [
        f"| {each.name} | {f'fails: {_format_reason(each.reason)}' if each.reason else 'passes'} |" for each in rows
    ]
    return "\n".join([f"{packages}: {passed} of {len(rows)} pass.", "", "| row | result |", "|---|---|", *lines])


def _format_reason(reason: str) -> str:
    """Return one line that is the same in each run: without ports, and short."""
    line = re.sub(r"(127\.0\.0\.1|localhost):\d+", r"\1", " ".join(reason.split()))
    line = line if len(line) <= MAX_REASON_LENGTH else f"{line[:MAX_REASON_LENGTH].rstrip()}…"
    return line.replace("|", "\\|").replace("<", "&lt;")


def replace_table(page: str, client: str, table: str) -> str:
    r"""
    Return a page in which a client has another table.

    Raises:
        ValueError: If the page has no place for the client.

    >>> replace_table("<!-- a: begin --><!-- a: end -->", "a", "new")
    '<!-- a: begin -->\n\nnew\n\n<!-- a: end -->'
    """
    begin, end = f"<!-- {client}: begin -->", f"<!-- {client}: end -->"
    if begin not in page or end not in page:
        raise ValueError(f"the page has no markers for {client}")
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n\n{table}\n\n{end}{rest.partition(end)[2]}"
