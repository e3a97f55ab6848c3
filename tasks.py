"""
Development tasks, one command each: ``python tasks.py lint types``.

lint, types, test, cover, docs, bench, scaling, faults and jobs use the Python that runs this file, which needs the
extra ``dev``. CI runs the same tasks. lock and floor need ``uv`` on the path: lock regenerates requirements.lock, floor
runs the tests with the oldest versions that pyproject.toml allows. oracle installs google-genai 3.6.1 in an environment
of its own, since it cannot be installed beside 1.51.0, and captures again what it does. bench does the same to measure
it on aiohttp, and uvloop in another, and writes docs/benchmarks. fuzz installs atheris in an environment of its own, as
it exists for Linux and macOS only. site builds the documentation site in build/site, with Zensical in an environment of
its own. foreign installs other clients of the API, each in an environment of its own, and needs npm and Node.js for two
of them. jobs kills an embedding job 200 times, one through batch jobs 60 times, and ends jobs at every step. engines
runs the programs of docs/embedding-clusters.md on a local Ray and a local Daft, each in an environment of its own. They
are in no lock file, as Daft excludes newer versions of pyarrow. wheels builds the sdist and the wheel, and tries the
wheel in bare environments on each Python that this machine has.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent
ENVIRONMENTS = Path(tempfile.gettempdir()) / "genai-fn-environments"
HERE = (sys.executable, "-m")
LATER = ("3.12", "3.13")
CANCELLATIONS = (
    "tests/cancellation",
    "tests/interpreters/live/test_cancellation.py",
    "tests/interpreters/net/pool/test_cancel.py",
    "tests/middleware/test_conformance.py",
    "tests/middleware/test_stacks.py",
)
PARALLEL = ("--numprocesses", "3", "--dist", "worksteal")
"""Some tests wait, so there are more workers than cores of a small machine; none ends long before the others."""


def test_in(python: str, *install: str) -> tuple[tuple[str, ...], ...]:
    """Return the commands that run the tests in a new virtual environment."""
    folder = ENVIRONMENTS / (python if python in LATER else "floor")
    interpreter = str(folder / "bin" / "python")
    return (
        ("uv", "venv", "--quiet", "--clear", "--python", python, str(folder)),
        ("uv", "pip", "install", "--quiet", "--python", interpreter, *install, "--editable", ".[dev]"),
        (interpreter, "-m", "pytest", "--quiet", *PARALLEL),
    )


def capture_in(requirement: str) -> tuple[tuple[str, ...], ...]:
    """Return the commands that install a release of google-genai in a new environment, and capture what it does."""
    folder = ENVIRONMENTS / requirement
    interpreter = str(folder / "bin" / "python")
    return (
        (*HERE, "venv", "--clear", str(folder)),
        (interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement),
        (interpreter, "tests/support/google_genai_3_6_1/capture.py"),
    )


def build_site_with(*install: str) -> tuple[tuple[str, ...], ...]:
    """Return the commands that gather the pages, and build the site in a new environment. Warnings are errors."""
    folder = ENVIRONMENTS / "site"
    return (
        (*HERE, "docs.site_pages.write_pages"),
        (*HERE, "venv", "--clear", str(folder)),
        (str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *install),
        (str(folder / "bin" / "python"), "-m", "zensical", "build", "--clean", "--strict"),
        (*HERE, "docs.site_pages.copy_markdown"),
    )


def fuzz_in(*install: str) -> tuple[tuple[str, ...], ...]:
    """Return the commands that run the fuzzer in a new environment."""
    folder = ENVIRONMENTS / "fuzz"
    interpreter = str(folder / "bin" / "python")
    return (
        (*HERE, "venv", "--clear", str(folder)),
        (interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *install),
        (interpreter, "-m", "tests.fuzz"),
    )


TASKS: dict[str, tuple[tuple[str, ...], ...]] = {
    "lint": ((*HERE, "ruff", "check", "."), (*HERE, "ruff", "format", "--check", ".")),
    "types": ((*HERE, "mypy"), (*HERE, "pyright", "--pythonpath", sys.executable)),
    "test": ((*HERE, "pytest", *PARALLEL),),
    "cover": ((*HERE, "pytest", "--quiet", *PARALLEL, "--cov", "--cov-report=term:skip-covered"),),
    "docs": (
        (*HERE, "docs.write_operations"),
        (*HERE, "docs.write_types"),
        (*HERE, "pytest", "README.md", "docs"),
    ),
    "bench": ((*HERE, "benchmarks", "--output", "docs/benchmarks"),),
    "scaling": ((*HERE, "benchmarks.scaling"),),
    "faults": (
        (*HERE, "tests.support.faults"),
        *((*HERE, "tests.support.cancellation.interrupted_lines", http1, "all") for http1 in ("httptools", "httpcore")),
        *(
            (*HERE, "tests.support.cancellation.interrupt_points", manner, http1, "all")
            for http1 in ("httptools", "httpcore")
            for manner in ("raise", "close")
        ),
        (*HERE, "pytest", "--quiet", *PARALLEL, "--exhaustive", *CANCELLATIONS),
    ),
    "jobs": (
        (*HERE, "tests.support.job_kills"),
        (*HERE, "tests.support.batch_kills", "60"),
        (*HERE, "pytest", "--quiet", "--exhaustive", "tests/jobs"),
    ),
    "lock": (
        (
            *("uv", "pip", "compile", "pyproject.toml", "--extra", "dev", "--universal", "--python-version", "3.11"),
            *("--no-header", "--no-annotate", "--no-emit-index-url", "--quiet", "--upgrade", "-o", "requirements.lock"),
        ),
    ),
    "oracle": capture_in("google-genai==3.6.1"),
    "fuzz": fuzz_in("atheris>=3.0", "--editable", ".[fast,testing]"),
    "engines": ((*HERE, "tests.engines"),),
    "site": build_site_with("zensical==0.0.73", "mkdocstrings-python==2.0.11", "ruff==0.17.6"),
    "foreign": ((*HERE, "tests.foreign"),),
    "wheels": ((*HERE, "tests.support.wheels"),),
    "floor": test_in(sys.executable, "--resolution", "lowest-direct"),
    "pythons": tuple(each for version in LATER for each in test_in(version, "--constraint", "requirements.lock")),
}


def main(names: list[str]) -> int:
    """Run the named tasks in order, up to the first that fails; return its status."""
    if not names or not TASKS.keys() >= set(names):
        print(f"usage: python tasks.py {' | '.join(TASKS)} …", file=sys.stderr)  # noqa: T201  # a command
        return 2
    for command in (each for name in names for each in TASKS[name]):
        print("$", *command, flush=True)  # noqa: T201  # a command
        if status := subprocess.run(command, cwd=ROOT, check=False).returncode:  # noqa: S603  # from the table above
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
