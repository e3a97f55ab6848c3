"""
Compares two checkouts of this library: ``python -m benchmarks.compare BEFORE [AFTER]``, the folders of two trees.

Each measurement is the CPU time of a process of its own. The two trees alternate, so that a busy machine slows both,
and the table shows the median ratio of all pairs with the interval that contains its true value with 95 % probability.
"""

import argparse
import statistics
from pathlib import Path

from benchmarks.http_server import run_server
from benchmarks.isolated import run_isolated
from benchmarks.report import median_interval

_CALL = "generate('gemini-2.5-flash', 'Why is the sky blue?')"
_ASYNC_64 = """
import anyio, time
from genai_fn import AsyncHttp, Gemini, generate
async def main():
    async with AsyncHttp(Gemini(api_key='test-key', base_url=URL)) as run:
        left = iter(range(3000))
        async def work():
            for _ in left:
                (await run(CALL)).unwrap()
        async def round():
            async with anyio.create_task_group() as tasks:
                for _ in range(64):
                    tasks.start_soon(work)
        await run(CALL)
        started = time.process_time()
        await round()
        print(time.process_time() - started)
anyio.run(main, backend='BACKEND')
"""
SCENARIOS = {
    "import and build": """
import time
started = time.process_time()
from genai_fn import generate, text, with_config
generate('gemini-2.5-flash', 'hi') | with_config(temperature=0.1) | text
print(time.process_time() - started)
""",
    "build and encode": """
import time
from genai_fn import Gemini, encode, generate, with_config
backend = Gemini(api_key='test-key')
def once():
    encode(CALL | with_config(temperature=0.1, system_instruction='Be brief.', max_output_tokens=100), backend).unwrap()
for _ in range(200): once()
started = time.process_time()
for _ in range(10_000): once()
print(time.process_time() - started)
""",
    "sync call": """
import time
from genai_fn import Gemini, Http, generate
with Http(Gemini(api_key='test-key', base_url=URL)) as run:
    for _ in range(50): run(CALL).unwrap()
    started = time.process_time()
    for _ in range(1500): run(CALL).unwrap()
    print(time.process_time() - started)
""",
    "asyncio, 64 in flight": _ASYNC_64.replace("BACKEND", "asyncio"),
    "trio, 64 in flight": _ASYNC_64.replace("BACKEND", "trio"),
    "stream of 2,000 events": """
import time
from genai_fn import Gemini, Http, generate, streamed, text
with Http(Gemini(api_key='test-key', base_url=URL)) as run:
    def once():
        with run.stream(generate('events-2000', 'hi') | streamed | text) as items:
            assert sum(1 for _ in items) == 2000
    once()
    started = time.process_time()
    for _ in range(10): once()
    print(time.process_time() - started)
""",
}
"""What each process runs; it prints seconds of CPU."""


def main() -> None:
    """Print one line for each scenario."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path, nargs="?", default=Path.cwd())
    parser.add_argument("--pairs", type=int, default=20)
    given = parser.parse_args()
    with run_server() as server:
        for name, code in SCENARIOS.items():
            script = code.replace("URL", repr(server.url)).replace("CALL", _CALL)
            ratios = [ratio_of_pair(script, given.before, given.after, number) for number in range(given.pairs)]
            low, high = median_interval(ratios)
            print(f"{name:24} {statistics.median(ratios):.3f}  ({low:.3f} to {high:.3f})", flush=True)


def ratio_of_pair(script: str, before: Path, after: Path, number: int) -> float:
    """Measure both trees, every other time in the other order."""
    order = (before, after) if number % 2 else (after, before)
    seconds = {tree: measure_cpu(script, tree) for tree in order}
    return seconds[after] / seconds[before]


def measure_cpu(script: str, tree: Path) -> float:
    """Run a scenario with one tree, and return the seconds that it prints."""
    (seconds,) = run_isolated(script, folder=tree)
    return seconds


if __name__ == "__main__":
    main()
