"""Settings shared by all tests and examples: a clean environment and deterministic Hypothesis examples."""

import gc
import os
import signal
import sys
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.support.markdown_pages",  # runs README and the tutorial
    "tests.support.small_tokenizers",  # for doctests
    "tests.support.thinned_sweeps",
]

collect_ignore = ["docs/site_pages/griffe_extension.py"]  # griffe is only in the environment of the site

settings.register_profile(
    "house",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],  # the machine may be slow
)
settings.load_profile("house")

# Workers and the programs that tests start import the same modules: one of them compiles a module for all
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

for name in tuple(os.environ):
    if name.lower().endswith("_proxy") or name.startswith(("GOOGLE_", "GEMINI_", "GCE_METADATA_")):
        del os.environ[name]


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell starts what runs in the background so; tests send it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that finds a test that leaves a resource open."""
    parser.addoption(
        "--collect-garbage",
        action="store_true",
        help="collect garbage after each test, so that a resource left open fails the test that opened it",
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """
    Exclude the collected tests from garbage collection, which would visit them all again and again.

    A full collection then takes milliseconds in place of a second.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    """Register the garbage collection after each test, if the option is set."""
    if config.getoption("--collect-garbage"):
        config.pluginmanager.register(_GarbageCollection())


class _GarbageCollection:
    """A plugin that collects garbage after each test, while its warnings still count as the test's."""

    @pytest.fixture(autouse=True)
    def _garbage(self) -> Iterator[None]:
        yield
        gc.collect()
