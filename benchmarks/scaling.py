"""
How the time of readers and combinators grows with the size of their input: ``python tasks.py scaling``.

Each runs at 1, 2, 4 and 8 times a size. A factor over 2.6 for a doubling is reported: it is not linear.
"""

import gc
import sys
import time
from collections.abc import Callable

from benchmarks.scaling_combinators import COMBINATORS
from benchmarks.scaling_readers import READERS
from genai_fn.values import Value

SUBJECTS = {**READERS, **COMBINATORS}
MAX_FACTOR = 2.6
_DOUBLINGS = 3
_ROUNDS = 5


class Curve(Value):
    """The CPU times in seconds of one subject at 1, 2, 4 and 8 times a size."""

    name: str
    size: int
    seconds: tuple[float, ...]

    @property
    def factors(self) -> tuple[float, ...]:
        """By how much each doubling of the size multiplies the time."""
        return tuple(after / before for before, after in zip(self.seconds, self.seconds[1:], strict=False))

    @property
    def is_linear(self) -> bool:
        """Whether no doubling takes more than 2.6 times the time."""
        return max(self.factors) <= MAX_FACTOR


def measure_curve(name: str, size: int, build: Callable[[int], Callable[[], object]], rounds: int = _ROUNDS) -> Curve:
    """Measure a subject; the shortest time of several rounds counts, as other programs only add to it."""
    runs = [build(size * 2**doubling) for doubling in range(_DOUBLINGS + 1)]
    best = [float("inf")] * len(runs)
    for _ in range(rounds):
        for position, run in enumerate(runs):
            best[position] = min(best[position], _measure_once(run))
    return Curve(name, size, tuple(max(each, 1e-9) for each in best))


def _measure_once(run: Callable[[], object]) -> float:
    """Measure without garbage collection, as ``timeit`` does: it takes time for all objects that there are."""
    gc.disable()
    try:
        start = time.process_time()
        run()
        return time.process_time() - start
    finally:
        gc.enable()


def format_curve(curve: Curve) -> str:
    """Format a curve as a row of a Markdown table."""
    times = " | ".join(f"{seconds * 1000:.2f}" for seconds in curve.seconds)
    factor = max(curve.factors)
    return (
        f"| {curve.name} | {curve.size:,} | {times} | {f'{factor:.1f}' if curve.is_linear else f'**{factor:.1f}**'} |"
    )


def main() -> None:
    """Print a table, each row as soon as it is measured, and the names of what is not linear."""
    print("| what | size | ms | ms at twice | ms at 4 times | ms at 8 times | largest factor |")
    print("|---|---|---|---|---|---|---|")
    slow: list[str] = []
    for name, (size, build) in SUBJECTS.items():
        curve = measure_curve(name, size, build)
        print(format_curve(curve), flush=True)
        slow += [] if curve.is_linear else [curve.name]
    print(f"\nover {MAX_FACTOR}: {', '.join(slow) or 'none'}", file=sys.stderr)


if __name__ == "__main__":
    main()
