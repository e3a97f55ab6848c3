"""``python -m benchmarks`` asks every question; ``python -m benchmarks imports encoding`` asks those alone."""

import argparse

from benchmarks import calls, decoding, drawing, encoding, imports, objects, sessions, streaming
from benchmarks.report import FULL, table

QUESTIONS = {
    "imports": imports.ask,
    "encoding": encoding.ask,
    "decoding": decoding.ask,
    "objects": objects.ask,
    "streaming": streaming.ask,
    "calls": calls.ask,
    "sessions": sessions.ask,
    "drawing": drawing.ask,
}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    none: list[str] = []  # argparse holds the default against the choices, too
    asked = f"which of {', '.join(QUESTIONS)}; all, if none is named"
    parser.add_argument("questions", nargs="*", choices=[none, *QUESTIONS], metavar="question", help=asked)
    parser.add_argument("--effort", type=float, default=1.0, help="scales how often everything is repeated")
    given = parser.parse_args()
    print(table(row for name in given.questions or QUESTIONS for row in QUESTIONS[name](FULL.scaled(given.effort))))


if __name__ == "__main__":
    main()
