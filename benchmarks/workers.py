"""
Worker processes: one a contestant, which waits idly until the others have had their turn.

The child reads a task a line from standard input, as JSON, and writes its measurement. It ends with its parent.
"""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.cases import Case, Task
from benchmarks.environments import HTTPCORE, OURS, ROOT, UVLOOP, Contestant
from benchmarks.http_server import Server
from benchmarks.report import Effort, Row

_FACTORS = {"s": 1.0, "ms": 1e3, "µs": 1e6, "MiB": 1.0}


@dataclass(frozen=True)
class Worker:
    """The process of a contestant."""

    contestant: Contestant
    process: "subprocess.Popen[str]"

    def run(self, module: str, name: str, task: Task) -> Mapping[str, float]:
        """Run a case once in the process, and return ``cpu``, ``wall`` and ``peak``."""
        assert self.process.stdin
        assert self.process.stdout
        fields = {key: value for key, value in asdict(task).items() if key not in _MEASURED}
        order = {"module": module, "name": name, "role": self.contestant.role, "task": fields}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{name}: the process of {self.contestant} ended with {self.process.wait(60)}")
        measured: dict[str, float] = json.loads(line)
        return measured


class _KeptWorkers:
    """Workers that later benchmarks use again."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._workers: dict[Contestant, Worker] = {}

    def get(self, contestant: Contestant) -> Worker:
        """Return the worker of a contestant; start it if there is none, or it has ended."""
        worker = self._workers.get(contestant)
        if worker is None or worker.process.poll() is not None:
            worker = self._workers[contestant] = self._stack.enter_context(_run_worker(contestant, {}))
        return worker


_KEPT: ContextVar[_KeptWorkers | None] = ContextVar("_KEPT", default=None)


@contextmanager
def keep_workers() -> Generator[None]:
    """
    Context manager: later benchmarks use the workers of earlier ones again, so that each imports its library once.

    It is for tests only, as a process that has run other cases is no fair contestant.
    """
    with ExitStack() as stack:
        token = _KEPT.set(_KeptWorkers(stack))
        try:
            yield
        finally:
            _KEPT.reset(token)


@contextmanager
def run_workers(contestants: Mapping[str, Contestant], **environ: str) -> Generator[dict[str, Worker]]:
    """Context manager: start a process for each contestant."""
    kept = None if environ else _KEPT.get()
    with ExitStack() as stack:
        yield {
            name: kept.get(each) if kept else stack.enter_context(_run_worker(each, environ))
            for name, each in contestants.items()
        }


@contextmanager
def _run_worker(contestant: Contestant, environ: Mapping[str, str]) -> Generator[Worker]:
    command = [contestant.interpreter, "-m", "benchmarks.workers"]
    inherited = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env={**inherited, **environ}, **pipes) as process:
        try:
            yield Worker(contestant, process)
        finally:
            assert process.stdin
            process.stdin.close()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:  # after an error, in the middle of a sample
                process.kill()


def measure_cases(
    module: Any, contestants: Mapping[str, Contestant], effort: Effort, server: Server | str = "", **environ: str
) -> Iterator[Row]:
    """
    Measure the cases of a module, all contestants in turns; yield the rows of each.

    Args:
        module: Module of cases.

        contestants: Who takes part.

        effort: Rounds and repetitions.

        server: The server on loopback, whose CPU time is measured as well, or only the URL of one.

        environ: Further environment variables of the contestants.
    """
    cases: Mapping[str, Case] = module.CASES
    with run_workers(contestants, **environ) as workers:
        for name, case in cases.items():
            chosen = _choose_workers(case, workers)
            samples, busy = _take_samples(module, name, chosen, effort=effort, server=server)
            yield from _build_rows(name, case, samples, busy)


def _choose_workers(case: Case, workers: Mapping[str, Worker]) -> dict[str, Worker]:
    return {
        name: worker
        for name, worker in workers.items()
        if worker.contestant.role in case.run
        and (case.has_httpcore or case.httpcore_goal is not None or name != HTTPCORE)
        and (case.has_uvloop or not worker.contestant.uses_uvloop)
    }


def _take_samples(
    module: Any, name: str, workers: Mapping[str, Worker], *, effort: Effort, server: Server | str
) -> tuple[dict[str, list[float]], list[float]]:
    """Return the samples of each contestant, and the CPU microseconds that the server took for a request of ours."""
    case: Case = module.CASES[name]
    samples: dict[str, list[float]] = {each: [] for each in workers}
    busy: list[float] = []
    for _ in range(effort.rounds):
        for each, worker in workers.items():
            contestant = worker.contestant
            settings = {"http1": contestant.http1, "uses_uvloop": contestant.uses_uvloop}
            url = server.url if isinstance(server, Server) else server
            task = case.build_task(contestant.role, effort.scale, url, **settings)
            before = server.read_usage() if isinstance(server, Server) else None
            measured = worker.run(module.__name__, name, task)[case.kind]
            times = 1 if case.kind == "peak" else task.count
            samples[each].append(measured / times * _FACTORS[case.unit])
            if isinstance(server, Server) and before and each == OURS:
                busy.append(server.read_usage().compute_time_since(before) * 1e6)
    return samples, busy


def _build_rows(name: str, case: Case, samples: Mapping[str, list[float]], busy: list[float]) -> Iterator[Row]:
    """Build the row of a case, and those of our variants, compared with the same others."""
    others = {each: taken for each, taken in samples.items() if not each.startswith(OURS)}
    server = busy if case.needs_server and case.unit == "µs" else []
    yield Row(name, case.unit, {OURS: samples[OURS], **others}, case.goal, case.raw_goal, case.at_most, server)
    for variant, goal in ((HTTPCORE, case.httpcore_goal), (UVLOOP, None)):
        if variant in samples:
            title = name + variant.removeprefix(OURS)
            yield Row(title, case.unit, {OURS: samples[variant], **others}, goal)


# The child process

_MEASURED = ("cpu", "wall", "peak")


def _work() -> None:
    """Run tasks until the parent closes standard input. Nothing else may write to standard output."""
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        order = json.loads(line)
        task = Task(**order["task"])
        importlib.import_module(order["module"]).CASES[order["name"]].run[order["role"]](task)
        print(json.dumps({name: getattr(task, name) for name in _MEASURED}), file=answers, flush=True)


if __name__ == "__main__":
    _work()
