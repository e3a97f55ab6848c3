"""What every test and every example starts from: no word of the environment, and the same examples each time."""

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

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
    """Add the option that finds the test that left something open."""
    parser.addoption(
        "--collect-garbage",
        action="store_true",
        help="collect garbage after each test, so that a resource left open fails the test that opened it",
    )


@pytest.fixture(scope="module")
def _imported(request: pytest.FixtureRequest) -> None:
    """Exempt what was there before a module from the collections that follow: each then takes milliseconds."""
    if request.config.getoption("--collect-garbage"):
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True)
def _garbage(request: pytest.FixtureRequest, _imported: None) -> Iterator[None]:
    """With ``--collect-garbage``, collect what the test left, while pytest still counts its warnings as the test's."""
    yield
    if request.config.getoption("--collect-garbage"):
        gc.collect()
