"""The table of all harnesses. A harness takes bytes, and raises an exception only for a defect."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.fuzz.service_harnesses import SERVICE_HARNESSES
from tests.fuzz.stored_harnesses import STORED_HARNESSES
from tests.fuzz.value_harnesses import VALUE_HARNESSES
from tests.fuzz.wire_harnesses import WIRE_HARNESSES

__all__ = ["HARNESSES", "SEEDS", "read_seeds"]

HARNESSES: Mapping[str, Callable[[bytes], None]] = {
    each.__name__.removeprefix("fuzz_"): each
    for each in (*WIRE_HARNESSES, *VALUE_HARNESSES, *STORED_HARNESSES, *SERVICE_HARNESSES)
}
"""Name → harness; the folder of its seeds has the same name."""

SEEDS = Path(__file__).parent / "seeds"


def read_seeds(name: str) -> dict[str, bytes]:
    """Return the seeds of a harness by the names of their files."""
    return {path.name: path.read_bytes() for path in sorted((SEEDS / name).iterdir())}
