"""``python -m benchmarks`` runs all benchmarks; ``python -m benchmarks imports encoding`` runs those two."""

import argparse

from benchmarks import calls, decoding, drawing, encoding, imports, objects, sessions, streaming
from benchmarks.report import FULL_EFFORT, format_table

BENCHMARKS = {
    "imports": imports.measure,
    "encoding": encoding.measure,
    "decoding": decoding.measure,
    "objects": objects.measure,
    "streaming": streaming.measure,
    "calls": calls.measure,
    "sessions": sessions.measure,
    "drawing": drawing.measure,
}


def main() -> None:
    """Run benchmarks and print one table of the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    default: list[str] = []  # argparse checks the default against the choices, too
    help_text = f"benchmarks to run: {', '.join(BENCHMARKS)}; default: all"
    parser.add_argument("benchmarks", nargs="*", choices=[default, *BENCHMARKS], metavar="benchmark", help=help_text)
    parser.add_argument("--effort", type=float, default=1.0, help="factor for the number of repetitions; default: 1.0")
    arguments = parser.parse_args()
    effort = FULL_EFFORT.scale_by(arguments.effort)
    print(format_table(row for name in arguments.benchmarks or BENCHMARKS for row in BENCHMARKS[name](effort)))


if __name__ == "__main__":
    main()
