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
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.cases import Case, Task
from benchmarks.environments import HTTPCORE, ROOT, UVLOOP, Contestant
from benchmarks.http_server import Server
from benchmarks.report import Effort, Row

_SECONDS = {"s": 1.0, "ms": 1e3, "µs": 1e6, "MiB": 1.0}


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


@contextmanager
def run_workers(contestants: Mapping[str, Contestant], **environ: str) -> Generator[dict[str, Worker]]:
    """Context manager: start a process for each contestant."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(_run_worker(each, environ)) for name, each in contestants.items()}


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
            yield from _measure_case(module.__name__, name, case, _choose_workers(case, workers), effort, server)


def _choose_workers(case: Case, workers: Mapping[str, Worker]) -> dict[str, Worker]:
    return {
        name: worker
        for name, worker in workers.items()
        if worker.contestant.role in case.run
        and (case.has_httpcore or case.httpcore_goal is not None or name != HTTPCORE)
        and (case.has_uvloop or not worker.contestant.uses_uvloop)
    }


def _measure_case(
    module: str, name: str, case: Case, workers: Mapping[str, Worker], effort: Effort, server: Server | str
) -> Iterator[Row]:
    samples: dict[str, list[float]] = {each: [] for each in workers}
    server_times: list[float] = []
    url = server.url if isinstance(server, Server) else server
    for _ in range(effort.rounds):
        for each, worker in workers.items():
            settings = {"http1": worker.contestant.http1, "uses_uvloop": worker.contestant.uses_uvloop}
            task = case.build_task(worker.contestant.role, effort.scale, url, **settings)
            before = server.read_usage() if isinstance(server, Server) else None
            measured = worker.run(module, name, task)[case.kind]
            times = 1 if case.kind == "peak" else task.count
            samples[each].append(measured / times * _SECONDS[case.unit])
            if isinstance(server, Server) and before and each == "ours":
                server_times.append(server.read_usage().compute_time_since(before) * 1e6)
    rows = {name: ("ours", case.goal), f"{name}, httpcore": (HTTPCORE, case.httpcore_goal)}
    rows[f"{name}, uvloop"] = (UVLOOP, None)
    others = {each: samples[each] for each in samples if not each.startswith("ours")}
    for title, (ours, goal) in rows.items():
        if ours in samples:
            is_main = ours == "ours"
            bounds = (case.raw_goal, case.at_most) if is_main else (None, None)
            busy = server_times if is_main and case.needs_server and case.unit == "µs" else []
            yield Row(title, case.unit, {"ours": samples[ours], **others}, goal, *bounds, server=busy)


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
