"""
Kills an embedding job again and again by ``SIGKILL``, and checks that its output is that of an undisturbed run.

``python -m tests.support.job_kills --texts 20000 --kills 200`` serves embeddings on a loopback socket, and starts the
job in a process of its own. A kill comes a moment after a request, or at a change to a file: in a write, and between a
write, a rename and the manifest. At the end it prints how many texts were sent twice, and the bound.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from genai_fn import Gemini, Http
from genai_fn.jobs import EmbeddingJob, batch_flow
from genai_fn.jobs.output import batch_states, disk, folder, journal
from tests.support.embedding_jobs import REFUSED, EmbeddingScript, make_job, read_files
from tests.support.loopback import Answer, Loopback, ReceivedRequest

STEPS = ("append_bytes", "sync_file", "sync_folder", "replace_file", "remove_file", "truncate_file")
CONCURRENCY = 4
BATCH_SIZE = 20
SHARD_ROWS = 512


def build_job(count: int, output: Path) -> EmbeddingJob:
    """Build the job: some texts occur twice, one of 500 is refused, one of 400 is empty."""
    return make_job(
        [_build_text(number) for number in range(count)],
        output,
        shard_size=SHARD_ROWS,
        batch_size=BATCH_SIZE,
        concurrency=CONCURRENCY,
        keep_text=True,
        npy=True,
    )


def _build_text(number: int) -> str:
    if number % 400 == 7:
        return ""
    return f"{REFUSED} {number}" if number % 500 == 3 else f"text {number - number % 3 if number % 10 == 5 else number}"


def run_job(url: str, count: int, output: Path, kill_at: int) -> None:
    """Run the job, in a process of its own, which kills itself at a change to a file; a negative number is none."""
    if kill_at >= 0:
        install_kill(kill_at)
    with Http(Gemini("test-key", base_url=url)) as run:
        run(build_job(count, output).flow()).unwrap()


def install_kill(kill_at: int) -> Callable[[], bool]:
    """Let this process kill itself at a change to a file; the function that is returned counts another step."""
    left = [kill_at]

    def take_step() -> bool:
        left[0] -= 1
        return left[0] < 0

    def wrap(step: Any) -> Any:
        def perform(*args: Any) -> Any:
            if take_step():
                if step.__name__ == "append_bytes":
                    view = memoryview(args[1]).cast("B")
                    step(args[0], view[: len(view) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return step(*args)

        return perform

    for name in STEPS:
        wrapped = wrap(getattr(disk, name))
        for module in (disk, folder, journal, batch_states, batch_flow):
            if hasattr(module, name):
                setattr(module, name, wrapped)
    return take_step


class _CountingScript(EmbeddingScript):
    """A script that sets an event after a number of requests."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.limit = sys.maxsize

    def expect_requests(self, count: int) -> None:
        """Set the event once more after this number of requests."""
        self.reached.clear()
        self.limit = len(self.sent.batches) + count

    def __call__(self, received: ReceivedRequest) -> Answer:
        answer = super().__call__(received)
        if len(self.sent.batches) >= self.limit:
            self.reached.set()
        return answer


def kill_job(count: int, kills: int, seed: int) -> dict[str, int]:
    """
    Run a job undisturbed, and others with so many kills; return the numbers of kills and of texts sent.

    Raises AssertionError if an output differs, or more texts were sent twice than the batches in flight contain.
    """
    choose = random.Random(seed)
    script = _CountingScript()
    killed = jobs = 0
    with tempfile.TemporaryDirectory() as root, Loopback(script) as server:
        run_job(server.url, count, Path(root, "undisturbed"), -1)
        expected, files = script.sent.counts, read_files(Path(root, "undisturbed"))
        script.sent.batches.clear()
        pace = max(2, 2 * (count // BATCH_SIZE) // kills)  # requests between two kills
        while killed < kills:
            jobs += 1
            output = Path(root, f"out-{jobs}")
            while killed < kills and _start_and_kill(server.url, count, output, script, choose, pace):
                killed += 1
            run_job(server.url, count, output, -1)
            assert read_files(output) == files, f"job {jobs} of seed {seed}: the outputs differ"
    sent = script.sent.counts
    assert sent.keys() == expected.keys()
    # a text beside one that is refused is sent again in halves; of all others, each time is one too many
    whole = [text for text in sent if expected[text] == 1 and REFUSED not in text]
    twice = sum(sent[text] - jobs for text in whole)
    bound = killed * CONCURRENCY * BATCH_SIZE
    assert 0 <= twice <= bound, f"{twice} texts were sent twice, more than {bound}"
    return {"kills": killed, "jobs": jobs, "texts": count, "sent": sent.total(), "twice": twice, "bound": bound}


def _start_and_kill(  # what a kill depends on
    url: str, count: int, output: Path, script: _CountingScript, choose: random.Random, pace: int
) -> bool:
    """Start the job and kill it, at a change to a file, or a moment after a request; return False if it has ended."""
    kill_at = choose.randrange(pace * 3) if choose.random() < 0.5 else -1
    script.expect_requests(choose.randint(1, pace))
    command = [sys.executable, "-m", "tests.support.job_kills", "--run", url, str(count), str(output), str(kill_at)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        if kill_at < 0:
            while process.poll() is None and not script.reached.wait(0.005):
                pass
            time.sleep(choose.uniform(0, 0.05))  # the moment of the kill, not a wait for anything
            process.kill()
        _, errors = process.communicate(timeout=120)
    if process.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(errors.decode())
    return process.returncode != 0


def main(arguments: Sequence[str]) -> None:
    """Run the kills, and print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run", nargs=4, metavar=("URL", "TEXTS", "OUTPUT", "KILL_AT"), help=argparse.SUPPRESS)
    parsed = parser.parse_args(arguments)
    if parsed.run:
        url, count, output, kill_at = parsed.run
        run_job(url, int(count), Path(output), int(kill_at))
        return
    print(kill_job(parsed.texts, parsed.kills, parsed.seed))  # noqa: T201  # a command


if __name__ == "__main__":
    main(sys.argv[1:])
