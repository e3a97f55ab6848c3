"""Runs the engines: ``python -m tests.engines [--keep] [ray] [daft]``. The exit status is 1 if a check fails."""

import argparse
import sys

from tests.engines.checks import check_engine
from tests.engines.environments import ENGINES, prepare_environment


def main() -> None:
    """Check the named engines, or both, one after another."""
    parser = argparse.ArgumentParser(prog="python -m tests.engines", description="Embed on Ray Data and Daft.")
    default: list[str] = []  # argparse checks the default against the choices, too
    parser.add_argument("engines", nargs="*", choices=[default, *ENGINES], metavar="engine", help=", ".join(ENGINES))
    parser.add_argument("--keep", action="store_true", help="use the environments of an earlier run")
    given = parser.parse_args()
    for engine in given.engines or ENGINES:
        print(f"— {engine}", flush=True)  # noqa: T201  # a command
        check_engine(engine, prepare_environment(engine, keep=given.keep))


if __name__ == "__main__":
    sys.exit(main())
