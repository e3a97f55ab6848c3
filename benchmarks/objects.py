"""What do 100,000 values of the API cost, in time and in memory?"""

from collections.abc import Iterator
from functools import partial

from benchmarks.alone import RSS, numbers
from benchmarks.report import Effort, Row, compared_each

_OURS = """
from genai_fn.schema import Content, Part
make = lambda n: Content(role='user', parts=(Part(text=str(n)),))
"""
_THEIRS = """
from google.genai.types import Content, Part
make = lambda n: Content(role='user', parts=[Part(text=str(n))])
"""
_LIMIT = """
import msgspec
from genai_fn import schema
def bare(kind):
    members = [(name, object, None) for name in kind.__struct_fields__]
    return msgspec.defstruct(kind.__name__, members, frozen=True, gc=False, kw_only=True)
Content, Part = bare(schema.Content), bare(schema.Part)
make = lambda n: Content(role='user', parts=(Part(text=str(n)),))
"""
_REST = """
import gc, sys, time
make(0)
gc.collect()
before, started = rss(), time.process_time()
kept = [make(n) for n in range(int(sys.argv[1]))]
print(1e3 * (time.process_time() - started), rss() - before)
"""


def ask(effort: Effort) -> Iterator[Row]:
    """Made by their constructors, each in a process of its own; the limit is bare Structs with the same fields."""
    count = effort.times(100_000)
    taken, held = compared_each({name: partial(_made, setup, count) for name, setup in _SETUPS.items()}, effort.rounds)
    yield Row(f"create {count:,} Content", "ms of CPU", taken, of_theirs=0.035, of_limit=1.1)
    yield Row(f"hold {count:,} Content", "MiB", held, of_theirs=0.26, of_limit=1.1)


_SETUPS = {"ours": _OURS, "theirs": _THEIRS, "limit": _LIMIT}


def _made(setup: str, count: int) -> list[float]:
    return numbers(RSS + setup + _REST, str(count))
