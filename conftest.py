"""Settings shared by all tests and examples: a clean environment and deterministic Hypothesis examples."""

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.support.markdown_pages",  # runs README and the tutorial
    "tests.support.small_tokenizers",  # for doctests
]

settings.register_profile(
    "house",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],  # the machine may be slow
)
settings.load_profile("house")

for name in tuple(os.environ):
    if name.lower().endswith("_proxy") or name.startswith(("GOOGLE_", "GEMINI_", "GCE_METADATA_")):
        del os.environ[name]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that finds a test that leaves a resource open."""
    parser.addoption(
        "--collect-garbage",
        action="store_true",
        help="collect garbage after each test, so that a resource left open fails the test that opened it",
    )


@pytest.fixture(scope="module")
def _imported(request: pytest.FixtureRequest) -> None:
    """Exclude existing objects from garbage collection, so that each later collection takes milliseconds."""
    if request.config.getoption("--collect-garbage"):
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True)
def _garbage(request: pytest.FixtureRequest, _imported: None) -> Iterator[None]:
    """With ``--collect-garbage``, collect garbage after each test, while its warnings still count as the test's."""
    yield
    if request.config.getoption("--collect-garbage"):
        gc.collect()
