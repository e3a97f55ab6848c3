"""Time and memory of 100,000 API values."""

from collections.abc import Iterator
from functools import partial

from benchmarks.isolated import DEFINE_RSS, run_isolated
from benchmarks.report import Effort, Row, compare_columns

_OURS = """
from genai_fn.schema import Content, Part
build = lambda n: Content(role='user', parts=(Part(text=str(n)),))
"""
_THEIRS = """
from google.genai.types import Content, Part
build = lambda n: Content(role='user', parts=[Part(text=str(n))])
"""
_LIMIT = """
import msgspec
from genai_fn import schema
def define_bare_struct(kind):
    members = [(name, object, None) for name in kind.__struct_fields__]
    return msgspec.defstruct(kind.__name__, members, frozen=True, gc=False, kw_only=True)
Content, Part = define_bare_struct(schema.Content), define_bare_struct(schema.Part)
build = lambda n: Content(role='user', parts=(Part(text=str(n)),))
"""
_MEASURE = """
import gc, sys, time
build(0)
gc.collect()
before, started = rss(), time.process_time()
values = [build(n) for n in range(int(sys.argv[1]))]
print(1e3 * (time.process_time() - started), rss() - before)
"""


def measure(effort: Effort) -> Iterator[Row]:
    """Values are created by constructors, in a new process each; the limit is bare Structs with the same fields."""
    count = effort.scale_count(100_000)
    times, memory = compare_columns(
        {name: partial(_create_values, setup, count) for name, setup in _SETUPS.items()}, effort.rounds
    )
    yield Row(f"create {count:,} Content", "ms of CPU", times, of_theirs=0.035, of_limit=1.1)
    yield Row(f"memory of {count:,} Content", "MiB", memory, of_theirs=0.26, of_limit=1.1)


_SETUPS = {"ours": _OURS, "theirs": _THEIRS, "limit": _LIMIT}


def _create_values(setup: str, count: int) -> list[float]:
    return run_isolated(DEFINE_RSS + setup + _MEASURE, str(count))
