"""Time and memory of 100,000 API values."""

from collections.abc import Iterator, Mapping
from functools import partial

from benchmarks.environments import Contestant
from benchmarks.isolated import DEFINE_RSS, run_isolated, sample_columns
from benchmarks.report import Effort, Row

_OURS = """
from genai_fn.schema import Content, Part
build = lambda n: Content(role='user', parts=(Part(text=str(n)),))
"""
_THEIRS = """
from google.genai.types import Content, Part
build = lambda n: Content(role='user', parts=[Part(text=str(n))])
"""
_RAW = """
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


def measure(contestants: Mapping[str, Contestant], effort: Effort) -> Iterator[Row]:
    """Values are created by constructors, in a new process each; the bare tools are Structs with the same fields."""
    count = effort.scale_count(100_000)
    samples = {
        name: partial(_create_values, _SETUPS[each.role], count, each.interpreter)
        for name, each in contestants.items()
        if not name.startswith("ours, ")
    }
    times, memory = sample_columns(samples, effort.rounds)
    yield Row("create 100,000 Content", "ms", times, raw_goal=1.1)
    yield Row("memory of 100,000 Content", "MiB", memory, raw_goal=1.1)


_SETUPS = {"ours": _OURS, "theirs": _THEIRS, "raw": _RAW}


def _create_values(setup: str, count: int, interpreter: str) -> list[float]:
    return run_isolated(DEFINE_RSS + setup + _MEASURE, str(count), interpreter=interpreter)
