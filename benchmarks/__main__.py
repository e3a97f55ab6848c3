"""``python -m benchmarks`` runs all benchmarks; ``python -m benchmarks imports encoding`` runs those two."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.environments import INSTALLED, UVLOOP, Contestant, make_contestants
from benchmarks.growth import CURVES, Curve, measure_growth
from benchmarks.http_server import Server, run_server
from benchmarks.plots import draw_growth, draw_ratios
from benchmarks.report import FULL_EFFORT, Effort, Row, format_json, format_table
from benchmarks.subjects import (
    calls,
    decoding,
    drawing,
    encoding,
    flows,
    imports,
    jobs,
    middleware,
    objects,
    sessions,
    streaming,
    tls,
    transfers,
)

Contestants = Mapping[str, Contestant]


def measure_rows(name: str, contestants: Contestants, effort: Effort, server: Server) -> Iterator[Row]:
    """Run a benchmark by its name."""
    if name in IN_THIS_PROCESS:
        return IN_THIS_PROCESS[name](effort)
    if name == "tls":
        return tls.measure(contestants, effort, choose_interpreter(contestants))
    if name in WITHOUT_SERVER:
        return WITHOUT_SERVER[name](contestants, effort)
    return WITH_SERVER[name](contestants, effort, server)


IN_THIS_PROCESS: Mapping[str, Callable[[Effort], Iterator[Row]]] = {
    "drawing": drawing.measure,
    "middleware": middleware.measure,
}
WITHOUT_SERVER: Mapping[str, Callable[[Contestants, Effort], Iterator[Row]]] = {
    "encoding": encoding.measure,
    "decoding": decoding.measure,
    "objects": objects.measure,
    "sessions": sessions.measure,
}
WITH_SERVER: Mapping[str, Callable[[Contestants, Effort, Server], Iterator[Row]]] = {
    "streaming": streaming.measure,
    "calls": calls.measure,
    "transfers": transfers.measure,
    "flows": flows.measure,
    "jobs": jobs.measure,
    "imports": imports.measure,
}
BENCHMARKS = (
    *("imports", "encoding", "decoding", "objects", "streaming", "calls", "tls"),
    *("transfers", "flows", "jobs", "sessions", "drawing", "middleware"),
)
GROWTH = "growth"


def choose_interpreter(contestants: Contestants) -> str:
    """Choose the interpreter of the server: the one with uvloop, where there is one."""
    return contestants[UVLOOP].interpreter if UVLOOP in contestants else sys.executable


def main() -> None:
    """Run benchmarks, print one table of the results, and write them as JSON and as plots."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = (*BENCHMARKS, GROWTH)
    default: list[str] = []  # argparse checks the default against the choices, too
    help_text = f"benchmarks to run: {', '.join(names)}; default: all"
    parser.add_argument("benchmarks", nargs="*", choices=[default, *names], metavar="benchmark", help=help_text)
    parser.add_argument("--effort", type=float, default=1.0, help="factor for the number of repetitions; default: 1.0")
    parser.add_argument("--rounds", type=int, help="turns of each contestant; default: by the effort, at most 9")
    parser.add_argument("--installed", action="store_true", help="leave out 3.6.1 and uvloop; make no environments")
    parser.add_argument("--without", action="append", default=[], metavar="NAME", help="a contestant to leave out")
    parser.add_argument("--output", type=Path, help="folder for results.json and the plots; default: none is written")
    given = parser.parse_args()
    everyone = dict(INSTALLED) if given.installed else make_contestants()
    contestants = {name: each for name, each in everyone.items() if name not in given.without}
    effort, chosen = FULL_EFFORT.scale_by(given.effort), given.benchmarks or names
    effort = replace(effort, rounds=given.rounds or effort.rounds)
    with run_server(choose_interpreter(contestants)) as server:
        rows = [
            row
            for name in BENCHMARKS
            if name in chosen
            for row in show_progress(measure_rows(name, contestants, effort, server))
        ]
        curves = list(measure_growth(contestants, effort, server)) if GROWTH in chosen else []
    if rows:
        print(format_table(rows))
    for curve in curves:
        print(curve.format())
    if given.output:
        write_results(given.output, rows, curves)


def show_progress(rows: Iterator[Row]) -> Iterator[Row]:
    """Print a dot to standard error for each row."""
    for row in rows:
        print(".", end="", file=sys.stderr, flush=True)
        yield row


def write_results(folder: Path, rows: list[Row], curves: list[Curve]) -> None:
    """Write the results as JSON, and the plots."""
    folder.mkdir(parents=True, exist_ok=True)
    results = format_json(rows, [each.to_json() for each in curves])
    (folder / "results.json").write_text(results, encoding="utf-8")
    if rows:
        (folder / "ratios.svg").write_text(draw_ratios(rows), encoding="utf-8")
    if len(curves) == len(CURVES):
        (folder / "growth.svg").write_text(draw_growth(curves), encoding="utf-8")


if __name__ == "__main__":
    main()
