"""
Runs the fuzzer: ``python -m tests.fuzz [--seconds 60] [--keep FOLDER] [harness …]``.

With atheris it is guided by the coverage of the package, otherwise it mutates the seeds. Each harness runs in a process
of its own, with limits of 20 seconds and 2 GiB for one input. An input that fails is written to the folder, and shown.
"""

import argparse
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LIMITS = ("-timeout=20", "-rss_limit_mb=2048", "-max_len=4096", "-print_final_stats=1", "-verbosity=0")


def main() -> int:
    """Run the named harnesses, or all of them one after another; return 1 if one has failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the readers of foreign data.")
    parser.add_argument("harnesses", nargs="*", help="names of harnesses; all of them by default")
    parser.add_argument("--seconds", type=int, default=60, help="time for each harness")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "genai-fn-fuzz", help="folder")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        return _fuzz_harness(given.only, given.seconds, given.keep)
    from tests.fuzz.harnesses import HARNESSES  # atheris instruments the package while it is imported

    how = "atheris" if find_spec("atheris") else "mutation of the seeds, as atheris is not installed"
    print(f"fuzzing by {how}; inputs are kept in {given.keep}", flush=True)  # noqa: T201  # a command
    failed = [
        name for name in given.harnesses or HARNESSES if _run_process(name, given.seconds, given.keep) not in (0, None)
    ]
    print(f"failed: {', '.join(failed) or 'none'}")  # noqa: T201  # a command
    return int(bool(failed))


def _run_process(name: str, seconds: int, keep: Path) -> int:
    command = (sys.executable, "-m", "tests.fuzz", "--only", name, "--seconds", str(seconds), "--keep", str(keep))
    print(f"— {name}", flush=True)  # noqa: T201  # a command
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _fuzz_harness(name: str, seconds: int, keep: Path) -> int:
    found, failures = keep / "corpus" / name, keep / "failures" / name
    for folder in (found, failures):
        folder.mkdir(parents=True, exist_ok=True)
    return (_fuzz_guided if find_spec("atheris") else _fuzz_by_mutation)(name, seconds, found, failures)


def _fuzz_guided(name: str, seconds: int, found: Path, failures: Path) -> int:
    import atheris  # type: ignore[import-not-found]  # optional

    with atheris.instrument_imports(include=["genai_fn"]):
        from tests.fuzz.harnesses import HARNESSES, SEEDS
        from tests.fuzz.mutation import mutate_guided

    options = (*_LIMITS, f"-max_total_time={seconds}", f"-artifact_prefix={failures}/")

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        return mutate_guided(data, max_size, seed, atheris.Mutate)  # which Fuzz() replaces

    arguments = [name, *options, f"-dict={SEEDS / 'tokens.dict'}", str(found), str(SEEDS / name)]
    atheris.Setup(arguments, HARNESSES[name], custom_mutator=mutate)
    atheris.Fuzz()  # ends the process
    return 0


def _fuzz_by_mutation(name: str, seconds: int, found: Path, failures: Path) -> int:
    from tests.fuzz.harnesses import HARNESSES, read_seeds  # as above
    from tests.fuzz.mutation import run_mutations

    count, failed = run_mutations(HARNESSES[name], list(read_seeds(name).values()), seconds)
    print(f"  {count} inputs")  # noqa: T201  # a command
    if failed is None:
        return 0
    path = failures / "input"
    path.write_bytes(failed)
    print(f"  failed, see {path}: {failed[:200]!r}")  # noqa: T201  # a command
    HARNESSES[name](failed)
    return 1


if __name__ == "__main__":
    sys.exit(main())
