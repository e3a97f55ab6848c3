"""
Runs the clients against the emulator: ``python -m tests.foreign [--keep] [--dry] [client …]``.

Each program runs in an environment of its own, with an emulator of its own, for at most five minutes. Its rows are
written into ``docs/foreign-clients.md``. The exit status is 0 even if rows fail: the page states which.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import trustme

from genai_fn.testing import Emulator, serve_emulator
from tests.foreign.clients import CLIENTS, Client
from tests.foreign.environments import build_variables, prepare_environment
from tests.foreign.page import PAGE, Row, render_client, replace_table

ENVIRONMENTS = Path(tempfile.gettempdir()) / "genai-fn-environments" / "foreign"
PROGRAM_TIMEOUT = 300


def main() -> int:
    """Run the named clients, or all of them one after another."""
    parser = argparse.ArgumentParser(prog="python -m tests.foreign", description="Run other clients of the API.")
    parser.add_argument("clients", nargs="*", help=f"names; all by default: {', '.join(each.name for each in CLIENTS)}")
    parser.add_argument("--keep", action="store_true", help="use the environments of an earlier run")
    parser.add_argument("--dry", action="store_true", help="print the tables, and leave the page as it is")
    given = parser.parse_args()
    chosen = [each for each in CLIENTS if each.name in (given.clients or {client.name for client in CLIENTS})]
    if len(chosen) < len(set(given.clients)):
        parser.error("unknown client")
    for client in chosen:
        print(f"— {client.name}", flush=True)  # noqa: T201  # a command
        table = run_client(client, keep=given.keep)
        print(table, flush=True)  # noqa: T201  # a command
        if not given.dry:
            PAGE.write_text(replace_table(PAGE.read_text(encoding="utf-8"), client.name, table), encoding="utf-8")
    return 0


def run_client(client: Client, *, keep: bool) -> str:
    """Run the program of a client, and return its table."""
    try:
        command = prepare_environment(client, ENVIRONMENTS / client.name, keep=keep)
    except (OSError, subprocess.SubprocessError) as error:
        return render_client({client.name: ""}, [Row("installation", str(error))])
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url, certificate = stack.enter_context(_serve(client, home))
        output, why = run_program(command, dict(build_variables(url, certificate, home)), home)
    return render_client(*read_output(output, why))


@contextmanager
def _serve(client: Client, folder: Path) -> Iterator[tuple[str, Path | None]]:
    """Serve an emulator of the client's own, with a certificate if it needs one; yield the URL and who is trusted."""
    if not client.tls:
        with serve_emulator(Emulator()) as url:
            yield url, None
        return
    authority, trusted, chain = trustme.CA(), folder / "trusted.pem", folder / "chain.pem"
    authority.cert_pem.write_to_path(str(trusted))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(chain))
    with serve_emulator(Emulator(), certfile=str(chain)) as url:
        yield url, trusted


def run_program(
    command: tuple[str, ...], variables: dict[str, str], folder: Path, timeout: float = PROGRAM_TIMEOUT
) -> tuple[str, str]:
    """Run a program. Return what it printed, and why it ended before its last row, if it did."""
    with (folder / "output").open("w+") as output, (folder / "errors").open("w+") as errors:
        try:
            status = subprocess.run(
                command, env=variables, cwd=folder, stdout=output, stderr=errors, check=False, timeout=timeout
            ).returncode
            why = f"the program ended with status {status}"
        except subprocess.TimeoutExpired:
            why = f"the program did not end within {timeout} s"
        output.seek(0)
        errors.seek(0)
        last_line = (errors.read().strip().splitlines() or [""])[-1]
        return output.read(), f"{why}: {last_line}" if last_line else why


def read_output(output: str, why: str) -> tuple[dict[str, str], list[Row]]:
    """
    Read the lines of a program: versions and names of all rows, then the result of each. `why` is the reason of others.

    >>> lines = '{"versions": {"a": "1"}, "rows": ["x", "y"]}' + chr(10) + '{"row": "x", "reason": ""}'
    >>> read_output(lines, "gone")
    ({'a': '1'}, [Row(name='x', reason=''), Row(name='y', reason='gone')])
    """
    lines = [found for each in output.splitlines() if isinstance(found := _parse_line(each), dict)]
    head: dict[str, Any] = next((each for each in lines if "rows" in each), {"versions": {}, "rows": ["start"]})
    reasons = {each["row"]: each["reason"] for each in lines if "row" in each}
    return head["versions"], [Row(name, reasons.get(name, why)) for name in head["rows"]]


def _parse_line(line: str) -> Any:
    """Parse a line; None if it is not JSON, as what a client itself prints."""
    try:
        return json.loads(line)
    except ValueError:
        return None


if __name__ == "__main__":
    sys.exit(main())
