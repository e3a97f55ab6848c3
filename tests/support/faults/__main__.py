"""
Runs the whole fault matrix, ten thousand cancellations and three thousand signals, and prints the tables of the page.

``python -W error -m tests.support.faults`` starts one process for each interpreter, two at a time.
"""

import gc
import json
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpcore
import httpcore2
import httptools
import pytest

from tests.cases.faults import GROUPS, LIVE_GROUPS
from tests.support.faults.cancellations import cancel_at_random
from tests.support.faults.fault import OPERATIONS
from tests.support.faults.http_cases import check_case
from tests.support.faults.live_cases import check_live_case
from tests.support.faults.signals import CLOSE, RAISE, interrupt_at_random
from tests.support.interpreter_kinds import EVERY_INTERPRETER_KIND, InterpreterKind, SleepRecorder

F = TypeVar("F")
PROCESSES = 2
MAX_SECONDS = 1800
TRANSPORTS = (httpcore, httpcore2, httptools)
CHAOS: dict[str, Callable[[], dict[str, float]]] = {
    **{
        f"cancellations, {backend}, {transport.__name__}": partial(cancel_at_random, backend, transport, 2500)
        for backend in ("asyncio", "trio")
        for transport in TRANSPORTS
    },
    **{
        f"signals that {manner}, {transport.__name__}": partial(interrupt_at_random, transport, count, action)
        for manner, count, action in (("raise", 1000, RAISE), ("close", 500, CLOSE))
        for transport in TRANSPORTS
    },
}
KINDS = {repr(kind): kind for kind in EVERY_INTERPRETER_KIND}


def run_part(name: str) -> dict[str, Any]:
    """Run the cases of one interpreter, or one kind of chaos."""
    gc.collect()
    gc.freeze()
    start = time.monotonic()
    found = CHAOS[name]() if name in CHAOS else _run_matrix(KINDS[name])
    return {"part": name, "seconds": round(time.monotonic() - start, 1), **found}


def _run_matrix(kind: InterpreterKind) -> dict[str, Any]:
    counts: dict[str, int] = {}
    failures: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        SleepRecorder(patch)
        for group, fault in _list_faults(GROUPS):
            for operation in fault.outcomes:
                counts[f"{group}/{operation}"] = counts.get(f"{group}/{operation}", 0) + 1
                with tempfile.TemporaryDirectory() as folder:
                    check = partial(check_case, fault, operation, kind, Path(folder))
                    failures += _find_failure(f"{fault.name}, {operation}", check)
        for group, live_fault in () if kind.is_sync else _list_faults(LIVE_GROUPS):
            counts[f"{group}/live"] = counts.get(f"{group}/live", 0) + 1
            failures += _find_failure(live_fault.name, partial(check_live_case, live_fault, kind))
    return {"counts": counts, "failures": failures}


def _list_faults(groups: Mapping[str, tuple[F, ...]]) -> Iterator[tuple[str, F]]:
    """List the faults of all groups, with the name of each one's group."""
    return ((group, fault) for group, faults in groups.items() for fault in faults)


def _find_failure(name: str, check: Callable[[], None]) -> list[str]:
    try:
        check()
    except Exception:  # reported at the end, with all others
        return [f"{name}: {traceback.format_exc(limit=-3)}"]
    return []


def _run_in_process(name: str) -> dict[str, Any]:
    warnings = ["-W", "error", *(["-W", "ignore::ResourceWarning"] if name.startswith("signals") else [])]
    process = subprocess.run(  # this module
        [sys.executable, *warnings, "-m", "tests.support.faults", name],
        capture_output=True,
        text=True,
        check=False,
        timeout=MAX_SECONDS,
    )
    if process.returncode:
        return {"part": name, "seconds": 0, "failures": [process.stderr[-2000:]]}
    found: dict[str, Any] = json.loads(process.stdout)
    print(f"{name}: {found['seconds']} s, {len(found.get('failures', []))} failures", file=sys.stderr, flush=True)  # noqa: T201  # a command
    return found


def _format_matrix(parts: list[dict[str, Any]]) -> str:
    """Format the numbers of faults and cases by kind of fault and operation."""
    operations = (*OPERATIONS, "live")
    totals: dict[str, int] = {}
    for part in parts:
        for name, count in part.get("counts", {}).items():
            totals[name] = totals.get(name, 0) + count
    lines = [f"| kind of fault | servers | {' | '.join(operations)} |", "|---|---|" + "---|" * len(operations)]
    for group, faults in {**GROUPS, **LIVE_GROUPS}.items():
        cells = [str(totals.get(f"{group}/{operation}", "")) for operation in operations]
        lines.append(f"| {group} | {len(faults)} | {' | '.join(cells)} |")
    servers = sum(map(len, (*GROUPS.values(), *LIVE_GROUPS.values())))
    sums = [str(sum(n for name, n in totals.items() if name.endswith(f"/{each}"))) for each in operations]
    return "\n".join(
        [*lines, f"| **all** | **{servers}** | {' | '.join(sums)} |", "", f"Cases: {sum(totals.values())}"]
    )


def _format_chaos(parts: list[dict[str, Any]]) -> str:
    lines = ["| what | how many | calls per second before | after |", "|---|---|---|---|"]
    for part in parts:
        if "counts" not in part and "calls per second before" in part:
            count = part.get("cancelled", part.get("interrupted"))
            before, after = part["calls per second before"], part["calls per second after"]
            lines.append(f"| {part['part']} | {count} | {before:.0f} | {after:.0f} |")
    return "\n".join(lines)


def main(names: list[str]) -> int:
    """Run the named parts, or all of them in processes of their own; return 1 if a case failed."""
    if names:
        for name in names:
            print(json.dumps(run_part(name)))  # noqa: T201  # a command
        return 0
    with ThreadPoolExecutor(PROCESSES) as pool:
        parts = list(pool.map(_run_in_process, (*KINDS, *CHAOS)))
    print(_format_matrix(parts), _format_chaos(parts), sep="\n\n")  # noqa: T201  # a command
    failures = [f"{part['part']}: {each}" for part in parts for each in part.get("failures", [])]
    print(*failures, f"{len(failures)} failures", sep="\n")  # noqa: T201  # a command
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
